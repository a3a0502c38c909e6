"""A code from a customer's phone, typed on a real agent's keypad: water, the stop key, the bill; and guesses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.sessions.states import State
from coinslot.settlement.codes import issuing
from coinslot.settlement.codes.issuing import CodeState, CodeView, Scope
from coinslot.terminal.display import money
from coinslot.terminal.events import KeyPressed
from coinslot.wire.ids import CustomerId
from tests.support.plant import Plant, Tap, eventually
from tests.support.quick import QuickClock


@pytest.fixture
async def plant(pool: Pool, broker: BrokerAccess, tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant(pool, broker, tmp_path) as plant:
        yield plant


async def code_for(plant: Plant, customer: CustomerId, tap: Tap, key: str) -> CodeView:
    made = await issuing.issue(
        plant.pool,
        plant.keyring,
        operator=plant.operator,
        customer=customer,
        appliance=tap.credentials.appliance_id,
        key=key,
        renew=True,
    )
    assert isinstance(made, CodeView), made
    return made


def types(tap: Tap, keys: str) -> None:
    for key in keys:
        tap.appliance.press(KeyPressed(0, key))


def counted(tap: Tap) -> int:
    """Wrong codes on the terminal's disk."""
    kept = tap.agent.core.kept.guards.get(0)
    return 0 if kept is None else len(kept.guard.wrong_ms)


async def test_from_the_phone_to_the_bill_past_somebodys_guesses(plant: Plant) -> None:
    tap = await plant.tap(clock=QuickClock(4))
    customer = await plant.customer(20_00)
    keypad = tap.agent.core._keypads[0]
    for number in range(1, 6):
        types(tap, f"0000000{number}#")
        # No key does anything until the answer is there and shown.
        await eventually(lambda n=number: counted(tap) == n and not keypad.checking, f"try {number}")
    state = await issuing.keypad_state(
        plant.pool, operator=plant.operator, terminal=tap.credentials.terminal_id, outlet=0
    )
    assert state.tries == 5
    assert state.locked_until is not None
    long = await code_for(plant, customer, tap, "past the lock")
    assert long.scope is Scope.LONG
    # The first long code of a boot waits as if there had just been one.
    guards = tap.agent.core._codes.guards
    await eventually(lambda: guards.wait_ms(0, len(long.digits)) == 0, "three seconds")
    types(tap, f"{long.digits}#")
    water = tap.appliance.simulated[0]
    await eventually(lambda: water.poured_ul >= 50_000, "50 ml of water")
    types(tap, "#")
    used = await issuing.find(
        plant.pool, plant.keyring, operator=plant.operator, customer=customer, code_id=long.code_id
    )
    assert used is not None
    assert used.state is CodeState.USED
    assert used.session is not None
    ended = await plant.settled(used.session)
    assert (ended.state, ended.stop_reason, ended.customer) == (State.SETTLED, "key", customer)
    assert not water.is_open
    assert ended.charge_minor == ended.captured_minor
    journal = (plant.folder / tap.credentials.terminal_id / "journal").read_bytes()
    assert long.digits.encode() not in journal
    left = money(20_00 - (ended.captured_minor or 0))
    await eventually(lambda: left in " ".join(water.lines), "the display says what is left")
    assert money(ended.captured_minor or 0) in " ".join(water.lines)
