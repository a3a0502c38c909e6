"""A bonus leaves the wallet with the top-up it came with, whoever has that returned; and nobody waits in a ring for it."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from coinslot.ledger import accounts, events
from coinslot.ledger import store as ledger
from coinslot.payments.port import RefundState as Providers
from coinslot.settlement.payments.errors import BonusHeld
from coinslot.settlement.payments.operator_refunds import approve, ask_refund, propose
from coinslot.settlement.payments.refund_requests import What
from coinslot.settlement.payments.unit import transaction
from coinslot.settlement.payments.withdrawal_views import preview_withdrawal
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from coinslot.settlement.points import Purpose
from coinslot.settlement.store import PostgresBooks
from coinslot.settlement.topup import pay_in_cash
from coinslot.wire.ids import CustomerId
from tests.support.giving_back import Office
from tests.support.till import CNY

_USE: Final = """
    INSERT INTO session (operator_id, session_id, customer_id, appliance_id, terminal_id, outlet, command_id, request_key,
        request_hash, currency, quote, limits, hold_principal_minor, hold_bonus_minor, link, expires_at_ms, expired_at,
        meter_spec, created_at, state, give_up_at)
    VALUES ($1, 'ses1', $2, 'apl', 'trm', 1, 'cmd', 'key', '', 'CNY', '', '', 1000, 200, 1, 0, now(), '', now(), 'running', now())
"""
_OVER: Final = "UPDATE session SET state = 'released', settled_at = now() WHERE session_id = 'ses1'"


async def takes_out(office: Office, customer: CustomerId, amount_minor: int) -> int:
    """A customer withdraws; what of the bonus was foretold, which is what goes."""
    till = office.till
    purse = till.purse(customer)
    before = await office.bonus(customer)
    shown = await preview_withdrawal(till.pool, purse, amount_minor)
    await withdraw(
        till.pool, WithdrawalRequest(purse=purse, key=till.key(), amount_minor=amount_minor, by="test")
    )
    assert before - await office.bonus(customer) == shown.bonus_back_minor
    await till.works()
    return shown.bonus_back_minor


async def test_ten_topups_opened_beforehand_earn_nothing_with_the_same_money(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    opened = [await till.topup(customer, 100_00, bonus_minor=15_01) for _ in range(4)]
    for intent in opened:
        attempt = await till.offered(intent)
        till.provider.pays(attempt.number)
        await till.notified(attempt)
        await till.cashier.apply()
        assert await takes_out(office, customer, 33_33) == 5_00
        assert await takes_out(office, customer, 66_67) == 10_01
    assert (await till.principal(customer), await office.bonus(customer), till.provider.holds_minor) == (
        0,
        0,
        0,
    )
    assert await till.balance("operator/promotions") == 0
    await till.in_order()


async def test_staff_and_customer_take_turns_and_it_goes_once(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    attempt = await office.paid_topup(customer, 30_00, bonus_minor=3_00)
    assert await takes_out(office, customer, 10_00) == 1_00
    shown = await propose(office.door, office.wish(What.PAYMENT, attempt.number, 10_00))
    assert (shown.bonus_back_minor, shown.bonus_spent_minor) == (1_00, 0)
    await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, 10_00), office.anna)
    assert await office.bonus(customer) == 1_00
    # What the provider will not do is in the wallet again, with its bonus; the next time it goes as if for the first.
    till.provider.refunds_are = Providers.CLOSED
    assert await takes_out(office, customer, 10_00) == 1_00
    assert (await till.principal(customer), await office.bonus(customer)) == (10_00 + 10_00, 2_00)
    till.provider.refunds_are = Providers.SUCCEEDED
    asked = await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number), office.dora)
    await approve(office.door, till.operator, asked.request_id, office.bert)
    await till.works()
    assert (await till.principal(customer), await office.bonus(customer)) == (0, 0)


async def test_what_is_spent_stays_so_and_no_later_topup_pays_for_it(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    await office.paid_topup(customer, 10_00, bonus_minor=2_00)
    spent = events.hold(till.operator, "s1", customer, CNY, principal_minor=10_00, bonus_minor=2_00)
    await ledger.post(till.pool, [spent])
    await office.paid_topup(customer, 10_00)
    assert await takes_out(office, customer, 10_00) == 0
    await office.paid_topup(customer, 10_00, bonus_minor=2_00)
    assert await office.bonus(customer) == 2_00
    assert await takes_out(office, customer, 5_00) == 0, "it goes back to the payment without one"
    assert await takes_out(office, customer, 5_00) == 0


async def test_bonus_that_a_use_has_set_aside_is_waited_for(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    await office.paid_topup(customer, 10_00, bonus_minor=2_00)
    hold = events.hold(till.operator, "ses1", customer, CNY, principal_minor=10_00, bonus_minor=2_00)
    await ledger.post(till.pool, [hold])
    await till.pool.execute(_USE, till.operator, customer)
    attempt = await office.paid_topup(customer, 10_00)
    purse = till.purse(customer)
    assert (await preview_withdrawal(till.pool, purse, 10_00)).bonus_held_minor == 2_00
    wanted = WithdrawalRequest(purse=purse, key="w", amount_minor=10_00, by="test")
    with pytest.raises(BonusHeld):
        await withdraw(till.pool, wanted)
    assert await till.principal(customer) == 10_00
    assert (await propose(office.door, office.wish(What.PAYMENT, attempt.number))).amount_minor == 10_00
    released = events.release(till.operator, "ses1", customer, CNY, principal_minor=10_00, bonus_minor=2_00)
    await ledger.post(till.pool, [released])
    await till.pool.execute(_OVER)
    assert await takes_out(office, customer, 20_00) == 2_00


async def test_topups_with_a_bonus_and_uses_of_the_same_wallet_never_wait_in_a_ring(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    await office.paid_topup(customer, 100_00, bonus_minor=10_00)
    attempts = [await till.offered(await till.topup(customer, 1_00, bonus_minor=10)) for _ in range(6)]
    for attempt in attempts:
        till.provider.pays(attempt.number)
        await till.notified(attempt)

    async def cash(number: int) -> None:
        async with transaction(till.pool, Purpose.DECIDE) as connection:
            await pay_in_cash(
                connection, till.purse(customer), key=f"c{number}", amount_minor=1_00, bonus_minor=10
            )

    async def hold(number: int) -> None:
        held = events.hold(till.operator, f"s{number}", customer, CNY, principal_minor=10, bonus_minor=1)
        async with till.pool.acquire() as connection:
            await ledger.post(connection, [held])

    # A deadlock raises Conflict in one, and asyncpg's own error in the other.
    await asyncio.gather(till.cashier.apply(), *(deed(n) for n in range(20) for deed in (cash, hold)))
    assert await till.balance(accounts.customer_bonus(customer)) == 10_00 + 6 * 10 + 20 * 10 - 20


async def test_usage_reported_late_and_uses_of_others_never_wait_in_a_ring(office: Office) -> None:
    till = office.till
    first, second = sorted([await till.customer(), await till.customer()])
    for customer in (first, second):
        owed = events.late_usage(till.operator, f"late{customer}", customer, CNY, arrears_minor=1)
        await ledger.post(till.pool, [owed])
        await office.paid_topup(customer, 10_01)
    paths = (accounts.customer_principal, accounts.customer_arrears)
    books = PostgresBooks(till.pool)

    async def applied(number: int) -> None:
        ended = events.hold(till.operator, f"s{number}", first, CNY, principal_minor=1)
        async with books.transaction(Purpose.WORDS) as unit:
            await unit.arrears_room([till.purse(second)], [ended])
            await ledger.post(unit._connection, [ended])

    async def begun() -> None:
        async with till.pool.acquire() as connection, connection.transaction():
            keys = [(till.operator, path(one), CNY) for one in (first, second) for path in paths]
            await ledger.lock_balances(connection, keys)

    await asyncio.gather(*(deed for n in range(30) for deed in (applied(n), begun())))
    assert await till.principal(first) == 10_00 - 30
