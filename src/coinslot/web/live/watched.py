"""One watched session: what is known of it, and who waits for news."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from coinslot.sessions.states import State
from coinslot.web.live.store import Change, Found, Key
from coinslot.web.live.views import Heard, LiveView, view_of
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Readings

log = logging.getLogger(__name__)


class Watched:
    """The newest view, and a word to all who wait whenever it changes. It keeps no older one."""

    def __init__(self, found: Found, heard: Heard | None) -> None:
        self._session = found.session
        self._standing = found.standing
        self._heard = heard
        self._early: tuple[Readings, datetime] | None = None
        """A reading on a link that the database did not yet know of."""
        self._news = asyncio.Event()
        self._over = False
        self._unread = False
        """The row as it is now cannot be read, and the log has been told so."""
        self.watchers = 0
        """Streams that follow it now."""
        self.kept_until_s = 0.0
        """In the loop's time: somebody asked, and may ask again."""
        self.view: LiveView = view_of(self._session, self._standing, self._heard)

    @property
    def key(self) -> Key:
        """Whose and which session."""
        return self._session.operator, self._session.id

    @property
    def terminal(self) -> TerminalId:
        """The terminal that drives its outlet."""
        return self._session.terminal

    @property
    def link(self) -> int | None:
        """The link on which its terminal can be asked for quick readings; None when there is nothing to ask."""
        standing = self._standing
        return standing.link if standing.online and standing.link and not self.view.ended else None

    def hear(self, reading: Readings, at: datetime) -> bool:
        """Take a reading of its terminal. Whether the database should be asked what it means."""
        session, standing = self._session, self._standing
        if reading.session != session.id or reading.outlet != session.outlet or reading.link < standing.link:
            return False
        if reading.link > standing.link:
            self._early = (reading, at)
            return True
        self._take(reading, at)
        return session.state in (State.AUTHORIZED, State.UNKNOWN)

    def change(self, change: Change) -> None:
        """Take what the database says; answers may overtake each other, and an end is final."""
        if self.view.ended:
            return
        self._session = change.applied(self._session)
        self._standing = change.standing
        if self._early is not None and self._early[0].link <= change.standing.link:
            (reading, at), self._early = self._early, None
            if reading.link == change.standing.link:
                self._take(reading, at)
                return
        self._tell()

    def end(self) -> None:
        """Let go of all who wait."""
        self._over = True
        self._wake()

    async def views(self, every_s: float) -> AsyncIterator[LiveView]:
        """Each newest view, and the same again when `every_s` has passed without news; ends with the session."""
        while True:
            news = self._news
            yield self.view
            if self.view.ended or self._over:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await news.wait()
            if self._over:
                return

    def _take(self, reading: Readings, at: datetime) -> None:
        known = self._heard
        boot = self._standing.boot
        if known is not None and (known.boot, known.ticks_ms) >= (boot, reading.ticks_ms):
            return
        self._heard = Heard(
            boot=boot,
            ticks_ms=reading.ticks_ms,
            registers=reading.registers,
            at=at,
            flow_ml_per_min=reading.flow_ml_per_min,
            valve_open=reading.valve_open,
            sensors=reading.sensors,
        )
        self._tell()

    def _tell(self) -> None:
        try:
            view = view_of(self._session, self._standing, self._heard)
        except (ValueError, msgspec.MsgspecError) as error:
            # One row that cannot be read must not end the watching of all others; its page says how old it is.
            if not self._unread:
                log.error("session %s cannot be shown as it is now: %s", self._session.id, error)
            self._unread = True
            return
        self._unread = False
        if view != self.view:
            self.view = view
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
