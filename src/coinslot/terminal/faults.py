"""Faults: found at an outlet, recorded once when they come and once when they go, and they end a session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from coinslot.terminal.scribe import Scribe
from coinslot.terminal.taps import FOLLOW_MS, Tap
from coinslot.wire.records import Fault, FaultCode


def raise_fault(scribe: Scribe, tap: Tap, code: FaultCode, session: str | None) -> None:
    """Note that the cause was seen now; a record when it is new."""
    new = code not in tap.faults
    tap.faults[code] = scribe.now
    if new:
        _write(scribe, tap, code, session, active=True)


def clear_quiet(scribe: Scribe, tap: Tap) -> None:
    """Record the end of faults whose cause is gone."""
    for code in tap.over(scribe.now):
        del tap.faults[code]
        _write(scribe, tap, code, None, active=False)


def restore(scribe: Scribe, tap: Tap) -> None:
    """After a boot a fault of the journal's is still active until it has been quiet for long enough."""
    for outlet, code in sorted(scribe.kept.faults):
        if outlet == tap.number:
            tap.faults[code] = scribe.now


def valve_disobeys(tap: Tap) -> bool:
    """Whether the valve still contradicts its order when it has had the time to follow.

    Only a word spoken after that time counts: when the loop has stood still, the latest one may be from
    before the order.
    """
    return (
        tap.reported_open is not None
        and tap.reported_open is not tap.open
        and tap.reported_at - tap.ordered_at >= FOLLOW_MS
    )


def meter_is_stuck(tap: Tap, now: int) -> bool:
    """Whether the valve has been open too long without a first movement of the meter."""
    within_s = tap.settings.flow_within_s
    run = tap.run
    return (
        within_s is not None
        and run is not None
        and not run.by_time
        and run.paused_at is None
        and now - max(run.watched_from, run.last_at) >= within_s * 1000
    )


BEFORE_LIMIT_S = 2
"""The power is read once a second: the last word on a short package comes this long before its end."""


def draws_nothing(tap: Tap) -> bool:
    """Whether the relay has been closed long enough, and still no appliance is there.

    Like the valve's word, only a reading of the power after that time counts.
    """
    run, settings = tap.run, tap.settings
    if run is None or run.loaded or run.paused_at is not None or settings.no_load_w is None:
        return False
    within_s = min(settings.load_within_s, run.about.limits.s - BEFORE_LIMIT_S)
    return tap.power.heard_at - run.watched_from >= within_s * 1000


def _write(scribe: Scribe, tap: Tap, code: FaultCode, session: str | None, *, active: bool) -> None:
    # A full journal keeps its last bytes for the ends of sessions; the display shows the fault anyway.
    if not scribe.has_room(len(scribe.kept.open)):
        return
    scribe.record(
        Fault(
            boot=scribe.kept.boot,
            ticks_ms=scribe.now,
            wall_ms=scribe.wall_ms,
            outlet=tap.number,
            code=code,
            active=active,
            session=session,
            registers=dict(tap.registers),
        )
    )


def silent(taps: Mapping[int, Tap], now: int) -> Iterator[Tap]:
    """Outlets whose sensor of power is owed a word. To be asked at a tick, when the shell has asked every sensor: a
    loop that stood still is no silent sensor."""
    return (tap for tap in taps.values() if tap.power.silent(now))
