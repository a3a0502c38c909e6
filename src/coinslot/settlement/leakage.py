"""One outlet's registers, chained through its sessions: what moved, what was billed, and the rest; pure.

A register is absolute, so the last reading of a session and the first of the next tell what flowed between
them. Idle readings only tell when: they may come before the records of the session they follow, and a session
that turns up later takes back what they had shown too early.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from msgspec import Struct

from coinslot import metering
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.commands import limits_of
from coinslot.settlement.differences import What
from coinslot.settlement.settle import meter_of, meter_spec
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register


class Flow(Struct, frozen=True, kw_only=True):
    """One register of one outlet on one day, in its unit."""

    operator: str
    terminal: str
    outlet: int
    day: date
    """The day on which the session ended, or the reading came, by the operator's clock."""
    register: Register
    billed: int
    """Counted by sessions, up to what their holds could pay."""
    beyond_hold: int
    """Counted by sessions beyond that: the overshoot within a pulse, unbilled."""
    doubted: int
    """Moved in sessions by steps that could not be believed, so not charged."""
    flushed: int = 0
    """Counted while a technician let it run: neither billed nor lost."""
    unsold: int
    """Moved between sessions. Negative where a late session explains what an earlier day had shown."""

    @property
    def moved(self) -> int:
        """How far the register moved."""
        return self.billed + self.flushed + self.leakage

    @property
    def leakage(self) -> int:
        """What moved, was not billed, and nobody let run on purpose."""
        return self.beyond_hold + self.doubted + self.unsold


@dataclass
class _Sum:
    billed: int = 0
    beyond_hold: int = 0
    doubted: int = 0
    unsold: int = 0
    flushed: int = 0


@dataclass
class _Place:
    """Where a register stands."""

    proved: int | None = None
    """By the last session's end."""
    seen: int | None = None
    """By an idle reading after it."""
    modulus: int | None = None
    epoch: str | None = None


class Chain:
    """Feed one outlet's ended sessions and idle readings in the order of time, then take `flows`."""

    def __init__(self, operator: str, terminal: str, outlet: int) -> None:
        self.operator = operator
        self.terminal = terminal
        self.outlet = outlet
        self.faults: list[tuple[What, str, str]] = []
        """What is wrong, the session, the detail. The caller empties it."""
        self._places: dict[Register, _Place] = {}
        self._sums: dict[tuple[date, Register], _Sum] = {}
        self._occupied = False

    def session(self, session: Session, day: date) -> None:
        """A session that ended on `day`; a live one only says that the outlet is in use.

        One that was released is passed over: what flowed in it was not sold, and shows as that.
        """
        self._occupied = session.occupying
        meter = meter_of(session)
        if session.live or meter is None or session.state is State.RELEASED:
            return
        spec = meter_spec(session.meter_spec)
        limits = limits_of(session)
        over = (session.charge_minor or 0) > session.hold_minor
        for register, track in meter.tracks.items():
            into = self._sum(day, register)
            modulus = spec.of(register).modulus
            beyond = max(0, track.usage - _limit(limits, register)) if over else 0
            if session.flush_by is None:
                into.billed += track.usage - beyond
            else:
                into.flushed += track.usage
            into.beyond_hold += beyond
            first = _first(meter, register)
            place = self._places.get(register)
            if first is not None:
                into.doubted += self._inside(session, register, first, track, modulus)
                if place is not None:
                    into.unsold += self._between(session, register, place, first, modulus)
            self._places[register] = _Place(proved=track.value, modulus=modulus, epoch=session.epoch)

    def reading(self, registers: Mapping[Register, int], day: date) -> None:
        """An idle reading: what it shows beyond the last place has flowed by that day."""
        if self._occupied:
            return
        for register, value in registers.items():
            place = self._places.setdefault(register, _Place())
            known = place.proved if place.seen is None else place.seen
            if place.modulus is not None:
                continue  # below and beyond cannot be told apart
            if known is None:
                place.seen = value
            elif value > known:
                self._sum(day, register).unsold += value - known
                place.seen = value

    def flows(self) -> Iterator[Flow]:
        """Every day and register, in order."""
        for (day, register), total in sorted(self._sums.items()):
            yield Flow(
                operator=self.operator,
                terminal=self.terminal,
                outlet=self.outlet,
                day=day,
                register=register,
                billed=total.billed,
                beyond_hold=total.beyond_hold,
                doubted=total.doubted,
                unsold=total.unsold,
                flushed=total.flushed,
            )

    def _sum(self, day: date, register: Register) -> _Sum:
        return self._sums.setdefault((day, register), _Sum())

    def _inside(
        self, session: Session, register: Register, first: int, track: metering.Track, modulus: int | None
    ) -> int:
        rest = track.value - first - track.usage
        if modulus is not None:
            return rest % modulus
        if rest < 0:
            detail = f"counted {track.usage} {register.value}, moved from {first} to {track.value}"
            self.faults.append((What.OVERCOUNTED, session.id, detail))
        return max(0, rest)

    def _between(
        self, session: Session, register: Register, place: _Place, first: int, modulus: int | None
    ) -> int:
        if place.proved is None:
            return max(0, first - (place.seen or 0))
        gap = first - place.proved
        if modulus is not None:
            gap %= modulus
            # More than half way round is rather a small step back, as in metering.
            gap = gap if 2 * gap < modulus else gap - modulus
        if gap >= 0:
            return gap if place.seen is None else first - place.seen
        if place.epoch == session.epoch:
            detail = f"{register.value} began at {first}, the session before ended at {place.proved}"
            self.faults.append((What.BACKWARDS, session.id, detail))
        return 0  # another journal: the terminal's memory was replaced, and its registers with it


def _first(meter: metering.MeterState, register: Register) -> int | None:
    """The register at the session's start; None where nobody knows it."""
    if metering.DoubtAt(metering.Doubt.MISSING_START, register) in meter.doubts:
        return None
    return meter.start.registers.get(register)


def _limit(limits: Limits, register: Register) -> int:
    match register:
        case Register.ML:
            return limits.ml
        case Register.S:
            return limits.s
        case Register.WH:
            return limits.wh
        case Register.COUNT:
            return limits.count
