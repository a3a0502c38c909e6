"""Cash at the counter: what is owed is repaid first, once, and a customer who has paid may start again."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from coinslot.ledger.errors import KeyConflict
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Purse
from coinslot.settlement.requests import Refusal, Refused
from coinslot.settlement.topup import TopUp, pay_in_cash
from coinslot.wire.ids import CustomerId
from tests.support.desk import Desk, PlayedTerminal

OWED_MINOR = 45


async def pays(desk: Desk, customer: CustomerId, key: str, amount_minor: int, bonus_minor: int = 0) -> TopUp:
    """At the counter."""
    async with desk.pool.acquire() as connection, connection.transaction():
        return await pay_in_cash(
            connection,
            Purse(desk.operator, customer, "CNY"),
            key=key,
            amount_minor=amount_minor,
            bonus_minor=bonus_minor,
        )


@pytest.fixture
async def terminal(desk: Desk) -> PlayedTerminal:
    return await desk.terminal()


@pytest.fixture
async def owing(desk: Desk, terminal: PlayedTerminal) -> CustomerId:
    """A customer who owes 0.45, with 5.00 on the wallet."""
    customer = await desk.customer(5_00)
    session = await desk.begun(customer, terminal)
    await desk.passes(timedelta(seconds=18))
    await desk.passes(timedelta(hours=24))
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=10_000, s=100))
    assert await desk.arrears(customer) == OWED_MINOR
    return customer


async def test_what_is_owed_is_repaid_and_the_customer_may_start_again(
    desk: Desk, terminal: PlayedTerminal, owing: CustomerId
) -> None:
    refused = await desk.start(owing, terminal, key="k2")
    assert refused == Refused(reason=Refusal.ARREARS, arrears_minor=OWED_MINOR)
    assert await pays(desk, owing, "cash:1", 10_00) == TopUp(fresh=True, repaid_minor=OWED_MINOR)
    assert (await desk.principal(owing), await desk.arrears(owing)) == (15_00 - OWED_MINOR, 0)
    assert isinstance(await desk.start(owing, terminal, key="k3"), Session)
    await desk.in_order()


async def test_the_same_payment_twice_repays_once_even_when_new_arrears_have_come(
    desk: Desk, owing: CustomerId
) -> None:
    before = await desk.principal(owing)
    answers = await asyncio.gather(*(pays(desk, owing, "cash:1", 10_00) for _ in range(8)))
    assert sorted(answer.repaid_minor for answer in answers) == [0] * 7 + [OWED_MINOR]
    assert [answer.fresh for answer in answers].count(True) == 1
    assert await desk.principal(owing) == before + 10_00 - OWED_MINOR
    with pytest.raises(KeyConflict):
        await pays(desk, owing, "cash:1", 11_00)
    await desk.in_order()


async def test_two_payments_at_once_repay_together_no_more_than_is_owed(
    desk: Desk, owing: CustomerId
) -> None:
    before = await desk.principal(owing)
    await asyncio.gather(*(pays(desk, owing, f"cash:{number}", 20) for number in range(4)))
    assert await desk.arrears(owing) == 0
    assert await desk.principal(owing) == before + 80 - OWED_MINOR
    await desk.in_order()


async def test_too_little_repays_a_part_and_a_bonus_repays_nothing(desk: Desk, owing: CustomerId) -> None:
    await desk.pool.fetch(
        "SELECT ledger_post(ARRAY[$1], ARRAY['test:empty'], ARRAY['withdrawal'], ARRAY[NULL]::text[],"
        " ARRAY[1, 1], ARRAY[1, 2]::smallint[], ARRAY[$2, 'operator/withdrawals_due'], ARRAY['CNY', 'CNY'],"
        " ARRAY[$3::bigint, -$3::bigint])",
        desk.operator,
        f"customer/{owing}/principal",
        await desk.principal(owing),
    )
    assert await pays(desk, owing, "cash:1", 30, bonus_minor=1_00) == TopUp(fresh=True, repaid_minor=30)
    assert (await desk.principal(owing), await desk.arrears(owing)) == (0, OWED_MINOR - 30)
    assert await desk.balance(f"customer/{owing}/bonus") == 1_00
    await desk.in_order()
