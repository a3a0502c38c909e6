"""The broker dies with words in its hands, repeats them, or comes back to three hundred terminals at once."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import msgspec
import pytest

from coinslot.app.seed import make_fleet, make_paying_customers
from coinslot.engines.broker import EmbeddedBroker
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_principal
from coinslot.ledger.verify import verify
from coinslot.link.kick import kick
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.requests import StartRequest
from coinslot.terminal.actions import Action, OpenValve
from coinslot.terminal.events import StopKey
from coinslot.wire import codec
from coinslot.wire.ids import CustomerId
from coinslot.wire.messages import Ping, Start
from coinslot.wire.topics import Channel, subject
from tests.support.kept import becomes
from tests.support.lean import Lean
from tests.support.plant import Plant, Tap
from tests.support.quick import QuickClock

BALANCE_MINOR = 20_00


class Openings:
    """How often a tap's valve was told to open."""

    def __init__(self, tap: Tap) -> None:
        self.count = 0
        tap.agent.observe(self._see)

    def _see(self, action: Action) -> None:
        self.count += isinstance(action, OpenValve)


def kill(broker: EmbeddedBroker) -> None:
    """Kill -9, and wait until it is gone."""
    os.kill(broker.pid, signal.SIGKILL)
    assert broker._child is not None
    broker._child.wait(5)


async def wet(tap: Tap, ml: int = 200) -> None:
    await becomes(lambda: tap.appliance.simulated[0].poured_ul >= ml * 1000, f"{ml} ml of water")


async def in_order(plant: Plant, customer: CustomerId, session: Session) -> None:
    """The session took what it cost, once, and nothing is held."""
    async with plant.pool.acquire() as connection:
        left = await ledger.balance(connection, plant.operator, customer_principal(customer), "CNY")
        report = await verify(connection)
    captured = session.captured_minor or 0
    assert report.sound, report.faults
    assert captured == (session.charge_minor or 0) <= session.hold_minor
    assert left == BALANCE_MINOR - captured


async def expire(plant: Plant, session: Session) -> None:
    """Let the server's side of the start's expiry be past."""
    await plant.pool.execute(
        "UPDATE session SET expired_at = now(), wake_at = now() WHERE session_id = $1", session.id
    )


async def test_a_start_that_died_with_the_broker_is_returned_by_proof(
    swept_plant: Plant, mortal_broker: EmbeddedBroker
) -> None:
    plant = swept_plant
    tap = await plant.tap()
    openings = Openings(tap)
    customer = await plant.customer(BALANCE_MINOR)
    os.kill(mortal_broker.pid, signal.SIGSTOP)  # takes the bytes, delivers nothing
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    kill(mortal_broker)
    mortal_broker.ensure_running()
    await becomes(
        lambda: tap.agent.core.link.number > 1 and tap.agent.core.link.is_up, "the terminal's return"
    )
    assert (await plant.session(session.id)).live  # silence is unknown, never failed
    await expire(plant, session)
    ended = await plant.settled(session.id)
    assert ended.state is State.RELEASED
    assert openings.count == 0
    await in_order(plant, customer, ended)


async def test_a_final_record_that_died_with_the_broker_is_said_again(
    swept_plant: Plant, mortal_broker: EmbeddedBroker
) -> None:
    plant = swept_plant
    tap = await plant.tap()
    openings = Openings(tap)
    customer = await plant.customer(BALANCE_MINOR)
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    await wet(tap)
    os.kill(mortal_broker.pid, signal.SIGSTOP)
    tap.appliance.press(StopKey(0))
    await becomes(lambda: not tap.agent.core.in_use, "the end at the terminal")
    kill(mortal_broker)
    mortal_broker.ensure_running()
    ended = await plant.settled(session.id)
    assert ended.state is State.SETTLED
    assert ended.stop_reason == "key"
    assert ended.captured_minor
    assert openings.count == 1
    await in_order(plant, customer, ended)


async def test_an_acknowledgement_that_died_with_the_broker_costs_nothing(
    swept_plant: Plant, mortal_broker: EmbeddedBroker
) -> None:
    plant = swept_plant
    tap = await plant.tap()
    customer = await plant.customer(BALANCE_MINOR)
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    await wet(tap)
    told = await plant.client.subscribe(subject(tap.credentials.terminal_id, Channel.UP))
    await plant.client.flush()
    tap.appliance.press(StopKey(0))
    while b'"stopped"' not in (await told.next_msg(timeout=10)).data:
        pass
    os.kill(mortal_broker.pid, signal.SIGSTOP)  # the server has the record, or will never have it from here
    kill(mortal_broker)
    mortal_broker.ensure_running()
    ended = await plant.settled(session.id)
    kept = tap.agent.core.kept
    await becomes(lambda: kept.acked == kept.next_seq - 1, "the last acknowledgement")
    await in_order(plant, customer, ended)


async def test_who_died_with_the_broker_is_known_to_be_absent(
    swept_plant: Plant, mortal_broker: EmbeddedBroker
) -> None:
    plant = swept_plant
    stays, leaves = await plant.tap(), await plant.tap()
    kill(mortal_broker)  # nobody is left to publish a will
    leaves.task.cancel()
    await asyncio.wait([leaves.task])
    mortal_broker.ensure_running()
    absent = "SELECT NOT online FROM terminal_link WHERE terminal_id = $1"
    await plant.until(absent, leaves.credentials.terminal_id, what="its absence")
    await becomes(
        lambda: stays.agent.core.link.number > 1 and stays.agent.core.link.is_up, "the other's return"
    )
    await plant.online(stays.credentials.terminal_id)
    assert await plant.pool.fetchval(absent, leaves.credentials.terminal_id)


async def _overheard(plant: Plant, tap: Tap, customer: CustomerId) -> tuple[Session, bytes]:
    """A session and the bytes of its start command."""
    told = await plant.client.subscribe(subject(tap.credentials.terminal_id, Channel.DOWN))
    await plant.client.flush()
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    while True:
        data = (await told.next_msg(timeout=10)).data
        if isinstance(codec.decode_down(data), Start):
            await told.unsubscribe()
            return session, data


async def _replay(plant: Plant, tap: Tap, data: bytes) -> None:
    """The same bytes ten times, and proof that the terminal has heard them."""
    heard = await plant.client.subscribe(subject(tap.credentials.terminal_id, Channel.UP))
    for _ in range(10):
        await plant.client.publish(subject(tap.credentials.terminal_id, Channel.DOWN), data)
    ping = codec.encode(Ping(link=tap.agent.core.link.number))
    await plant.client.publish(subject(tap.credentials.terminal_id, Channel.DOWN), ping)
    while b'"hello"' not in (await heard.next_msg(timeout=10)).data:
        pass
    await heard.unsubscribe()


async def test_a_start_said_ten_times_opens_once_even_after_the_end_and_on_a_new_link(
    swept_plant: Plant,
) -> None:
    plant = swept_plant
    tap = await plant.tap()
    openings = Openings(tap)
    customer = await plant.customer(BALANCE_MINOR)
    session, data = await _overheard(plant, tap, customer)
    await wet(tap)
    await _replay(plant, tap, data)
    assert openings.count == 1
    tap.appliance.press(StopKey(0))
    ended = await plant.settled(session.id)
    await _replay(plant, tap, data)
    assert await kick(plant.link._system, tap.credentials.terminal_id) == 1
    await becomes(lambda: tap.agent.core.link.number == 2 and tap.agent.core.link.is_up, "a new link")
    await _replay(plant, tap, data)
    assert openings.count == 1
    assert not tap.appliance.simulated[0].is_open
    await in_order(plant, customer, ended)


@pytest.mark.parametrize("late", ["ten minutes", "a new link"])
async def test_a_start_that_comes_too_late_opens_nothing(swept_plant: Plant, late: str) -> None:
    plant = swept_plant
    tap = await plant.tap(clock=QuickClock(400 if late == "ten minutes" else 1))
    openings = Openings(tap)
    customer = await plant.customer(BALANCE_MINOR)
    hear, lost = tap.agent.received, True

    def received(data: bytes) -> None:
        if not (lost and isinstance(codec.decode_down(data), Start)):
            hear(data)

    tap.agent.received = received  # type: ignore[method-assign]
    session, data = await _overheard(plant, tap, customer)
    if late == "ten minutes":
        by = session.expires_at_ms + 600_000
        await becomes(lambda: tap.agent.core.link.link_ms > by, "ten minutes of the terminal's time")
    else:
        assert await kick(plant.link._system, tap.credentials.terminal_id) == 1
        await becomes(lambda: tap.agent.core.link.number == 2 and tap.agent.core.link.is_up, "a new link")
    lost = False
    await _replay(plant, tap, data)
    ended = await plant.settled(session.id)
    assert ended.state is State.RELEASED
    assert ended.stop_reason in ("declined_expired", "declined_wrong_link")
    assert openings.count == 0
    await in_order(plant, customer, ended)


async def test_a_link_that_dies_after_the_valve_has_opened_ends_at_the_limit_by_itself(
    swept_plant: Plant, mortal_broker: EmbeddedBroker
) -> None:
    plant = swept_plant
    clock = QuickClock(1)
    tap = await plant.tap(clock=clock)
    customer = await plant.customer(1_00)
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    water = tap.appliance.simulated[0]
    await becomes(lambda: water.is_open, "an open valve")
    kill(mortal_broker)
    clock.hurry(60)
    limit_ml = msgspec.json.decode(session.limits)["ml"]
    await becomes(lambda: not tap.agent.core.in_use, "the limit")
    assert not water.is_open
    assert limit_ml * 1000 <= water.poured_ul
    assert (await plant.session(session.id)).live
    mortal_broker.ensure_running()
    ended = await plant.settled(session.id)
    assert ended.stop_reason == "limit"
    assert 0 < (ended.captured_minor or 0) <= ended.hold_minor == 1_00


# ---------------------------------------------------------------- three hundred at once

CROWD = 300


async def _all(lean: list[Lean], what: str, *arguments: object) -> None:
    await asyncio.gather(*(getattr(one, what)(*arguments) for one in lean))


async def test_three_hundred_return_at_once_and_no_hold_is_given_back_wrongly(
    swept_plant: Plant, mortal_broker: EmbeddedBroker, record_property: Callable[[str, object], None]
) -> None:
    plant = swept_plant
    async with plant.pool.acquire() as connection:
        fleet = await make_fleet(connection, plant.operator, terminals=CROWD)
        customers = await make_paying_customers(
            connection,
            plant.operator,
            names=[f"customer {number}" for number in range(CROWD)],
            currency="CNY",
            amount_minor=BALANCE_MINOR,
        )
    lean = [Lean(credentials) for credentials in fleet]
    for first in range(0, CROWD, 50):
        await _all(lean[first : first + 50], "connect", mortal_broker.access)
    asked = [
        plant.starter.start(
            StartRequest(
                operator=plant.operator,
                customer=customer,
                terminal=one.credentials.terminal_id,
                outlet=0,
                key=f"key-{number}",
            )
        )
        for number, (one, customer) in enumerate(zip(lean, customers, strict=True))
    ]
    answers = await asyncio.gather(*asked)
    assert all(isinstance(answer, Session) for answer in answers)
    await _all(lean, "heard_start")
    for one in lean:
        one.open()
    known, unheard = lean[: CROWD // 2], lean[CROWD // 2 :]
    await _all(known, "tell")
    # The others have opened too, but their records are still with them when silence falls.
    await plant.pool.execute(
        "UPDATE session SET expired_at = now(), wake_at = now() WHERE state = 'authorized'"
    )
    await plant.until(
        "SELECT count(*) = $1 FROM session WHERE state = 'unknown'", len(unheard), what="unknown sessions"
    )
    kill(mortal_broker)
    mortal_broker.ensure_running()
    began = time.monotonic()
    await _all(lean, "connect", mortal_broker.access)
    took_s = time.monotonic() - began
    record_property("welcomed_again_s", round(took_s, 2))
    print(f"{CROWD} terminals were welcomed again within {took_s:.2f} s")
    assert await plant.pool.fetchval("SELECT count(*) FROM session WHERE state = 'released'") == 0
    await _all(lean, "ended")
    states = await plant.pool.fetch("SELECT state, charge_minor, captured_minor FROM session")
    assert {tuple(row) for row in states} == {("settled", 23, 23)}
    assert await plant.pool.fetchval("SELECT count(*) FROM review") == 0
    async with plant.pool.acquire() as connection:
        report = await verify(connection)
    assert report.sound, report.faults
    for one in lean:
        one.leave()
