"""Principal back to where it came from; and many hands on one wallet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import pytest

from coinslot.engines.connect import Pool
from coinslot.fields import FieldError, MissingError
from coinslot.ledger import accounts, events
from coinslot.ledger import store as ledger
from coinslot.ledger.errors import InsufficientFunds
from coinslot.payments.model import Withdrawal
from coinslot.payments.port import RefundState as Providers
from coinslot.payments.states import IntentState, RefundState
from coinslot.rows import one
from coinslot.settlement.payments.errors import KeyReused, TooMuch
from coinslot.settlement.payments.refunds import give_up_refund
from coinslot.settlement.payments.rows import WITHDRAWAL_COLUMNS
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, pay_by_hand, withdraw
from coinslot.wire.ids import CustomerId
from tests.support.played_provider import Fault, PlayedProvider
from tests.support.till import CNY, Till

DUE = accounts.operator_withdrawals_due()


async def wants(till: Till, customer: CustomerId, amount_minor: int, key: str = "w1") -> Withdrawal:
    """A customer asks for principal."""
    request = WithdrawalRequest(purse=till.purse(customer), key=key, amount_minor=amount_minor, by="test")
    return await withdraw(till.pool, request)


async def now(till: Till) -> Withdrawal:
    """The only withdrawal, as it is."""
    row = await till.pool.fetchrow(f"SELECT {WITHDRAWAL_COLUMNS} FROM withdrawal w")
    assert row is not None
    return one(row, Withdrawal)


async def test_it_goes_back_to_the_payments_it_came_from_oldest_first(till: Till) -> None:
    await till.add_merchant(PlayedProvider("1901"))
    customer = await till.customer()
    first = await till.paid_topup(customer, 10_00)
    await till.passes(timedelta(days=3))
    second = await till.paid_topup(customer, 20_00, till.merchants[1])
    asked = await wants(till, customer, 25_00)
    assert (await till.principal(customer), await till.balance(DUE)) == (5_00, 25_00)
    assert (asked.by_hand_minor, asked.ended_at) == (0, None)
    await till.works()
    done = await now(till)
    assert (done.paid_minor, done.back_minor) == (25_00, 0)
    assert done.ended_at is not None
    assert await till.balance(DUE) == 0
    assert [till.providers[m.merchant_id].holds_minor for m in till.merchants] == [0, 5_00]
    assert (await till.intent(first)).state is IntentState.REFUNDED
    assert (await till.intent(second)).state is IntentState.PARTLY_REFUNDED
    await till.in_order()


async def test_it_is_asked_for_once_whoever_presses_how_often(till: Till) -> None:
    customer = await till.customer()
    await till.paid_topup(customer)
    asked = await asyncio.gather(*(wants(till, customer, 4_00) for _ in range(20)))
    assert len({each.withdrawal_id for each in asked}) == 1
    with pytest.raises(KeyReused):
        await wants(till, customer, 4_01)
    await till.works()
    assert (await till.principal(customer), till.provider.holds_minor) == (6_00, 6_00)
    await till.in_order()


async def test_only_principal_that_nothing_is_owed_against_can_be_withdrawn(till: Till) -> None:
    customer = await till.customer()
    await till.paid_topup(customer)
    owed = events.late_usage(till.operator, "s9", customer, CNY, arrears_minor=3_00)
    await ledger.post(till.pool, [owed])
    with pytest.raises(TooMuch) as refused:
        await wants(till, customer, 7_01)
    assert refused.value.left_minor == 7_00
    for amount in (0, -1, 2**63):
        with pytest.raises(FieldError):
            await wants(till, customer, amount)
    with pytest.raises(MissingError):
        await wants(till, CustomerId("cus_nobody"), 1)
    assert await till.principal(customer) == 10_00
    assert await till.refunds() == []
    await wants(till, customer, 7_00)


async def test_what_no_refund_can_carry_is_paid_by_hand_once(till: Till, pool: Pool) -> None:
    customer = await till.customer(cash_minor=5_00)
    old = await till.paid_topup(customer, 20_00)
    await till.passes(timedelta(days=364))
    await till.paid_topup(customer, 10_00)
    asked = await wants(till, customer, 30_00)
    assert asked.by_hand_minor == 20_00, f"{old.number} is beyond the refund window"
    assert await till.reviews() == ["withdrawal_by_hand"]
    await till.works()
    assert (await now(till)).ended_at is None
    for _ in range(3):
        paid = await pay_by_hand(
            pool, till.operator, asked.withdrawal_id, paid_from="operator/cash", by="desk"
        )
    assert (paid.paid_minor, paid.ended_at is None) == (30_00, False)
    assert await till.balance(DUE) == 0
    with pytest.raises(MissingError):
        await pay_by_hand(pool, till.operator, "wdr_none", paid_from="operator/cash", by="desk")
    await till.in_order()


async def test_what_failed_for_good_is_in_the_wallet_again(till: Till, pool: Pool) -> None:
    customer = await till.customer()
    await till.paid_topup(customer, 10_00)
    await till.paid_topup(customer, 10_00)
    till.provider.refunds_are = Providers.CLOSED
    await wants(till, customer, 15_00)
    [first, second] = await till.refunds()
    await till.works()
    assert await till.principal(customer) == 20_00
    assert await till.balance(DUE) == 0
    done = await now(till)
    assert (done.paid_minor, done.back_minor) == (0, 15_00)
    assert done.ended_at is not None
    assert await till.reviews() == ["withdrawal_back"] * 2
    # One of them turns out to have been done: the wallet has it too, so it waits in suspense for a person.
    till.provider.settles(first.number, Providers.SUCCEEDED)
    await till.hears(till.provider.refund_notice(first.number))
    await till.works()
    assert (await till.reviews())[-1] == "refund_after_all"
    assert await till.suspense() == -first.amount_minor
    assert {refund.state for refund in await till.refunds()} == {RefundState.SUCCEEDED, RefundState.CLOSED}
    assert second.amount_minor + first.amount_minor == 15_00
    await till.in_order()


async def test_a_part_that_a_person_gives_up_is_in_the_wallet_again(till: Till, pool: Pool) -> None:
    customer = await till.customer()
    await till.paid_topup(customer)
    till.provider.refunds_are = Providers.ABNORMAL
    await wants(till, customer, 10_00)
    await till.works()
    [refund] = await till.refunds()
    await give_up_refund(pool, till.operator, refund.number)
    assert await till.principal(customer) == 10_00
    assert await till.reviews() == ["refund_abnormal", "withdrawal_back"]
    await till.in_order()


async def test_a_wallet_under_two_hundred_hands_never_falls_below_zero(till: Till, pool: Pool) -> None:
    customer = await till.customer(cash_minor=30_00)
    for _ in range(4):
        await till.paid_topup(customer, 20_00)
    held = [f"s{n}" for n in range(20)]
    for session in held:
        hold = events.hold(till.operator, session, customer, CNY, principal_minor=3_00)
        await ledger.post(pool, [hold])

    async def tries(work: Awaitable[object]) -> bool:
        try:
            await work
        except (TooMuch, InsufficientFunds):
            return False
        return True

    def captures(session: str) -> Awaitable[object]:
        entry = events.capture(
            till.operator, session, customer, CNY, held_principal_minor=3_00, captured_minor=2_00
        )
        return ledger.post(pool, [entry])

    def holds(number: int) -> Awaitable[object]:
        entry = events.hold(till.operator, f"t{number}", customer, CNY, principal_minor=2_00)
        return ledger.post(pool, [entry])

    till.provider.faults["refund"] = [Fault.UNANSWERED, Fault.LOST] * 10
    hands = [
        *(wants(till, customer, 1_50 + n, key=f"w{n}") for n in range(100)),
        *(captures(session) for session in held),
        *(holds(number) for number in range(60)),
        *(till.cashier.once() for _ in range(20)),
    ]
    done = await asyncio.gather(*(tries(hand) for hand in hands))
    assert any(done[:100])
    assert not all(done)
    for _ in range(12):
        await till.works(every=timedelta(minutes=20))
    assert await till.principal(customer) >= 0
    assert {refund.state for refund in await till.refunds()} == {RefundState.SUCCEEDED}
    balances = await pool.fetch(
        "SELECT account, amount_minor FROM ledger_balance WHERE operator_id = $1", till.operator
    )
    assert [row for row in balances if row["amount_minor"] < 0] == []
    asked = sum(1_50 + n for n in range(100) if done[n])
    by_hand = await pool.fetchval("SELECT coalesce(sum(by_hand_minor), 0) FROM withdrawal")
    assert await till.balance(DUE) == by_hand
    assert till.provider.holds_minor == 80_00 - (asked - by_hand)
    await till.in_order()
