"""What the core does about updates: says how they stand, and lets the agent be started again when nobody minds."""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.terminal.actions import Offered, Restart
from coinslot.terminal.events import RestartWanted, UpdateStands
from coinslot.terminal.keypad import Keypad
from coinslot.terminal.linking import Linking
from coinslot.terminal.screens import Screen
from coinslot.terminal.scribe import Scribe
from coinslot.terminal.sessions import Sessions
from coinslot.wire.messages import Update, Updated, UpdateKind

QUIET_MS = 30_000
"""Since anybody used an outlet: whoever has just ended reads the bill, and the next may already be choosing."""


class Renewing:
    """Updates of one terminal, as its core sees them."""

    def __init__(
        self,
        scribe: Scribe,
        link: Linking,
        sessions: Sessions,
        screens: Mapping[int, Screen],
        keypads: Mapping[int, Keypad],
    ) -> None:
        self._scribe = scribe
        self._link = link
        self._sessions = sessions
        self._screens = screens
        self._keypads = keypads
        self._stands: dict[UpdateKind, UpdateStands] = {}
        self._wanted = False
        self._used_at: int | None = None

    def offered(self, update: Update) -> None:
        """The server announces something: to be judged outside the core."""
        self._scribe.act(Offered(update))

    def hear(self, event: UpdateStands | RestartWanted) -> None:
        """What the updater has to say."""
        if isinstance(event, RestartWanted):
            self._wanted = True
            return
        self._stands[event.kind] = event
        if self._link.is_up:
            self._say(event)

    def relinked(self) -> None:
        """A new link is welcomed: all of it again, since what was said before may be lost."""
        for stands in self._stands.values():
            self._say(stands)

    def tick(self) -> None:
        """Restart once it is quiet. From then on whatever comes is declined as closed."""
        now = self._scribe.now
        if self._is_used():
            self._used_at = now
        quiet = self._used_at is None or now - self._used_at >= QUIET_MS
        if self._wanted and quiet and not self._sessions.closed:
            self._wanted = False
            self._sessions.closed = True
            self._scribe.act(Restart())

    def _is_used(self) -> bool:
        return (
            any(tap.run is not None for tap in self._sessions.taps.values())
            or any(screen.choosing.under_way or screen.choosing.picked for screen in self._screens.values())
            or any(keypad.digits or keypad.checking for keypad in self._keypads.values())
        )

    def _say(self, stands: UpdateStands) -> None:
        self._link.send(
            Updated(
                link=self._link.number,
                version=stands.version,
                serial=stands.serial,
                step=stands.step,
                kind=stands.kind,
                detail=stands.detail,
            )
        )
