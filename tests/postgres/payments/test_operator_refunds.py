"""What staff give back: never more than was paid, never alone above the limit, and three books that agree afterwards."""

from __future__ import annotations

from coinslot.settlement.payments.operator_refunds import approve, ask_refund
from coinslot.settlement.payments.refund_requests import RequestState, What
from tests.support.giving_back import Office


async def test_a_topup_goes_back_with_its_part_of_the_bonus(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    attempt = await office.paid_topup(customer, 100_00, bonus_minor=10_00)
    asked = await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, 25_00), office.anna)
    assert asked.state is RequestState.DONE
    await till.works()
    assert (await till.principal(customer), till.provider.holds_minor) == (75_00, 75_00)
    assert await office.bonus(customer) == 7_50
    rest = await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number), office.anna)
    assert (rest.state, rest.amount_minor) == (RequestState.OPEN, 75_00)
    done = await approve(office.door, till.operator, rest.request_id, office.bert)
    assert done.state is RequestState.DONE
    await till.works()
    assert (await till.principal(customer), await office.bonus(customer), till.provider.holds_minor) == (0, 0, 0)
    await till.in_order()
