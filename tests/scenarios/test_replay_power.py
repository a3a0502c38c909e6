"""Recorded cycles of washers and dryers through agents, broker, server and ledger: every charge as worked out by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from coinslot.app.replay_guests import open_guests
from coinslot.app.replay_plan import Pay, make_plan
from coinslot.app.replay_results import add_up
from coinslot.app.replay_run import Replay
from coinslot.app.settings import Role
from coinslot.app.stack import Stack
from coinslot.engines.broker import BrokerAccess
from coinslot.sandbox.replay.appliance import Kind
from tests.support.recordings import cycles_in, dryer_fen_by_hand, recorded_cycles

DEPOSIT_FEN = 1_000
COVERED_WH = 4_502
"""1 yuan and 4.502 kWh at 2 yuan are 1000.4 fen, which still rounds to the 1000 held; a watt-hour more are 1000.6."""
SHORT = ("75", "73")
"""The two shortest cycles of a dryer."""


@pytest.fixture
async def stack(database_url: str, broker: BrokerAccess) -> AsyncIterator[Stack]:
    async with Stack(database_url, broker, {Role.LINK, Role.SWEEP}) as running:
        yield running


@pytest.mark.parametrize("chosen", [SHORT, pytest.param((), marks=pytest.mark.long)])
async def test_recorded_cycles_cost_what_they_cost_by_hand(
    chosen: tuple[str, ...], stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    source = recorded_cycles()
    plan = make_plan(source, speed=None, terminals=None)
    plan = replace(plan, traces=tuple(one for one in plan.traces if not chosen or one.event_id in chosen))
    assert (plan.kind, plan.tariff_name, len(plan.traces)) == (Kind.SOCKET, "hotel-dryer", len(chosen) or 81)
    cycles = cycles_in(source)
    replay = Replay(plan, stack, broker, tmp_path / "terminals", lambda _: None)
    await replay.prepare()
    events = await replay.run()
    assert [event.problem for event in events if not event.settled] == []
    for event in events:
        recorded = cycles[event.event_id]
        assert event.recorded_mwh == recorded.joules * 1000 // 3600, event
        assert event.register_wh is not None
        if event.event_id == "69":
            assert (event.end, event.cut_by_hold, event.register_wh) == ("limit", True, COVERED_WH)
        else:
            assert event.end == "key", event
            # A pulse is a watt-hour: what the use before left of one may complete it, and what this one leaves may not.
            assert abs(event.register_wh * 3600 - recorded.joules) < 3600, event
        due = min(dryer_fen_by_hand(event.register_wh), DEPOSIT_FEN)
        assert (event.held_minor, event.charge_minor, event.captured_minor) == (DEPOSIT_FEN, due, due), event
        assert event.released_minor == DEPOSIT_FEN - due
    books = await replay.check(add_up(events).captured_minor)
    assert (books.ok, books.faults) == (True, ())


async def test_a_deposit_that_is_used_up_ends_a_cycle_in_its_very_watt_hour(
    stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    plan = make_plan(recorded_cycles(), speed=None, terminals=None)
    small = replace(plan.tariff, hold="1.20", packages=())
    plan = replace(plan, traces=tuple(one for one in plan.traces if one.event_id == "75"), tariff=small)
    replay = Replay(plan, stack, broker, tmp_path / "terminals", lambda _: None)
    await replay.prepare()
    (event,) = await replay.run()
    # 1 yuan and 102 Wh at 2 yuan a kilowatt-hour are 120.4 fen, one more are 120.6.
    assert (event.end, event.cut_by_hold, event.register_wh) == ("limit", True, 102)
    assert (event.captured_minor, event.released_minor, event.problem) == (120, 0, None)
    assert (await replay.check(120)).ok


@pytest.mark.parametrize("package", ["by-use", pytest.param("min-30", marks=pytest.mark.long)])
async def test_guests_pay_on_the_appliance_and_have_back_what_they_did_not_use(
    package: str, database_url: str, broker: BrokerAccess, tmp_path: Path
) -> None:
    plan = make_plan(recorded_cycles(), pay=Pay.DIRECT, package=package, speed=None, terminals=1)
    plan = replace(plan, traces=tuple(one for one in plan.traces if one.event_id in SHORT))
    cycles = cycles_in(recorded_cycles())
    roles = {Role.LINK, Role.SWEEP, Role.WEB}
    async with (
        open_guests(
            database_url, tmp_path / "payments", package=package, currency="CNY", patience_s=60.0
        ) as (guests, options),
        Stack(database_url, broker, roles, options) as stack,
    ):
        replay = Replay(plan, stack, broker, tmp_path / "terminals", lambda _: None, guests=guests)
        await replay.prepare()
        events = await replay.run()
        books = await replay.check(add_up(events).captured_minor)
    assert [event.problem for event in events if not event.settled] == []
    assert len(events) == 2
    for event in events:
        recorded = cycles[event.event_id]
        assert event.register_wh is not None
        if package == "by-use":
            due, paid, seconds = dryer_fen_by_hand(event.register_wh), DEPOSIT_FEN, recorded.seconds
        else:  # half an hour for 5 yuan, and not a second more
            due, paid, seconds = 500, 500, min(recorded.seconds, 1_800)
            assert event.end == ("key" if recorded.seconds < 1_800 else "limit")
        assert (event.charge_minor, event.captured_minor, event.held_minor) == (due, due, paid), event
        assert (event.released_minor, event.register_s) == (paid - due, seconds), event
    assert (books.ok, books.faults, books.refunded_minor) == (
        True,
        (),
        sum(event.released_minor or 0 for event in events),
    )
