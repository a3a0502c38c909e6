"""The loop as a customer meets it: authorize, start, meter, stop, settle; everything real but the water."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_principal, operator_revenue
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.requests import Refusal, Refused
from coinslot.terminal.events import StopKey
from coinslot.terminal.simulated import Model
from tests.support.plant import Plant, eventually


@pytest.fixture
async def plant(pool: Pool, broker: BrokerAccess, tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant(pool, broker, tmp_path) as plant:
        yield plant


async def test_a_customer_draws_water_stops_and_pays_for_what_ran(plant: Plant) -> None:
    tap = await plant.tap(Model.DISPENSER, tariff="dispenser-litre")
    customer = await plant.customer(20_00)
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    assert session.hold_minor == 5_00
    water = tap.appliance.simulated[0]
    await eventually(lambda: water.poured_ul >= 50_000, "50 ml of water")
    tap.appliance.press(StopKey(0))
    ended = await plant.settled(session.id)
    assert ended.state is State.SETTLED
    assert ended.stop_reason == "key"
    assert ended.registers is not None
    assert not water.is_open
    assert ended.charge_minor == ended.captured_minor
    async with plant.pool.acquire() as connection:
        left = await ledger.balance(connection, plant.operator, customer_principal(customer), "CNY")
        revenue = await ledger.balance(connection, plant.operator, operator_revenue(), "CNY")
    assert ended.captured_minor is not None
    assert left == 20_00 - ended.captured_minor
    assert revenue == ended.captured_minor


async def test_without_balance_nothing_opens(plant: Plant) -> None:
    tap = await plant.tap()
    customer = await plant.customer(1)
    answer = await plant.starts(customer, tap)
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.NO_BALANCE
    assert not tap.appliance.simulated[0].is_open


async def test_stop_from_afar(plant: Plant) -> None:
    tap = await plant.tap()
    customer = await plant.customer(20_00)
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    water = tap.appliance.simulated[0]
    await eventually(lambda: water.is_open, "an open valve")
    await plant.starter.stop(plant.operator, session.id)
    ended = await plant.settled(session.id)
    assert ended.stop_reason == "command"
    assert not water.is_open
