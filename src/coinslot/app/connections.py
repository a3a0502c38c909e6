"""Who is connected, and for how long each may keep a place without asking anything.

Ten thousand connections that say nothing must not keep one stop button from being heard. So every phase in
which we wait for the peer has an end, one address has a limited number of places, and a newcomer who finds
all taken gets the place of whoever has kept us waiting longest. Connections at work are never taken away.
"""

from __future__ import annotations

import resource
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from time import monotonic
from typing import Final

MOST: Final = 8192
PER_SOURCE: Final = 512
"""Of one address; a dormitory behind one router has fewer open at a time."""
ENOUGH_FILES: Final = 16_384
"""Open files that a server should be allowed: all places, as many again for what they ask, and the engines'."""
_RESERVED: Final = 1024


class Phase(Enum):
    """What a connection is doing; the value is how many seconds that may take."""

    HANDSHAKE = 10.0
    """TLS is not agreed yet."""
    HEAD = 10.001
    """Nothing, or half a request's head, has come. Enums with one value would be one member."""
    BODY = 20.0
    """A body is coming; begins anew with every 64 KiB of it."""
    WORKING = 120.0
    """We answer. Longer than any answer of ours: who is then still here takes nothing of it."""
    STREAM = float("inf")
    """A live view; `web.streams` looks after it."""
    KEPT = 30.0
    """Answered, and open for another request."""
    ENDING = 5.0
    """Closed by us, not yet by the peer."""


_WAITING: Final = (Phase.HANDSHAKE, Phase.HEAD, Phase.BODY, Phase.KEPT, Phase.ENDING)


class Place:
    """One connection's. `cut` breaks it off; whoever takes the place sets what that does."""

    __slots__ = ("_all", "_cut", "phase", "since_s", "source")

    def __init__(self, everybody: Connections, source: str | None) -> None:
        self._all = everybody
        self._cut: Callable[[], object] | None = None
        self.source = source
        self.phase: Phase | None = None
        """None once it was given back."""
        self.since_s = 0.0

    def taken(self, cut: Callable[[], object]) -> None:
        """Set what breaks this connection off."""
        self._cut = cut

    def enter(self, phase: Phase) -> None:
        """Begin a phase. Nothing happens to a place that was given back."""
        if self.phase is not None:
            self._all.move(self, phase)

    def endless(self) -> None:
        """From now on this is a live view: no deadline until it is answered."""
        self.enter(Phase.STREAM)

    def cut(self) -> None:
        """Break the connection off and give the place back."""
        cut, self._cut = self._cut, None
        self.leave()
        if cut is not None:
            cut()

    def leave(self) -> None:
        """Give the place back; again is harmless."""
        if self.phase is not None:
            self._all.remove(self)


class Connections:
    """All places of one server."""

    def __init__(
        self, most: int = MOST, per_source: int = PER_SOURCE, clock: Callable[[], float] = monotonic
    ) -> None:
        self._most = most
        self._per_source = per_source
        self._clock = clock
        self._phases: dict[Phase, OrderedDict[Place, None]] = {phase: OrderedDict() for phase in Phase}
        self._sources: dict[str, OrderedDict[Place, None]] = {}
        self.count = 0
        """Places taken."""
        self.cut_for_room = 0
        """How many were taken away for a newcomer, or refused, since the start."""

    def admit(self, source: str | None) -> Place | None:
        """A place in phase HANDSHAKE; None when there is none for this source. Source None has no limit."""
        if source is not None and len(self._sources.get(source, ())) >= self._per_source:
            waiting = (place for place in self._sources[source] if place.phase in _WAITING)
            if not self._take(next(waiting, None)):
                return None
        if self.count >= self._most and not self._take(self._longest_waiting()):
            return None
        place = Place(self, source)
        place.phase, place.since_s = Phase.HANDSHAKE, self._clock()
        self._phases[Phase.HANDSHAKE][place] = None
        if source is not None:
            self._sources.setdefault(source, OrderedDict())[place] = None
        self.count += 1
        return place

    def move(self, place: Place, phase: Phase) -> None:
        """Into another phase, or anew into the same. Called by the place."""
        assert place.phase is not None
        del self._phases[place.phase][place]
        place.phase, place.since_s = phase, self._clock()
        self._phases[phase][place] = None
        if place.source is not None:
            self._sources[place.source].move_to_end(place)

    def remove(self, place: Place) -> None:
        """Called by the place."""
        assert place.phase is not None
        del self._phases[place.phase][place]
        place.phase = None
        self.count -= 1
        if place.source is not None:
            of_source = self._sources[place.source]
            del of_source[place]
            if not of_source:
                del self._sources[place.source]

    def sweep(self) -> None:
        """Cut everybody whose phase has lasted too long."""
        now_s = self._clock()
        for phase, places in self._phases.items():
            while places and (first := next(iter(places))).since_s + phase.value <= now_s:
                first.cut()

    def shed(self, wanted: int) -> None:
        """Cut this many of those who have kept us waiting longest: the machine has no more room."""
        for _ in range(wanted):
            if not self._take(self._longest_waiting()):
                return

    def cut_all(self) -> None:
        """The server is gone."""
        for places in self._phases.values():
            while places:
                next(iter(places)).cut()

    def _longest_waiting(self) -> Place | None:
        first = [next(iter(self._phases[phase]), None) for phase in _WAITING]
        return min(
            (place for place in first if place is not None), key=lambda place: place.since_s, default=None
        )

    def _take(self, place: Place | None) -> bool:
        self.cut_for_room += 1
        if place is None:
            return False
        place.cut()
        return True


def raise_file_limit() -> int:
    """Allow this process, and the engines it starts, all open files that the system lets it; how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, 1 << 20)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return hard


def room(files: int) -> int:
    """Places that so many open files leave, when database, broker and logs have theirs."""
    return min(MOST, max(files // 2, files - _RESERVED))
