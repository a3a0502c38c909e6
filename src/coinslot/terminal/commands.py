"""The server's messages, each to the part of the core that obeys it."""

from __future__ import annotations

from typing import assert_never

from coinslot.terminal.codes import Codes
from coinslot.terminal.incoming import BadStart, understand
from coinslot.terminal.linking import Linking
from coinslot.terminal.renewing import Renewing
from coinslot.terminal.sales import Sales
from coinslot.terminal.screens import Screen
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
from coinslot.wire.records import DeclineReason


class Commands:
    """What was configured, and who gets which message."""

    def __init__(
        self,
        link: Linking,
        sessions: Sessions,
        sales: Sales,
        codes: Codes,
        renewing: Renewing,
        screens: dict[int, Screen],
    ) -> None:
        self._link = link
        self._sessions = sessions
        self._sales = sales
        self._codes = codes
        self._renewing = renewing
        self._screens = screens
        self.config = Config()
        self.watched_until = 0

    def received(self, data: bytes, now: int) -> None:
        """The same, not yet parsed."""
        message = understand(data)
        if isinstance(message, BadStart):
            self._sessions.decline(message.start, DeclineReason.LIMITS)
        elif message is not None:
            self.obey(message, now)

    def obey(self, message: Down, now: int) -> None:
        """A message for another link is dropped; a start among them is declined."""
        right_link = self._link.is_right(message.link)
        if isinstance(message, Start):
            self._sessions.start(
                message,
                right_link=right_link,
                wanted=self._codes.wants(message.outlet),
                link_ms=self._link.link_ms,
            )
            return
        if not right_link:
            return
        match message:
            case Welcome():
                self._configure(message.config)
                if self._link.welcomed(message):
                    self._sales.relinked()
                    self._codes.relinked(message.now_ms)
                    self._renewing.relinked()
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
            case Offline():
                self._codes.offline.keep(message)
            case Burn():
                self._codes.offline.burn(message)
            case Update():
                self._renewing.offered(message)
            case _:
                assert_never(message)

    def _configure(self, config: Config) -> None:
        self.config = config
        self._sessions.checkpoint_ms = config.checkpoint_s * 1000

    def _show(self, show: Show, now: int) -> None:
        screen = self._screens.get(show.outlet)
        if screen is None or self._codes.answered(show) or self._sales.billed(screen, show):
            return
        if show.request is not None:
            self._sales.answered(screen, show)
        else:
            screen.told(show, now)
