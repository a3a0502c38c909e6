"""Typed codes: guarded, then asked of the server, or judged here while there is no link to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from coinslot.access.guarding import LONG_DIGITS
from coinslot.access.offline import DIGITS, Refusal
from coinslot.terminal.guards import Guards
from coinslot.terminal.keypad import Keypad
from coinslot.terminal.linking import Linking
from coinslot.terminal.offline import OfflineCodes
from coinslot.terminal.screens import Screen
from coinslot.terminal.scribe import Scribe
from coinslot.terminal.sessions import Sessions
from coinslot.terminal.taps import Tap
from coinslot.wire.messages import CodeEntered, Note, Show
from coinslot.wire.records import DeclineReason

ANSWER_MS = 10_000
"""An answer that takes longer is not waited for: who types the code again loses no try by it."""
CALLED_OFF_MS = 20_000
"""No start that a code has led to comes later: its time is 15 s."""
LATE = 8
"""Codes given up that are remembered: the server's word that one was wrong still counts."""


class Asked(Struct, frozen=True):
    """A code that the server was asked about."""

    request: str
    outlet: int
    length: int
    at: int


class Codes:
    """All outlets' keypads, from the confirming key to what is said about it."""

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
        self.guards = Guards(scribe, link, keypads)
        self.offline = OfflineCodes(scribe, link, sessions)
        self._asked: dict[int, Asked] = {}
        self._late: list[Asked] = []
        self._called_off: dict[int, int] = {}
        """Until when a start is not wanted: the stop key was pressed while a code was checked."""

    def begin(self) -> None:
        """A boot, behind the sessions' own recovery."""
        self.guards.begin()
        self.offline.recover()

    # ------------------------------------------------------------ people

    def typed(self, tap: Tap, digits: str, request: Callable[[], str]) -> None:
        """Somebody confirmed a code at a free outlet."""
        outlet, length = tap.number, len(digits)
        takes = self._link.is_up or (length == DIGITS and self.offline.takes(tap))
        hindrance = self._sessions.hindrance(tap, "")
        if hindrance is not None:
            self._sessions.declined[outlet] = hindrance
        elif not takes:
            self._screens[outlet].offline(self._scribe.now, codes=self.offline.takes(tap))
        elif self.guards.wait_ms(outlet, length):
            self._wait(outlet, length)
        elif self._link.is_up:
            self._ask(outlet, digits, request())
        else:
            self._judge(tap, digits)

    def _wait(self, outlet: int, length: int) -> None:
        locked_s = self.guards.locked_s(outlet)
        if length != LONG_DIGITS and locked_s:
            self._say(outlet, Note.LOCKED, locked_s)
        else:
            self._screens[outlet].too_soon(self._scribe.now)

    def _ask(self, outlet: int, digits: str, request: str) -> None:
        self.guards.taken(outlet, len(digits))
        self._called_off.pop(outlet, None)
        self._asked[outlet] = Asked(request, outlet, len(digits), self._scribe.now)
        self._screens[outlet].clear()
        self._link.send(CodeEntered(link=self._link.number, outlet=outlet, digits=digits, request=request))

    def _judge(self, tap: Tap, digits: str) -> None:
        match self.offline.accept(tap, digits):
            case Refusal() as refusal:
                self.guards.wrong(tap.number, len(digits))
                self._say(tap.number, Note.CODE_USED if refusal is Refusal.USED else Note.WRONG_CODE)
            case DeclineReason() as reason:
                self._sessions.declined[tap.number] = reason
            case None:
                self._screens[tap.number].clear()

    def call_off(self, outlet: int) -> None:
        """The stop key while a code is checked: nobody is to stand in water that was not wanted any more."""
        if outlet in self._asked:
            self._called_off[outlet] = self._scribe.now + CALLED_OFF_MS

    # ------------------------------------------------------------ the server

    def wants(self, outlet: int) -> bool:
        """Whether a start is still wanted there, as far as its keys say."""
        return outlet not in self._called_off

    def answered(self, show: Show) -> bool:
        """What the server says of a code. Whether it was about one."""
        asked = next(
            (one for one in (*self._asked.values(), *self._late) if one.request == show.request), None
        )
        if asked is None or show.outlet != asked.outlet:
            return False
        awaited = self._asked.get(asked.outlet) is asked
        if awaited:
            del self._asked[asked.outlet]
        else:
            self._late.remove(asked)
        if show.note is Note.WRONG_CODE:
            self.guards.wrong(asked.outlet, asked.length)
        elif show.note is Note.LOCKED and show.life_s is not None:
            self.guards.held(asked.outlet, show.life_s * 1000)
        if awaited:
            self._called_off.pop(asked.outlet, None)
            self._screens[asked.outlet].told(show, self._scribe.now)
        return True

    def relinked(self, now_ms: int) -> None:
        """A new link: nothing is answered any more that was asked on the one before."""
        self._late.clear()
        self.guards.welcomed(now_ms)

    # ------------------------------------------------------------ time

    def tick(self) -> None:
        """Give up what was not answered, and bring keypads up to the moment."""
        for outlet, asked in list(self._asked.items()):
            if self._sessions.taps[outlet].run is not None or outlet in self._sessions.declined:
                del self._asked[outlet]
            elif not self._link.is_up or self._scribe.now - asked.at >= ANSWER_MS:
                del self._asked[outlet]
                self._late = [*self._late, asked][-LATE:]
                self._say(outlet, Note.TRY_AGAIN)
        for outlet, until in list(self._called_off.items()):
            if self._scribe.now >= until or outlet in self._sessions.declined:
                del self._called_off[outlet]
        self.guards.tick()
        for outlet, keypad in self._keypads.items():
            keypad.checking = outlet in self._asked
            keypad.offline = self.offline.takes(self._sessions.taps[outlet])

    def _say(self, outlet: int, note: Note, life_s: int | None = None) -> None:
        show = Show(link=max(1, self._link.number), outlet=outlet, note=note, life_s=life_s)
        self._screens[outlet].told(show, self._scribe.now)
