"""What staff give back: never more than was paid, never alone above the limit, and books that agree afterwards."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from coinslot.audit import write_audit
from coinslot.engines.connect import Pool, connect_owner
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.operator_rules import set_rules
from coinslot.ledger import events
from coinslot.ledger import store as ledger
from coinslot.ledger.errors import LedgerError
from coinslot.payments.port import RefundState as Providers
from coinslot.people.rules import Role
from coinslot.settlement.payments.errors import (
    Barred,
    KeyReused,
    NotAllowed,
    NotRefundable,
    TooMuch,
    Unrefundable,
)
from coinslot.settlement.payments.operator_refunds import approve, ask_refund, decline, propose, request_of
from coinslot.settlement.payments.refund_requests import (
    RefundRequest,
    RequestState,
    Way,
    What,
    open_requests,
    requests_about,
)
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from coinslot.wire.ids import StaffId
from tests.support.giving_back import Office
from tests.support.till import CNY


async def test_a_topup_goes_back_with_its_part_of_the_bonus(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    attempt = await office.paid_topup(customer, 100_00, bonus_minor=10_01)
    asked = await ask_refund(office.door, office.wish(What.PAYMENT, attempt.intent_id, 25_00), office.anna)
    assert (asked.state, asked.alone, asked.target) == (RequestState.DONE, True, attempt.number)
    await till.works()
    assert (await till.principal(customer), till.provider.holds_minor) == (75_00, 75_00)
    assert await office.bonus(customer) == 10_01 - 2_50, "its exact part, in the customer's favour"
    shown = await propose(office.door, office.wish(What.PAYMENT, attempt.number))
    assert (shown.amount_minor, shown.before_minor, shown.bonus_back_minor) == (75_00, 25_00, 7_51)
    rest = await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number), office.anna)
    assert (rest.state, rest.amount_minor) == (RequestState.OPEN, 75_00)
    done = await approve(office.door, till.operator, rest.request_id, office.bert, "seen")
    assert (done.state, done.decided_by_name) == (RequestState.DONE, "bert")
    await till.works()
    assert (await till.principal(customer), await office.bonus(customer), till.provider.holds_minor) == (
        0,
        0,
        0,
    )
    assert [action for _, action in await office.audit()] == ["refund.do", "refund.ask", "refund.approve"]
    assert len(await requests_about(till.pool, till.operator, What.PAYMENT, attempt.number)) == 2
    await till.in_order()


async def test_what_is_spent_or_owed_cannot_go_back_and_the_figures_say_so(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    attempt = await office.paid_topup(customer, 10_00, bonus_minor=2_00)
    spent = events.hold(till.operator, "s1", customer, CNY, principal_minor=7_00, bonus_minor=1_50)
    await ledger.post(till.pool, [spent])
    with pytest.raises(TooMuch) as refused:
        await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, 3_01), office.anna)
    assert refused.value.left_minor == 3_00
    shown = await propose(office.door, office.wish(What.PAYMENT, attempt.number))
    assert (shown.most_minor, shown.bonus_back_minor, shown.bonus_spent_minor) == (3_00, 50, 10)
    owed = events.late_usage(till.operator, "s9", customer, CNY, arrears_minor=3_00)
    await ledger.post(till.pool, [owed])
    with pytest.raises(NotRefundable) as nothing:
        await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number), office.anna)
    assert nothing.value.reason is Unrefundable.NOTHING_LEFT
    for amount in (0, -1, 2**63):
        with pytest.raises(FieldError):
            await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, amount), office.anna)
    with pytest.raises(MissingError):
        await ask_refund(office.door, office.wish(What.PAYMENT, "p" * 32), office.anna)
    assert (await till.principal(customer), await till.refunds()) == (3_00, [])


async def test_what_the_provider_will_not_do_is_in_the_wallet_again_with_its_bonus(office: Office) -> None:
    till = office.till
    customer = await till.customer()
    attempt = await office.paid_topup(customer, 20_00, bonus_minor=2_00)
    till.provider.refunds_are = Providers.CLOSED
    await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, 10_00), office.anna)
    assert await office.bonus(customer) == 1_00
    await till.works()
    assert (await till.principal(customer), await office.bonus(customer)) == (20_00, 2_00)
    assert await till.reviews() == ["withdrawal_back"]
    till.provider.refunds_are = Providers.SUCCEEDED
    again = await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number), office.anna)
    assert again.state is RequestState.DONE
    await till.works()
    assert (await till.principal(customer), await office.bonus(customer), till.provider.holds_minor) == (
        0,
        0,
        0,
    )
    await till.in_order()


async def test_one_key_is_one_refund_whoever_presses_how_often(office: Office) -> None:
    till = office.till
    attempt = await office.paid_topup(await till.customer(), 20_00)
    wish = office.wish(What.PAYMENT, attempt.number, 3_00, key="once")
    done = await asyncio.gather(
        *(ask_refund(office.door, wish, who) for who in (office.anna, office.bert) * 8)
    )
    assert len({each.request_id for each in done}) == 1
    with pytest.raises(KeyReused):
        await ask_refund(
            office.door, office.wish(What.PAYMENT, attempt.number, 3_01, key="once"), office.anna
        )
    await till.works()
    assert till.provider.holds_minor == 17_00
    await till.in_order()


async def test_many_hands_never_give_back_more_than_was_paid(office: Office, pool: Pool) -> None:
    """Two members of staff, a customer who withdraws, and uses that begin, all at one wallet."""
    till = office.till
    customer = await till.customer()
    attempt = await office.paid_topup(customer, 30_00, bonus_minor=3_00)

    def staff(number: int) -> object:
        who = (office.anna, office.bert)[number % 2]
        return ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, 2_00 + number), who)

    def takes(number: int) -> object:
        request = WithdrawalRequest(
            purse=till.purse(customer), key=f"w{number}", amount_minor=1_50 + number, by="t"
        )
        return withdraw(pool, request)

    def uses(number: int) -> object:
        hold = events.hold(till.operator, f"s{number}", customer, CNY, principal_minor=1_00, bonus_minor=10)
        return ledger.post(pool, [hold])

    hands = [deed(number) for number in range(12) for deed in (staff, takes, uses)]
    done = await asyncio.gather(*hands, return_exceptions=True)  # type: ignore[call-overload]
    faults = [each for each in done if isinstance(each, BaseException)]
    assert all(isinstance(fault, (TooMuch, NotRefundable, LedgerError)) for fault in faults), faults
    assert 0 < len(faults) < len(hands)
    await till.works(rounds=3, every=timedelta(minutes=2))
    left = await till.principal(customer)
    assert left >= 0
    assert till.provider.holds_minor == left + sum(
        1_00 for each, deed in zip(done, hands, strict=True) if isinstance(each, list)
    )
    await till.in_order()


async def test_splitting_is_caught_by_the_days_sum(office: Office, pool: Pool) -> None:
    till = office.till
    attempt = await office.paid_topup(await till.customer(), 500_00)

    async def asks(who: StaffId, amount_minor: int) -> RequestState:
        return (
            await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, amount_minor), who)
        ).state

    at_once = await asyncio.gather(*(asks(office.anna, 10_00) for _ in range(12)))
    assert (at_once.count(RequestState.DONE), at_once.count(RequestState.OPEN)) == (5, 7)
    assert await asks(office.anna, 1) is RequestState.OPEN
    assert await asks(office.bert, 50_00) is RequestState.DONE, "everybody has a day of his own"
    assert await asks(office.dora, 1) is RequestState.OPEN, "the desk asks, others decide"
    assert len(await open_requests(pool, till.operator)) == 9
    # Who raises the limit waits a day before it serves himself.
    async with pool.acquire() as connection:
        await set_rules(connection, till.operator, refund_alone_minor=1000_00, by=office.anna)
    assert await asks(office.anna, 1) is RequestState.OPEN
    assert await asks(office.bert, 100_00) is RequestState.DONE
    async with pool.acquire() as connection:
        await set_rules(connection, till.operator, refund_alone_minor=0, by="cli:root")
    assert await asks(office.bert, 1) is RequestState.OPEN


async def open_request(office: Office, asker: StaffId | None = None) -> RefundRequest:
    """One that waits for a second person."""
    attempt = await office.paid_topup(await office.till.customer(), 100_00)
    return await ask_refund(
        office.door, office.wish(What.PAYMENT, attempt.number, 60_00), asker or office.anna
    )


async def test_only_a_second_person_with_the_right_to_may_decide(office: Office, pool: Pool) -> None:
    till = office.till
    request = await open_request(office)
    carl = await office.hires("carl", Role.MANAGER)
    async with pool.acquire() as connection:
        await write_audit(connection, till.operator, by=office.anna, action="staff.password", target=carl)
        await connection.execute("UPDATE staff SET disabled_at = now() WHERE login = 'gone'")
    gone = await office.hires("gone", Role.OWNER)
    await pool.execute("UPDATE staff SET disabled_at = now() WHERE staff_id = $1", gone)
    barred = {
        office.anna: Barred.OWN,
        office.dora: Barred.ROLE,
        office.tom: Barred.ROLE,
        carl: Barred.MADE_BY_ASKER,
        gone: Barred.DISABLED,
    }
    for who, why in barred.items():
        view = await request_of(office.door, till.operator, request.request_id, who)
        assert view.barred is why
        with pytest.raises(NotAllowed) as refused:
            await approve(office.door, till.operator, request.request_id, who)
        assert refused.value.reason is why
        with pytest.raises(NotAllowed):
            await decline(office.door, till.operator, request.request_id, who, "no")
    for who in (office.tom, gone):
        with pytest.raises(NotAllowed):
            await open_request(office, who)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "UPDATE refund_decision SET state = 'declined', decided_by = asked_by, decided_at = now()"
        )
    stranger = await Office(await type(till)(pool).open(["1901"])).open()
    with pytest.raises(MissingError):
        await approve(office.door, till.operator, request.request_id, stranger.bert)
    with pytest.raises(MissingError):
        await approve(office.door, stranger.till.operator, request.request_id, stranger.bert)
    view = await request_of(office.door, till.operator, request.request_id, office.bert)
    assert (view.barred, view.problem) == (None, "")
    assert view.proposal is not None
    assert view.proposal.returns[0].amount_minor == 60_00
    assert await till.refunds() == []


async def test_a_request_is_decided_once_and_declined_with_a_word(office: Office, pool: Pool) -> None:
    till = office.till
    request = await open_request(office)
    with pytest.raises(FieldError):
        await decline(office.door, till.operator, request.request_id, office.bert, " ")
    said = await decline(office.door, till.operator, request.request_id, office.bert, "the meter is right")
    assert (said.state, said.decision_words) == (RequestState.DECLINED, "the meter is right")
    for again in (approve, decline):
        with pytest.raises(NotAllowed) as refused:
            await again(office.door, till.operator, request.request_id, office.bert, "yes")
        assert refused.value.reason is Barred.DECIDED
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE refund_decision SET state = 'done', outcome = '{}'")
    other = await open_request(office)
    chief = await office.hires("chief", Role.OWNER)
    both = await asyncio.gather(
        *(approve(office.door, till.operator, other.request_id, who) for who in (office.bert, chief) * 4),
        return_exceptions=True,
    )
    assert sum(isinstance(each, RefundRequest) for each in both) == 1
    assert len(await till.refunds()) == 1


async def test_a_request_expires_and_what_changed_meanwhile_is_checked_anew(
    office: Office, pool: Pool
) -> None:
    till = office.till
    old = await open_request(office)
    customer = await till.customer()
    attempt = await office.paid_topup(customer, 100_00)
    request = await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number, 90_00), office.anna)
    hold = events.hold(till.operator, "s1", customer, CNY, principal_minor=20_00)
    await ledger.post(pool, [hold])
    view = await request_of(office.door, till.operator, request.request_id, office.bert)
    assert "8000 can be had" in view.problem
    with pytest.raises(TooMuch):
        await approve(office.door, till.operator, request.request_id, office.bert)
    assert [each.request_id for each in await open_requests(pool, till.operator)] == [
        old.request_id,
        request.request_id,
    ]
    owner = await connect_owner(office.owner_url)
    await owner.execute("ALTER TABLE refund_decision DISABLE TRIGGER refund_decision_decided")
    await owner.execute("UPDATE refund_decision SET expires_at = now() WHERE request_id = $1", old.request_id)
    await owner.execute("ALTER TABLE refund_decision ENABLE TRIGGER refund_decision_decided")
    await owner.close()
    with pytest.raises(NotAllowed) as refused:
        await approve(office.door, till.operator, old.request_id, office.bert)
    assert refused.value.reason is Barred.EXPIRED
    assert len(await open_requests(pool, till.operator)) == 1
    assert (await till.refunds(), await till.principal(customer)) == ([], 80_00)


async def test_what_goes_back_by_itself_or_was_never_paid_is_nobodys_to_give_back(office: Office) -> None:
    till = office.till
    waiting = await till.offered(await till.topup(await till.customer()))
    direct = await till.offered(await till.direct())
    for number in (waiting.number, direct.number):
        with pytest.raises(NotRefundable) as refused:
            await ask_refund(office.door, office.wish(What.PAYMENT, number), office.anna)
        assert refused.value.reason is Unrefundable.NOT_PAID
    for attempt in (waiting, direct):
        till.provider.pays(attempt.number)
        await till.notified(attempt)
    await till.cashier.apply()
    with pytest.raises(NotRefundable) as itself:
        await ask_refund(office.door, office.wish(What.PAYMENT, direct.number), office.anna)
    assert itself.value.reason is Unrefundable.BY_ITSELF
    with pytest.raises(NotRefundable) as way:
        await ask_refund(office.door, office.wish(What.PAYMENT, waiting.number, way=Way.REVENUE), office.anna)
    assert way.value.reason is Unrefundable.WAY
    await till.passes(timedelta(days=364))
    with pytest.raises(NotRefundable) as old:
        await ask_refund(office.door, office.wish(What.PAYMENT, waiting.number), office.anna)
    assert old.value.reason is Unrefundable.TOO_OLD
