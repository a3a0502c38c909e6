"""A session of a real agent, watched: the figures come every second, never pass the bill, and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.terminal.events import StopKey
from coinslot.terminal.simulated import Model
from coinslot.web.live.board import LiveBoard
from coinslot.web.live.views import LiveView
from coinslot.wire.registers import Register
from tests.support.plant import Plant, Tap, eventually


@pytest.fixture
async def plant(pool: Pool, broker: BrokerAccess, tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant(pool, broker, tmp_path) as opened:
        yield opened


@pytest.fixture
async def board(plant: Plant) -> AsyncIterator[LiveBoard]:
    made = LiveBoard(plant.pool, plant.client, linger_s=0.0)
    await made.start()
    yield made
    await made.stop()


async def started(plant: Plant) -> tuple[Tap, Session]:
    tap = await plant.tap(Model.DISPENSER, tariff="dispenser-cold")
    answer = await plant.starts(await plant.customer(20_00), tap)
    assert isinstance(answer, Session)
    return tap, answer


async def test_a_watched_dispenser_tells_its_litres_every_second(plant: Plant, board: LiveBoard) -> None:
    tap, session = await started(plant)
    seen: list[LiveView] = []
    async with asyncio.timeout(30), board.watch(plant.operator, session.id) as views:
        async for view in views:
            seen.append(view)
            if sum(one.at is not None for one in _apart(seen)) == 4:
                tap.appliance.press(StopKey(0))
    ended = await plant.settled(session.id)
    assert seen[-1].ended
    assert seen[-1].charge_minor == ended.captured_minor
    figures = [view.usage.get(Register.ML, 0) for view in seen]
    assert figures == sorted(figures)
    assert all(view.charge_minor <= seen[-1].charge_minor for view in seen)
    times = [view.at for view in _apart(seen) if view.at is not None]
    # Unwatched it would tell every 10 s.
    assert (times[3] - times[1]).total_seconds() < 5
    assert seen[-2].sensors["tds_ppm"] > 0
    await eventually(lambda: board.subscriptions == 0, "an end of following")


async def test_a_stop_by_phone_is_seen_as_stopping_or_ended(plant: Plant, board: LiveBoard) -> None:
    _, session = await started(plant)
    states = []
    async with asyncio.timeout(30), board.watch(plant.operator, session.id) as views:
        async for view in views:
            if view.state is State.RUNNING and State.RUNNING not in states:
                await plant.starter.stop(plant.operator, session.id)
            states.append(view.state)
    assert states[-1] is State.SETTLED
    order = list(dict.fromkeys(states))
    assert [
        state for state in (State.AUTHORIZED, State.RUNNING, State.STOPPING, State.SETTLED) if state in order
    ] == order


def _apart(views: list[LiveView]) -> list[LiveView]:
    """Without those that repeat a figure."""
    return [view for at, view in enumerate(views) if at == 0 or view.at != views[at - 1].at]
