"""An operator with a past: top-ups in every state, a shared and a refunded use, parties, something to look at."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.engines.connect import Pool
from coinslot.payments.model import Attempt, Intent
from coinslot.payments.port import RefundState
from coinslot.people.customers import add_customer
from coinslot.sessions.model import Session
from coinslot.settlement.payments.starts import give_up_start
from coinslot.sharing import Part, Party, Target
from coinslot.sharing.store import Terms, add_agreement, add_party
from coinslot.wire.ids import CustomerId
from tests.postgres.sharing.conftest import BEGIN
from tests.support.desk import Desk
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till

PHONE = "+8613800138000"


@dataclass
class History:
    """What there is to see."""

    till: Till
    desk: Desk
    customer: CustomerId
    hotel: Party
    evil: Party
    session: Session
    paid: Attempt
    open: Intent
    given_back: Intent
    """A direct payment that no use has followed; the provider cannot deliver its refund."""


async def make_history(pool: Pool, account: str = "1900") -> History:
    """All of it, in a second."""
    till = await Till(pool).open(())
    await till.add_merchant(PlayedProvider(account))
    desk = Desk(pool)
    desk.operator = till.operator
    async with pool.acquire() as connection:
        hotel = await add_party(connection, till.operator, name="Hotel Aurora", kind="site_owner", by="test")
        evil = await add_party(connection, till.operator, name="=cmd|'/c calc'!A1", by="test")
        terms = Terms(Target(), (Part(hotel.party_id, 300_000, 1), Part(evil.party_id, 100_000)), BEGIN)
        await add_agreement(connection, till.operator, name="Usual", terms=terms, by="test")
        made = await add_customer(connection, till.operator, name="Lin", phone=PHONE, by="test")
    customer = made.customer_id
    paid = await till.paid_topup(customer, 10_00)
    session = await _used(desk, customer)
    opened = await till.topup(customer, 20_00)
    await till.offered(opened)
    direct = await till.direct(5_00)
    attempt = await till.offered(direct)
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.cashier.apply()
    await give_up_start(pool, till.operator, direct.intent_id)
    till.provider.refunds_are = RefundState.ABNORMAL
    await till.works()
    stray = await till.offered(await till.topup(customer, 30_00))
    till.provider.pays(stray.number)
    await till.notified(stray, "", amount_minor=1)  # fewer than was asked for: nobody may credit it
    await till.cashier.apply()
    return History(till, desk, customer, hotel, evil, session, paid, opened, direct)


async def _used(desk: Desk, customer: CustomerId) -> Session:
    terminal = await desk.terminal()
    session = await desk.begun(customer, terminal, key=f"use of {customer}")
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=20_000, s=120))
    return await desk.session(session.id)
