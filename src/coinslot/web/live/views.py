"""What a watched session looks like: its row, its terminal's link and the latest reading, made into figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec
from msgspec import Struct

from coinslot import metering, tariffs
from coinslot.sessions.model import Session
from coinslot.sessions.states import LIVE, State
from coinslot.settlement.commands import limits_of
from coinslot.settlement.settle import meter_of, meter_spec
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register, Registers


class Standing(Struct, frozen=True, kw_only=True):
    """How a session's terminal stands on its link, as stored."""

    link: int
    boot: int
    online: bool


class Heard(Struct, frozen=True, kw_only=True):
    """A reading of the session, of a link and boot that the server knows."""

    boot: int
    ticks_ms: int
    registers: Registers
    at: datetime
    """When it reached us."""
    flow_ml_per_min: int | None = None
    valve_open: bool | None = None
    sensors: Mapping[str, int] = {}


class LiveView(Struct, frozen=True, kw_only=True):
    """One session at one moment. Money is minor units of `currency`, and never more than the hold."""

    session: str
    state: State
    currency: str
    usage: Mapping[Register, int]
    """By the rules of the bill: what is doubted is not counted."""
    charge_minor: int
    hold_minor: int
    limit: Limits
    """Where the terminal ends it by itself."""
    duration_ms: int
    """From the start to the latest figure, by the terminal's own time."""
    flow_ml_per_min: int | None
    valve_open: bool | None
    sensors: Mapping[str, int]
    at: datetime | None
    """When the figures were measured; None while no reading has come."""
    online: bool
    """Whether the terminal is connected, as far as the server knows."""
    stop_asked: bool
    doubted: bool
    """The meter shows what cannot be true."""

    @property
    def ended(self) -> bool:
        """Nothing more will change: the bill is there."""
        return self.state not in LIVE

    @property
    def released_minor(self) -> int:
        """What would go back if it ended now."""
        return self.hold_minor - self.charge_minor


def view_of(session: Session, standing: Standing, heard: Heard | None) -> LiveView:
    """The figures now: the stored meter moved by the latest reading, rated by the frozen quote. Stores nothing."""
    meter = meter_of(session) if session.settled_at is None else None
    usage: Mapping[Register, int] = {}
    doubted, duration_ms, used = False, 0, None
    if meter is not None:
        meter, used = _moved(meter, heard, session)
        usage, doubted = meter.usage, meter.needs_review
        duration_ms = _duration_ms(meter, used)
    if session.settled_at is not None and session.registers is not None:
        usage = _usage.decode(session.registers)
    return LiveView(
        session=session.id,
        state=session.state,
        currency=session.currency,
        usage=usage,
        charge_minor=_charge_minor(session, usage),
        hold_minor=session.hold_minor,
        limit=limits_of(session),
        duration_ms=session.duration_ms if session.duration_ms is not None else duration_ms,
        flow_ml_per_min=None if used is None else used.flow_ml_per_min,
        valve_open=None if used is None else used.valve_open,
        sensors={} if used is None else used.sensors,
        at=None if used is None else used.at,
        online=standing.online,
        stop_asked=session.stop_asked_at is not None,
        doubted=doubted,
    )


def _moved(
    meter: metering.MeterState, heard: Heard | None, session: Session
) -> tuple[metering.MeterState, Heard | None]:
    """The meter after the reading, and the reading if it is not older than what is stored."""
    if heard is None:
        return meter, None
    latest = max(((track.boot, track.ticks_ms) for track in meter.tracks.values()), default=(0, 0))
    if (heard.boot, heard.ticks_ms) < latest:
        return meter, None
    reading = metering.Reading(registers=heard.registers, boot=heard.boot, ticks_ms=heard.ticks_ms)
    return metering.advance(meter, reading, meter_spec(session.meter_spec)), heard


def _duration_ms(meter: metering.MeterState, used: Heard | None) -> int:
    start = meter.start
    ticks = [track.ticks_ms for track in meter.tracks.values() if track.boot == start.boot]
    if used is not None and used.boot == start.boot:
        ticks.append(used.ticks_ms)
    return max(0, max(ticks, default=start.ticks_ms) - start.ticks_ms)


def _charge_minor(session: Session, usage: Mapping[Register, int]) -> int:
    if session.captured_minor is not None:
        return session.captured_minor
    if session.state not in LIVE:
        return 0
    return min(tariffs.rate(quote_of(session.quote), usage).amount_minor, session.hold_minor)


_usage = msgspec.json.Decoder(dict[Register, int])


@lru_cache(maxsize=256)
def quote_of(text: str) -> tariffs.Quote:
    """A session's frozen quote; sessions of one tariff and moment share it."""
    return tariffs.decode_quote(text.encode())
