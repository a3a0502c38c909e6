"""Sessions as a terminal would have made them, without a terminal: for tests of what is shown of them."""

from __future__ import annotations

from datetime import datetime

import msgspec
from nats.aio.client import Client

from coinslot import metering
from coinslot.engines.connect import Pool
from coinslot.people.browsers import begin_login
from coinslot.wire import codec
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Readings
from coinslot.wire.records import CurvePoint, Summary
from coinslot.wire.registers import Register
from coinslot.wire.topics import Channel, subject

START_ML = 5_000
START_MS = 60_000
WATER = {
    "water_decic": Summary(138, 141, 135, 144, 140),
    "tds_ppm": Summary(31, 33, 31, 34, 32),
    "filter_age_h": Summary(300, 300, 300, 300, 300),
}
CURVE = [CurvePoint(at, at * 40) for at in range(0, 31, 3)]


async def log_in(pool: Pool, operator: OperatorId, customer: CustomerId, token: str | None = None) -> str:
    """A browser's token that is logged in as this customer."""
    async with pool.acquire() as connection, connection.transaction():
        return await begin_login(connection, operator, customer, token)


def meter(ml: int, at_ms: int, boot: int = 0) -> metering.MeterState:
    """The state of a meter that has counted so far since `START_MS`."""
    begun = metering.begin(
        metering.Reading(registers={Register.ML: START_ML, Register.S: 0}, boot=boot, ticks_ms=START_MS)
    )
    if at_ms == START_MS:
        return begun
    later = metering.Reading(
        registers={Register.ML: START_ML + ml, Register.S: (at_ms - START_MS) // 1000},
        boot=boot,
        ticks_ms=at_ms,
    )
    return metering.advance(begun, later, metering.DEFAULT_SPEC)


async def runs(pool: Pool, session: str, *, ml: int = 0, after_s: int = 0) -> None:
    """Let it run, with this much on its last checkpoint."""
    state = metering.encode_state(meter(ml, START_MS + after_s * 1000)).decode()
    await pool.execute(
        "UPDATE session SET state = 'running', started_at = created_at + interval '1 s', meter = $2"
        " WHERE session_id = $1",
        session,
        state,
    )


async def ends(
    pool: Pool,
    session: str,
    *,
    state: str = "settled",
    ml: int = 2_014,
    charge_minor: int = 9,
    captured_minor: int | None = None,
    arrears_minor: int = 0,
    duration_ms: int = 30_400,
    reason: str = "key",
    stopped_at: datetime | None = None,
) -> None:
    """Let it end with this usage."""
    await pool.execute(
        """
        UPDATE session SET state = $2, registers = $3, charge_minor = $4, captured_minor = $5, arrears_minor = $6,
            duration_ms = $7, stop_reason = $8, sensors = $9, curve = $10,
            started_at = coalesce(started_at, created_at + interval '1 s'),
            stopped_at = coalesce($11, now()), settled_at = coalesce($11, now()), wake_at = NULL
        WHERE session_id = $1
        """,
        session,
        state,
        msgspec.json.encode({Register.ML: ml, Register.S: duration_ms // 1000}).decode(),
        charge_minor,
        charge_minor if captured_minor is None else captured_minor,
        arrears_minor,
        duration_ms,
        reason,
        msgspec.json.encode(WATER).decode(),
        msgspec.json.encode(CURVE).decode(),
        stopped_at,
    )


async def released(pool: Pool, session: str) -> None:
    """Let it never have begun."""
    await pool.execute(
        "UPDATE session SET state = 'released', settled_at = now(), wake_at = NULL WHERE session_id = $1",
        session,
    )


async def says(
    client: Client,
    terminal: TerminalId,
    session: str,
    *,
    ml: int,
    after_s: int,
    link: int = 1,
    flow: int | None = 9_000,
    outlet: int = 0,
) -> None:
    """The terminal's reading, so many seconds after the start."""
    reading = Readings(
        link=link,
        outlet=outlet,
        ticks_ms=START_MS + after_s * 1000,
        registers={Register.ML: START_ML + ml, Register.S: after_s},
        flow_ml_per_min=flow,
        valve_open=True,
        session=SessionId(session),
        sensors={"water_decic": 141, "tds_ppm": 32},
    )
    await client.publish(subject(terminal, Channel.UP), codec.encode(reading))
    await client.flush()
