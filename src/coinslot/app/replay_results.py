"""What a replay found: one line for each use, totals, and whether the books fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from coinslot.sessions.states import State

SLOWEST = 5


class Played(Struct, frozen=True, kw_only=True):
    """One use. Amounts in minor units; None where the session did not get so far."""

    event_id: str
    recorded_ml: int = 0
    recorded_mwh: int = 0
    """Of a recording of power, in thousandths of a watt-hour, the rest of one left out."""
    recorded_s: int
    """From the first to the last second with flow or power, both included."""
    register_ml: int | None = None
    """The session's use by the terminal's register, as it was charged."""
    register_wh: int | None = None
    """The same of a recording of power."""
    register_s: int | None = None
    charge_minor: int | None = None
    held_minor: int | None = None
    captured_minor: int | None = None
    released_minor: int | None = None
    state: str
    """The session's own, or `not started`, `not played`."""
    end: str | None = None
    """Why the terminal stopped."""
    cut_by_hold: bool = False
    """It reached a limit that the hold or the package set, not the tariff's own."""
    session_id: str | None = None
    terminal_id: str | None = None
    took_ms: int = 0
    """Real time from the start to the settled session."""
    problem: str | None = None
    """What went wrong, in words."""

    @property
    def settled(self) -> bool:
        """Whether it came to its proper end."""
        return self.state == State.SETTLED and self.problem is None


class Totals(Struct, frozen=True, kw_only=True):
    """Sums over all uses."""

    events: int
    settled: int
    failed: int
    cut_by_hold: int
    recorded_ml: int
    recorded_mwh: int
    recorded_s: int
    register_ml: int
    register_wh: int
    charge_minor: int
    held_minor: int
    captured_minor: int
    released_minor: int
    ends: dict[str, int]
    """How many ended for which reason; `failed` for those that came to none."""


class LedgerCheck(Struct, frozen=True, kw_only=True):
    """The replay's own books, recomputed, and compared with the sessions."""

    sound: bool
    """Every entry, seal and balance fits."""
    entries: int
    postings: int
    seals: int
    faults: tuple[str, ...]
    revenue_minor: int
    """What the operator earned by the ledger."""
    held_minor: int
    """What is still held for these sessions; 0 once all are settled."""
    agrees: bool
    """The ledger's revenue is what the sessions say was captured, nothing is held or promised any more, wallets hold
    all that was paid in and not earned, and what guests did not use has gone back to them."""
    paid_in_minor: int = 0
    """What customers had on their wallets before."""
    wallets_minor: int = 0
    """What they have there now."""
    promised: int = 0
    """Sessions whose code without a link was neither used nor given up; 0 once all is told."""
    refunded_minor: int = 0
    """What providers say went back to guests."""

    @property
    def ok(self) -> bool:
        """Both."""
        return self.sound and self.agrees


class Report(Struct, frozen=True, kw_only=True):
    """All of it; the JSON of `--json`."""

    trace: str
    kind: str
    tariff: str
    currency: str
    terminals: int
    speed: str
    pay: str = "wallet"
    package: str = ""
    way: str = "scan"
    credit_minor: int = 0
    """What a code without a link was good for; 0 where there were none."""
    events: tuple[Played, ...]
    totals: Totals
    ledger: LedgerCheck
    play_s: float
    """Real time from the first start to the last settled session."""
    wall_s: float
    """Real time of all, engines and migrations included."""

    @property
    def ok(self) -> bool:
        """Every use was settled and the books fit."""
        return self.totals.failed == 0 and self.ledger.ok

    @property
    def violations(self) -> int:
        """Uses that did not come to their proper end, faults of the books, and books that say other than the uses."""
        return self.totals.failed + len(self.ledger.faults) + int(not self.ledger.agrees)

    @property
    def slowest(self) -> list[Played]:
        """The uses that took longest in real time."""
        return sorted(self.events, key=lambda event: -event.took_ms)[:SLOWEST]


def add_up(events: Sequence[Played]) -> Totals:
    """The totals of these uses."""
    settled = [event for event in events if event.settled]
    ends = Counter(event.end or "unknown" if event.settled else "failed" for event in events)
    return Totals(
        events=len(events),
        settled=len(settled),
        failed=len(events) - len(settled),
        cut_by_hold=sum(event.cut_by_hold for event in events),
        recorded_ml=sum(event.recorded_ml for event in events),
        recorded_mwh=sum(event.recorded_mwh for event in events),
        recorded_s=sum(event.recorded_s for event in events),
        register_ml=sum(event.register_ml or 0 for event in events),
        register_wh=sum(event.register_wh or 0 for event in events),
        charge_minor=sum(event.charge_minor or 0 for event in events),
        held_minor=sum(event.held_minor or 0 for event in events),
        captured_minor=sum(event.captured_minor or 0 for event in events),
        released_minor=sum(event.released_minor or 0 for event in events),
        ends=dict(ends.most_common()),
    )
