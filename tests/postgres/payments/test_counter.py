"""Cash at the counter: a code, a person, exactly that amount, once; and a till that agrees with the books."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import msgspec
import pytest

from coinslot.engines.connect import Pool
from coinslot.fields import FieldError, MissingError
from coinslot.ledger.accounts import bank
from coinslot.payments.model import Attempt, Merchant
from coinslot.payments.port import (
    Channel,
    Created,
    Forged,
    PaymentOrder,
    PaymentState,
    RefundOrder,
    RefundState,
    Rejected,
    RetrySameKey,
)
from coinslot.payments.states import AttemptState, IntentState
from coinslot.providers.counter import Counter
from coinslot.settlement.payments.counter import CashSlip, bank_cash, pay_out, receive, waiting_cash
from coinslot.settlement.payments.errors import KeyReused, NotAllowed
from coinslot.settlement.payments.till_reports import in_books, till_report
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from coinslot.wire.ids import CustomerId
from tests.support.giving_back import Office
from tests.support.till import CNY


def code_of(attempt: Attempt) -> str:
    """What the customer shows."""
    assert attempt.created is not None
    return msgspec.json.decode(attempt.created, type=Created).code


async def asked(office: Office, customer: CustomerId, amount_minor: int = 10_00) -> Attempt:
    """A customer at the desk, with a code."""
    intent = await office.till.topup(customer, amount_minor)
    return await office.at_counter(intent, await office.counter())


async def received(office: Office, customer: CustomerId, amount_minor: int = 10_00) -> Attempt:
    """And the cash in the drawer, and on the wallet."""
    attempt = await asked(office, customer, amount_minor)
    await receive(
        office.door, office.till.operator, office.dora, code=code_of(attempt), amount_minor=amount_minor
    )
    await office.works()
    return await office.till.attempt(attempt)


def order(office: Office, number: str, **changed: object) -> PaymentOrder:
    """Something to be paid, as the counter is told."""
    plain = PaymentOrder(
        number=number,
        amount_minor=5_00,
        currency=CNY,
        subject="x",
        channel=Channel.COUNTER,
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
        notify_url="",
    )
    return msgspec.structs.replace(plain, **changed)


async def test_cash_goes_round_by_code_and_comes_back_where_it_came_from(office: Office, pool: Pool) -> None:
    till = office.till
    customer = await till.customer()
    attempt = await asked(office, customer)
    code = code_of(attempt)
    assert [slip.code for slip in (await waiting_cash(pool, till.operator)).receive] == [code]
    for amount in (9_99, 10_01, 0):
        with pytest.raises(FieldError):
            await receive(office.door, till.operator, office.dora, code=code, amount_minor=amount)
    for who in (office.tom,):
        with pytest.raises(NotAllowed):
            await receive(office.door, till.operator, who, code=code, amount_minor=10_00)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for other in (wrong, "", "abc", "٣٣٣٣٣٣"):
        with pytest.raises(MissingError):
            await receive(office.door, till.operator, office.dora, code=other, amount_minor=10_00)
    spaced = f"{code[:3]} {code[3:]}"
    slips = await asyncio.gather(
        *(receive(office.door, till.operator, office.dora, code=spaced, amount_minor=10_00) for _ in range(8))
    )
    assert len({slip.receipt_id for slip in slips}) == 1
    with pytest.raises(MissingError):
        await receive(office.door, till.operator, office.anna, code=code, amount_minor=10_00)
    await office.works()
    assert (await till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await till.principal(customer) == 10_00
    await withdraw(pool, WithdrawalRequest(purse=till.purse(customer), key="w", amount_minor=4_00, by="test"))
    await office.works()
    [out] = (await waiting_cash(pool, till.operator)).pay_out
    assert (await till.refunds())[0].state.value == "processing"
    with pytest.raises(FieldError):
        await pay_out(office.door, till.operator, office.dora, code=out.code, amount_minor=5_00)
    paid = [
        await pay_out(office.door, till.operator, office.dora, code=out.code, amount_minor=4_00)
        for _ in range(2)
    ]
    assert len({slip.receipt_id for slip in paid}) == 1
    await office.works()
    assert (await till.intent(attempt)).state is IntentState.PARTLY_REFUNDED
    counter = await office.counter()
    assert await till.clearing(counter) == 6_00
    actions = await pool.fetch("SELECT action FROM audit WHERE actor = $1 ORDER BY audit_id", office.dora)
    assert [row[0] for row in actions] == ["counter.receive", "counter.pay_out"]
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "UPDATE counter_payment SET receipt_id = 'other' WHERE number = $1", attempt.number
        )


async def test_a_code_whose_time_is_over_takes_nothing(office: Office, pool: Pool) -> None:
    till = office.till
    attempt = await asked(office, await till.customer())
    await pool.execute("UPDATE counter_payment SET expires_at = now()")
    with pytest.raises(FieldError):
        await receive(office.door, till.operator, office.dora, code=code_of(attempt), amount_minor=10_00)
    counter = Counter(pool, await office.counter())
    assert (await counter.query(attempt.number)).state is PaymentState.CLOSED
    assert (await counter.close(attempt.number)).state is PaymentState.CLOSED
    assert (await waiting_cash(pool, till.operator)).receive == ()
    with pytest.raises(MissingError):
        await receive(office.door, till.operator, office.dora, code=code_of(attempt), amount_minor=10_00)


async def test_a_close_and_a_receipt_race_and_one_of_them_wins(office: Office, pool: Pool) -> None:
    till = office.till
    counter = Counter(pool, await office.counter())

    async def takes(attempt: Attempt) -> CashSlip | None:
        try:
            return await receive(
                office.door, till.operator, office.dora, code=code_of(attempt), amount_minor=10_00
            )
        except MissingError:
            return None

    customer = await till.customer()
    attempts = [await asked(office, customer) for _ in range(6)]
    races = [asyncio.gather(takes(attempt), counter.close(attempt.number)) for attempt in attempts]
    for slip, closed in [await race for race in races]:
        assert closed.state is (PaymentState.CLOSED if slip is None else PaymentState.PAID)


async def test_as_a_provider_it_keeps_to_the_port(office: Office, pool: Pool) -> None:
    merchant = await office.counter()
    counter = Counter(pool, merchant)
    number, other, back = "p" + "a" * 31, "p" + "b" * 31, "r" + "a" * 31
    first = await counter.create(order(office, number))
    assert await counter.create(order(office, number)) == first
    for changed in ({"amount_minor": 5_01}, {"channel": Channel.QR}):
        with pytest.raises(Rejected):
            await counter.create(order(office, number, **changed))
    assert (await counter.query(other)).state is PaymentState.ABSENT
    elsewhere = msgspec.structs.replace(merchant, merchant_id="mer_other")
    assert (await Counter(pool, elsewhere).query(number)).state is PaymentState.ABSENT
    refund = RefundOrder(
        number=back,
        payment_number=number,
        provider_payment_id="",
        amount_minor=3_00,
        total_minor=5_00,
        currency=CNY,
        reason="x",
    )
    with pytest.raises(Rejected):
        await counter.refund(refund)
    await receive(office.door, office.till.operator, office.dora, code=first.code, amount_minor=5_00)
    for _ in range(2):
        assert (await counter.refund(refund)).state is RefundState.PROCESSING
    with pytest.raises(Rejected):
        await counter.refund(msgspec.structs.replace(refund, amount_minor=2_00))
    with pytest.raises(Rejected):
        await counter.refund(msgspec.structs.replace(refund, number="r" + "b" * 31))
    assert (await counter.query_refund("r" + "c" * 31, number)).state is RefundState.ABSENT
    with pytest.raises(Forged):
        counter.parse_notification({}, b"{}", datetime.now(UTC))


async def test_the_till_agrees_with_the_books_and_with_the_days_bill(office: Office, pool: Pool) -> None:
    till = office.till
    customer = await till.customer()
    for amount in (10_00, 25_00):
        await received(office, customer, amount)
    await withdraw(
        pool, WithdrawalRequest(purse=till.purse(customer), key="w", amount_minor=12_00, by="test")
    )
    await office.works()
    for out in (await waiting_cash(pool, till.operator)).pay_out:
        await pay_out(office.door, till.operator, office.anna, code=out.code, amount_minor=out.amount_minor)
    await office.works()
    merchant = await office.counter()

    async def banks(amount_minor: int, key: str = "b1") -> bool:
        return await bank_cash(
            office.door,
            till.operator,
            office.dora,
            key=key,
            merchant_id=merchant.merchant_id,
            bank="main",
            amount_minor=amount_minor,
        )

    assert [await banks(20_00), await banks(20_00)] == [True, False]
    with pytest.raises(KeyReused):
        await banks(1)
    with pytest.raises(FieldError):
        await banks(3_01, "b2")
    report = await till_report(pool, till.operator)
    assert [
        (line.name, line.received_minor, line.paid_out_minor, line.banked_minor) for line in report.lines
    ] == [
        ("anna", 0, 12_00, 0),
        ("dora", 35_00, 0, 20_00),
    ]
    [drawer] = report.drawers
    assert (drawer.before_minor, drawer.must_hold_minor, report.complete) == (0, 3_00, False)
    assert await in_books(pool, till.operator, drawer, CNY) == 3_00
    assert await till.balance(bank("main")) == 20_00
    counter = Counter(pool, merchant)
    with pytest.raises(RetrySameKey):
        await counter.download_bill(report.day)
    yesterday = report.day - timedelta(days=1)
    assert await counter.download_bill(yesterday) == []
    await pool.execute("UPDATE counter_payment SET received_at = received_at - interval '1 day'")
    lines = await counter.download_bill(yesterday)
    assert [(line.kind.value, line.amount_minor) for line in lines] == [
        ("payment", 10_00),
        ("payment", 25_00),
    ]
    assert (await till_report(pool, till.operator, yesterday)).complete
    assert (await till_report(pool, till.operator, date(2020, 1, 1))).lines == ()
    await drawer_of(office, merchant)


async def drawer_of(office: Office, merchant: Merchant) -> None:
    """Everything that was written down is in the ledger, and the ledger is sound."""
    await office.works()
    [drawer] = (await till_report(office.till.pool, office.till.operator)).drawers
    assert await office.till.clearing(merchant) == drawer.must_hold_minor
    await office.till.in_order()
