"""The server's messages, each to the part of the core that obeys it."""

from __future__ import annotations

from typing import assert_never

from coinslot.terminal.display import Lines, Texts
from coinslot.terminal.linking import Linking
from coinslot.terminal.sales import Sales
from coinslot.terminal.screens import NOTICE_MS, QR_MS, Screen
from coinslot.terminal.sessions import Sessions
from coinslot.wire.messages import (
    Ack,
    Burn,
    Config,
    Configure,
    Down,
    Menu,
    Offline,
    Ping,
    Show,
    Start,
    Stop,
    Update,
    Welcome,
)


class Commands:
    """What was configured, and who gets which message."""

    def __init__(
        self, link: Linking, sessions: Sessions, sales: Sales, screens: dict[int, Screen], texts: Texts
    ) -> None:
        self._link = link
        self._sessions = sessions
        self._sales = sales
        self._screens = screens
        self._texts = texts
        self.config = Config()
        self.watched_until = 0

    def obey(self, message: Down, now: int) -> None:
        """A message for another link is dropped; a start among them is declined."""
        right_link = self._link.is_right(message.link)
        if isinstance(message, Start):
            self._sessions.start(message, right_link=right_link, link_ms=self._link.link_ms)
            return
        if not right_link:
            return
        match message:
            case Welcome():
                self._configure(message.config)
                if self._link.welcomed(message):
                    self._sales.relinked()
            case Ack():
                self._link.acked(message)
            case Stop(session=session):
                self._sessions.stop(session)
            case Show():
                self._show(message, now)
            case Configure(config=config, watch_s=watch_s):
                self._configure(config)
                self.watched_until = now + watch_s * 1000
            case Ping():
                self._link.hello()
            case Menu():
                self._sales.offer(message)
            case Offline() | Burn() | Update():
                pass  # this agent is updated by the board's package manager, not over the link
            case _:
                assert_never(message)

    def _configure(self, config: Config) -> None:
        self.config = config
        self._sessions.checkpoint_ms = config.checkpoint_s * 1000

    def _show(self, show: Show, now: int) -> None:
        screen = self._screens.get(show.outlet)
        if screen is None or self._sales.billed(screen, show):
            return
        if show.request is not None:
            self._sales.answered(screen, show)
        elif show.qr is not None:
            screen.show(_two(show.lines) or (self._texts.word("pay"), ""), now, QR_MS, show.qr)
        elif show.bill is not None:
            bill = show.bill
            screen.show(
                self._texts.bill(bill.charge_minor, bill.balance_minor, bill.currency), now, NOTICE_MS * 2
            )
        elif show.balance_minor is not None:
            screen.show(self._texts.balance(show.balance_minor), now)
        elif show.lines:
            screen.show(_two(show.lines) or ("", ""), now)


def _two(lines: list[str]) -> Lines | None:
    if not lines:
        return None
    return lines[0], lines[1] if len(lines) > 1 else ""
