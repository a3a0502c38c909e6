"""Money in suspense, and money that was taken back: explained once, whole, by people; by two where it is much."""

from __future__ import annotations

import asyncio

import pytest

from coinslot.engines.connect import Pool
from coinslot.fields import FieldError, MissingError
from coinslot.ledger import accounts, events
from coinslot.ledger import store as ledger
from coinslot.ledger.errors import KeyConflict
from coinslot.payments.model import Mark
from coinslot.payments.port import RefundState as Providers
from coinslot.payments.states import AttemptState, RefundState
from coinslot.settlement.payments.by_hand import list_owed, pay_owed
from coinslot.settlement.payments.errors import NotAllowed, NotRefundable, TooMuch, Unrefundable
from coinslot.settlement.payments.operator_refunds import approve, ask_refund, propose
from coinslot.settlement.payments.refund_requests import RequestState, Way, What
from coinslot.settlement.payments.suspense import Suspended, list_chargebacks, list_suspense
from coinslot.settlement.payments.withdrawal_views import find_withdrawal
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from tests.support.giving_back import Office
from tests.support.till import CNY


async def suspended(office: Office, amount_minor: int) -> Suspended:
    """A provider says that an order of ours was paid, with more than was ordered."""
    till = office.till
    attempt = await till.offered(await till.topup(await till.customer(), amount_minor - 1))
    till.provider.pays(attempt.number)
    await till.notified(attempt, amount_minor=amount_minor)
    await till.cashier.apply()
    known = await list_suspense(till.pool, till.operator)
    return known[-1]


async def test_it_is_listed_and_explained_once(office: Office, pool: Pool) -> None:
    till = office.till
    customer = await till.customer()
    found = await suspended(office, amount_minor=7_01)
    wrong = await suspended(office, amount_minor=8_00)
    assert (found.provider, found.named is not None, found.explained) == ("played", True, False)
    assert await till.suspense() == found.amount_minor + wrong.amount_minor
    for bad in (
        office.wish(What.SUSPENSE, found.suspense_id, 1, way=Way.REVENUE),
        office.wish(What.SUSPENSE, found.suspense_id, way=Way.LOSS),
    ):
        with pytest.raises(NotRefundable):
            await ask_refund(office.door, bad, office.anna)
    with pytest.raises(FieldError):
        await ask_refund(
            office.door, office.wish(What.SUSPENSE, found.suspense_id, way=Way.WALLET), office.anna
        )
    for who, target in (("cus_nobody", found.suspense_id), (customer, "sus_none")):
        with pytest.raises(MissingError):
            await ask_refund(
                office.door,
                office.wish(What.SUSPENSE, target, way=Way.WALLET, beneficiary=who),
                office.anna,
            )
    wish = office.wish(What.SUSPENSE, found.suspense_id, way=Way.WALLET, beneficiary=customer)
    done = await ask_refund(office.door, wish, office.anna)
    assert (done.state, await till.principal(customer)) == (RequestState.DONE, found.amount_minor)
    other = await asyncio.gather(
        *(
            ask_refund(office.door, office.wish(What.SUSPENSE, wrong.suspense_id, way=Way.REVENUE), who)
            for who in (office.anna, office.bert) * 3
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in other) == 1
    assert {each.reason for each in other if isinstance(each, NotRefundable)} == {Unrefundable.EXPLAINED}
    assert await till.balance(accounts.operator_revenue()) == wrong.amount_minor
    assert (await till.suspense(), await list_suspense(pool, till.operator)) == (0, [])
    assert len(await list_suspense(pool, till.operator, every=True)) == 2
    await till.in_order(exactly=False)


async def test_above_the_limit_two_people_explain_it(office: Office) -> None:
    till = office.till
    found = await suspended(office, amount_minor=90_00)
    wish = office.wish(What.SUSPENSE, found.suspense_id, way=Way.REVENUE)
    asked = await ask_refund(office.door, wish, office.anna)
    assert (asked.state, await till.suspense()) == (RequestState.OPEN, found.amount_minor)
    await approve(office.door, till.operator, asked.request_id, office.bert)
    assert await till.suspense() == 0


async def test_what_the_ledger_had_refused_goes_back_through_the_provider(office: Office, pool: Pool) -> None:
    """Everything about it agrees, but it could not be credited: the refund hangs on its own attempt."""
    till = office.till
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer, 7_00))
    await ledger.post(
        pool, [events.gift_points(till.operator, "g", customer, granted=1)]
    )  # so that the account exists
    clash = events.cash_topup(
        till.operator, f"payment:{attempt.intent_id}:topup", customer, CNY, amount_minor=1
    )
    await ledger.post(pool, [clash])
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.cashier.apply()
    [found] = await list_suspense(pool, till.operator)
    assert (found.named, (await till.attempt(attempt)).mark) == (attempt.number, Mark.DISPUTED)
    shown = await propose(office.door, office.wish(What.SUSPENSE, found.suspense_id))
    assert (shown.way, [back.attempt for back in shown.returns]) == (Way.PAYER, [attempt.number])
    await ask_refund(office.door, office.wish(What.SUSPENSE, found.suspense_id), office.anna)
    await till.works()
    after = await till.attempt(attempt)
    assert (after.state, after.mark, after.refunded_minor) == (AttemptState.SUCCEEDED, Mark.UNWANTED, 7_00)
    assert (till.provider.holds_minor, await till.due(), await till.suspense()) == (0, 0, 0)
    await till.in_order()


async def test_what_hangs_on_nothing_is_paid_by_hand_once(office: Office, pool: Pool) -> None:
    till = office.till
    found = await suspended(office, amount_minor=7_01)
    shown = await propose(office.door, office.wish(What.SUSPENSE, found.suspense_id))
    assert (shown.returns, shown.by_hand_minor) == ((), found.amount_minor)
    await ask_refund(office.door, office.wish(What.SUSPENSE, found.suspense_id), office.anna)
    [owed] = await list_owed(pool, till.operator)
    assert (owed.ref, await till.due()) == (found.suspense_id, found.amount_minor)
    with pytest.raises(NotAllowed):
        await pay_owed(office.door, till.operator, office.dora, owed.ref, paid_from="operator/cash")
    paid = await asyncio.gather(
        *(
            pay_owed(office.door, till.operator, who, owed.ref, paid_from="bank/main")
            for who in (office.anna, office.bert) * 2
        ),
        return_exceptions=True,
    )
    assert [type(each) for each in paid if isinstance(each, BaseException)] == [MissingError] * 3
    assert (await till.due(), await till.balance("bank/main")) == (0, -found.amount_minor)
    assert await list_owed(pool, till.operator) == []


async def test_a_refund_that_was_paid_by_hand_and_done_after_all_is_a_persons(
    office: Office, pool: Pool
) -> None:
    till = office.till
    attempt = await till.offered(await till.direct())
    await till.closed(attempt)
    till.provider.refunds_are = Providers.CLOSED
    late = till.provider.sheet.orders[attempt.number]
    late.state = type(late.state).WAITING
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.works()
    [owed] = await list_owed(pool, till.operator)
    assert owed.amount_minor == await till.due() == 5_00
    await pay_owed(office.door, till.operator, office.anna, owed.ref, paid_from="operator/cash")
    assert await till.due() == 0
    till.provider.settles(owed.ref, Providers.SUCCEEDED)
    await till.hears(till.provider.refund_notice(owed.ref))
    await till.works()
    assert (await till.reviews())[-1] == "payment_quarantined"
    [refund] = await till.refunds()
    assert refund.state is RefundState.CLOSED
    with pytest.raises(KeyConflict):
        await ledger.post(
            pool,
            [events.refund_done(till.operator, owed.ref, CNY, merchant=owed.merchant_id, amount_minor=5_00)],
        )


async def test_a_chargeback_is_borne_once_and_never_by_an_empty_wallet(office: Office, pool: Pool) -> None:
    till = office.till
    customer = await till.customer()
    await till.paid_topup(customer, 10_00)
    till.provider.refunds_are = Providers.CLOSED
    request = WithdrawalRequest(purse=till.purse(customer), key="w", amount_minor=6_00, by="test")
    await withdraw(pool, request)
    await till.works()
    [refund] = await till.refunds()
    till.provider.settles(refund.number, Providers.SUCCEEDED)
    await till.hears(till.provider.refund_notice(refund.number))
    await till.works()
    [found] = await list_chargebacks(pool, till.operator)
    assert (found.chargeback_id, found.amount_minor, found.customer) == (refund.number, 6_00, customer)
    assert await till.suspense() == -6_00
    hold = events.hold(till.operator, "s1", customer, CNY, principal_minor=5_00)
    await ledger.post(pool, [hold])
    wish = office.wish(What.CHARGEBACK, found.chargeback_id, way=Way.WALLET)
    with pytest.raises(TooMuch) as short:
        await ask_refund(office.door, wish, office.anna)
    assert short.value.left_minor == 5_00
    await ledger.post(pool, [events.release(till.operator, "s1", customer, CNY, principal_minor=5_00)])
    await ask_refund(office.door, wish, office.anna)
    assert (await till.principal(customer), await till.suspense()) == (4_00, 0)
    with pytest.raises(NotRefundable) as again:
        await ask_refund(office.door, office.wish(What.CHARGEBACK, found.chargeback_id), office.bert)
    assert again.value.reason is Unrefundable.EXPLAINED
    taken = events.chargeback(
        till.operator, "cb_1", CNY, merchant=till.merchant.merchant_id, amount_minor=2_00
    )
    await ledger.post(pool, [taken])
    lost = await ask_refund(office.door, office.wish(What.CHARGEBACK, "cb_1"), office.anna)
    assert lost.way is Way.LOSS
    assert await till.balance(accounts.operator_write_off()) == 2_00
    assert (await list_chargebacks(pool, till.operator), await till.suspense()) == ([], 0)
    assert len(await list_chargebacks(pool, till.operator, every=True)) == 2
    await till.in_order(exactly=False)


async def test_what_a_withdrawal_leaves_to_people_is_paid_once(office: Office) -> None:
    till = office.till
    customer = await till.customer(cash_minor=5_00)
    request = WithdrawalRequest(purse=till.purse(customer), key="w", amount_minor=5_00, by="test")
    made = await withdraw(till.pool, request)
    [owed] = await list_owed(till.pool, till.operator)
    assert (owed.kind, owed.ref, owed.amount_minor) == ("withdrawal", made.withdrawal_id, 5_00)
    with pytest.raises(NotAllowed):
        await pay_owed(office.door, till.operator, office.dora, owed.ref, paid_from="operator/cash")
    done = await asyncio.gather(
        *(
            pay_owed(office.door, till.operator, who, owed.ref, paid_from=account)
            for who, account in ((office.anna, "operator/cash"), (office.bert, "bank/main"))
        ),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) == ["MissingError", "Owed"]
    assert await list_owed(till.pool, till.operator) == []
    found = await find_withdrawal(till.pool, till.operator, made.withdrawal_id)
    assert found is not None
    assert (found.is_by_hand_paid, await till.balance(accounts.operator_withdrawals_due())) == (True, 0)
