"""A shower opened by a code without its link, and something is wrong: its valve, or its clock."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from coinslot.app.cli import command as coinslot
from coinslot.sessions.states import State
from coinslot.settlement.offline.issuing import OfflineRefusal, OfflineRefused
from coinslot.settlement.requests import Refusal, Refused
from coinslot.wire.records import Fault, FaultCode, StopReason
from tests.support.bath import CREDIT_MINOR, Bath

CASH_MINOR = 20_00
BILLED_ML = 10_000
BILLED_FEN = 45
"""4.5 fen a litre."""
DAY_MS = 86_400_000
NOW_MS = int(datetime.now(UTC).timestamp() * 1000)
CLOCKS = {
    "1970": 0,
    "a day ago": NOW_MS - DAY_MS,
    "in ten years": NOW_MS + 3_652 * DAY_MS,
    "29 February": int(datetime(2028, 2, 29, tzinfo=UTC).timestamp() * 1000) - 500,
    "midnight UTC+8": int(datetime(2028, 3, 1, 16, tzinfo=UTC).timestamp() * 1000) - 500,
}


async def test_the_valve_says_shut_and_water_flows_on_so_billing_stops_and_the_operator_is_alarmed(
    bath: Bath, offline_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    session, terminal = await bath.session(code), bath.terminal
    stuck = Fault(
        boot=1, ticks_ms=121_000, outlet=0, code=FaultCode.VALVE_STUCK, active=True, session=session.id
    )
    flows = Fault(boot=1, ticks_ms=131_000, outlet=0, code=FaultCode.FLOW_WHILE_SHUT, active=True)
    await bath.returns()
    await terminal.records(
        bath.credited(session),
        terminal.started(session),
        terminal.stopped(session, ml=BILLED_ML, s=120, reason=StopReason.FAULT),
        stuck,
        flows,
    )
    ended = await bath.session(code)
    assert (ended.state, ended.stop_reason, ended.captured_minor) == (State.SETTLED, "fault", BILLED_FEN)
    assert await desk.principal(lin) == CASH_MINOR - BILLED_FEN
    # Somebody looks, and the shower is sold to nobody meanwhile, with its link or without.
    monkeypatch.setenv("COINSLOT_DATABASE_URL", offline_url)
    listed = await asyncio.to_thread(_alarms, desk.operator)
    assert {(one["terminal_id"], one["outlet"], one["kind"]) for one in listed} == {
        (terminal.id, 0, "valve_stuck"),
        (terminal.id, 0, "flow_while_shut"),
    }
    refused = await desk.start(lin, terminal)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.FAULT
    await terminal.goes()
    asked = await bath.asks(lin, "k2")
    assert isinstance(asked, OfflineRefused)
    assert asked.reason is OfflineRefusal.FAULT
    await bath.returns()
    await terminal.records(replace(stuck, active=False), replace(flows, active=False))
    assert await asyncio.to_thread(_alarms, desk.operator) == []
    await desk.in_order()


def _alarms(operator: str) -> list[dict[str, object]]:
    """As staff see them."""
    result = CliRunner().invoke(
        coinslot, ["operator", "alarm", "list", "--operator", operator, "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout))


async def test_a_clock_without_a_link_has_no_say_in_how_long_a_code_lasted_or_what_it_cost(
    bath: Bath,
) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    terminal = bath.terminal
    for number, wall_ms in enumerate(CLOCKS.values()):
        code = await bath.code(lin, f"k{number}")
        session = await bath.session(code)
        at_ms, ml = 1_000_000 * number, BILLED_ML * number
        credited = replace(bath.credited(session), ticks_ms=at_ms, wall_ms=wall_ms)
        started = replace(terminal.started(session, ml=ml, ticks_ms=at_ms), wall_ms=wall_ms)
        stopped = terminal.stopped(session, start_ml=ml, ml=ml + BILLED_ML, s=61, ticks_ms=at_ms + 61_000)
        # In the middle the clock was set back by a day.
        stopped = replace(stopped, wall_ms=max(0, wall_ms - DAY_MS))
        await bath.returns()
        await terminal.records(credited, started, stopped)
        ended = await bath.session(code)
        assert (ended.captured_minor, ended.duration_ms) == (BILLED_FEN, 61_000)
        assert ended.started_at is not None
        assert datetime.now(UTC) - ended.started_at < timedelta(minutes=2), (
            "the server's own moments are kept"
        )
        await terminal.goes()
    assert await desk.principal(lin) == CASH_MINOR - len(CLOCKS) * BILLED_FEN
    assert await desk.reviews() == []
    assert BILLED_FEN < CREDIT_MINOR
    await desk.in_order()
