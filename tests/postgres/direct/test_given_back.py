"""Settled sessions given back by staff: ledger, shares and provider agree after every part of it."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from msgspec.structs import replace

from coinslot.ledger import events
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import operator_revenue, operator_withdrawals_due, party_payable
from coinslot.money import share_out
from coinslot.payments.model import Attempt
from coinslot.payments.port import RefundState as Providers
from coinslot.sessions.model import Session
from coinslot.settlement.payments.errors import NotRefundable, TooMuch, Unrefundable
from coinslot.settlement.payments.operator_refunds import approve, ask_refund, propose
from coinslot.settlement.payments.refund_requests import RequestState, Way, What
from coinslot.settlement.payments.rows import find_attempt
from coinslot.settlement.reconcile import reconcile
from coinslot.sharing import Part, PartyId, Target
from coinslot.sharing.store import Terms, add_agreement, add_party
from coinslot.wire.ids import CustomerId
from coinslot.wire.records import StopReason
from tests.support.desk import PlayedTerminal
from tests.support.giving_back import Office
from tests.support.inn import Inn


class House:
    """An inn with staff, a hotel that has 7 fen and a third of each use, and a factory with a tenth."""

    def __init__(self, inn: Inn, office: Office, hotel: PartyId, factory: PartyId) -> None:
        self.inn = inn
        self.office = office
        self.hotel = hotel
        self.factory = factory

    async def share(self, left_minor: int) -> None:
        """Of all that is still charged, everybody has the exact part."""
        parts = share_out(left_minor, [7, 0, 0], [333_333, 100_001, 566_666])
        held = [
            *[await self.inn.desk.balance(party_payable(party)) for party in (self.hotel, self.factory)],
            await self.inn.desk.balance(operator_revenue()),
        ]
        assert held == list(parts)

    async def agrees(self) -> None:
        """Ledger, sessions, shares; and the provider, where nobody is owed anything."""
        async with self.inn.pool.acquire() as connection:
            report = await reconcile(connection, operator=self.inn.desk.operator)
        assert report.sound, report.differences
        await self.inn.till.in_order()

    async def used(
        self, customer: CustomerId, terminal: PlayedTerminal, wh: int = 1610, key: str = "k1"
    ) -> Session:
        """A use that a wallet has paid: 3.22 if nobody says otherwise."""
        session = await self.inn.desk.begun(customer, terminal, key=key)
        await terminal.records(
            self.inn.started(terminal, session),
            self.inn.stopped(terminal, session, reason=StopReason.KEY, s=600, wh=wh),
        )
        return await self.inn.desk.session(session.id)


@pytest.fixture
async def house(inn: Inn, direct_url: str) -> House:
    async with inn.pool.acquire() as connection:
        operator = inn.desk.operator
        hotel = await add_party(connection, operator, name="Hotel", kind="site_owner", by="test")
        factory = await add_party(connection, operator, name="Factory", kind="manufacturer", by="test")
        parts = (Part(hotel.party_id, 333_333, 7), Part(factory.party_id, 100_001))
        terms = Terms(Target(), parts, date(2020, 1, 1), bonus_shared=False)
        await add_agreement(connection, operator, name="Usual", terms=terms, by="test")
    office = await Office(inn.till, direct_url).open()
    return House(inn, office, hotel.party_id, factory.party_id)


async def paid_use(house: House, package: str = "30min") -> tuple[Session, Attempt]:
    """A guest's use, over and paid."""
    inn = house.inn
    terminal = await inn.appliance()
    session = await inn.running(terminal, package)
    session = await inn.ends(terminal, session)
    await inn.works()
    number = await inn.pool.fetchval(
        "SELECT paid_by FROM payment_intent WHERE intent_id = $1", session.intent
    )
    attempt = await find_attempt(inn.pool, inn.desk.operator, number)
    assert attempt is not None
    return session, attempt


async def test_a_guests_use_goes_back_in_parts_through_the_provider(house: House) -> None:
    inn, office = house.inn, house.office
    session, attempt = await paid_use(house)
    await house.share(5_00)
    shown = await propose(office.door, office.wish(What.SESSION, session.id, 1_01))
    assert [(figure.who, figure.amount_minor > 0) for figure in shown.figures] == [
        (attempt.merchant_id, True),
        ("Factory", False),
        ("Hotel", False),
        ("", False),
    ]
    left = 5_00
    for part in (1_01, 7, 2_90):
        done = await ask_refund(office.door, office.wish(What.SESSION, session.id, part), office.anna)
        assert (done.state, done.way) == (RequestState.DONE, Way.PAYER)
        left -= part
        await house.share(left)
    with pytest.raises(TooMuch) as refused:
        await ask_refund(office.door, office.wish(What.SESSION, session.id, left + 1), office.anna)
    assert refused.value.left_minor == left
    await ask_refund(office.door, office.wish(What.PAYMENT, attempt.number), office.anna)
    await house.share(0)
    await inn.works()
    assert (inn.provider.holds_minor, await inn.owed()) == (0, 0)
    assert await inn.intent_state(attempt) == "refunded"
    assert {why for why, _ in await inn.refunds()} == {"session"}
    with pytest.raises(NotRefundable) as nothing:
        await ask_refund(office.door, office.wish(What.SESSION, session.id), office.anna)
    assert nothing.value.reason is Unrefundable.NOTHING_LEFT
    await inn.even()


async def test_what_a_use_has_left_and_what_staff_give_back_never_exceed_the_payment(house: House) -> None:
    inn, office = house.inn, house.office
    terminal = await inn.appliance()
    session = await inn.running(terminal, "use")
    with pytest.raises(NotRefundable) as running:
        await ask_refund(office.door, office.wish(What.SESSION, session.id), office.anna)
    assert running.value.reason is Unrefundable.NOT_SETTLED
    await terminal.records(inn.stopped(terminal, session, reason=StopReason.KEY, s=600, wh=2000))
    wishes = [office.wish(What.SESSION, session.id, 1_00) for _ in range(9)]
    done = await asyncio.gather(
        inn.starts.once(),
        *(ask_refund(office.door, wish, (office.anna, office.bert)[n % 2]) for n, wish in enumerate(wishes)),
        inn.server_starts().once(),
        return_exceptions=True,
    )
    refused = [each for each in done if isinstance(each, BaseException)]
    assert len(refused) == 5, refused
    assert all(isinstance(each, (TooMuch, NotRefundable)) for each in refused)
    await inn.works()
    assert sorted(await inn.refunds()) == [("session", 1_00)] * 4 + [("unused", 6_00)]
    assert inn.provider.holds_minor == 0
    await house.share(0)
    await inn.even()


async def test_a_refund_that_the_provider_will_not_do_stays_owed(house: House) -> None:
    inn, office = house.inn, house.office
    session, _ = await paid_use(house)
    inn.provider.refunds_are = Providers.CLOSED
    await ask_refund(office.door, office.wish(What.SESSION, session.id, 2_00), office.anna)
    await inn.works()
    assert (await inn.owed(), inn.provider.holds_minor) == (2_00, 5_00)
    assert (await inn.desk.reviews())[-1] == "refund_closed"
    await house.share(3_00)
    await house.agrees()


async def test_a_customers_use_goes_back_to_the_wallet_as_it_was_paid(house: House) -> None:
    inn, office = house.inn, house.office
    customer = await inn.till.customer()
    await office.paid_topup(customer, 2_00, bonus_minor=3_00)
    session = await house.used(customer, await inn.appliance())
    assert (await inn.till.principal(customer), await office.bonus(customer)) == (0, 1_78)
    done = await ask_refund(office.door, office.wish(What.SESSION, session.id, 1_50), office.anna)
    assert (done.state, done.way) == (RequestState.DONE, Way.WALLET)
    assert (await inn.till.principal(customer), await office.bonus(customer)) == (28, 3_00)
    await house.agrees()
    with pytest.raises(NotRefundable) as way:
        await ask_refund(office.door, office.wish(What.SESSION, session.id, way=Way.LOSS), office.anna)
    assert way.value.reason is Unrefundable.WAY
    races = await asyncio.gather(
        *(
            ask_refund(office.door, office.wish(What.SESSION, session.id, 1_00), who)
            for who in (office.anna, office.bert) * 3
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in races) == 1
    await ask_refund(office.door, office.wish(What.SESSION, session.id), office.anna)
    assert (await inn.till.principal(customer), await office.bonus(customer)) == (2_00, 3_00)
    await house.share(0)
    await house.agrees()


async def test_on_wish_it_goes_on_to_the_payer_with_two_people_above_the_limit(house: House) -> None:
    inn, office = house.inn, house.office
    customer = await inn.till.customer(cash_minor=1_00)
    await office.paid_topup(customer, 4_00)
    session = await house.used(customer, await inn.appliance(), wh=2500)
    wish = office.wish(What.SESSION, session.id, way=Way.PAYER)
    shown = await propose(office.door, wish)
    assert [(back.amount_minor, back.provider) for back in shown.returns] == [(4_00, "played")]
    assert shown.by_hand_minor == 1_00
    asked = await ask_refund(office.door, wish, office.dora)
    assert asked.state is RequestState.OPEN
    assert await inn.till.principal(customer) == 0
    done = await approve(office.door, inn.desk.operator, asked.request_id, office.bert)
    assert done.state is RequestState.DONE
    await inn.till.works()
    assert (await inn.till.principal(customer), inn.provider.holds_minor) == (0, 0)
    assert await inn.desk.balance(operator_withdrawals_due()) == 1_00, "what was cash is paid by hand"
    await house.share(0)
    await house.agrees()


async def test_a_chargeback_can_be_borne_by_all_who_shared_in_the_session(house: House) -> None:
    inn, office = house.inn, house.office
    session, attempt = await paid_use(house)
    taken = events.chargeback(
        inn.desk.operator, "cb_1", "CNY", merchant=attempt.merchant_id, amount_minor=2_00
    )
    await ledger.post(inn.pool, [taken])
    wish = office.wish(What.CHARGEBACK, "cb_1", way=Way.SESSION, beneficiary=session.id)
    races = await asyncio.gather(
        *(ask_refund(office.door, replace(wish, key=f"c{n}"), office.anna) for n in range(4)),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in races) == 1
    await house.share(3_00)
    assert await inn.till.suspense() == 0
    with pytest.raises(TooMuch) as refused:
        await ask_refund(office.door, office.wish(What.SESSION, session.id, 3_01), office.anna)
    assert refused.value.left_minor == 3_00
    async with inn.pool.acquire() as connection:
        report = await reconcile(connection, operator=inn.desk.operator)
    assert report.sound, report.differences
