"""Reconciliation holds every party against the agreement that each session has kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coinslot.engines.connect import Connection
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import operator_revenue, party_payable
from coinslot.ledger.events import refund
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.differences import What
from coinslot.settlement.reconcile import reconcile
from coinslot.settlement.shares import charged_of
from coinslot.sharing import Part, freeze, thaw
from tests.postgres.sharing.conftest import Partnership


async def found(partners: Partnership) -> set[What]:
    async with partners.desk.pool.acquire() as connection:
        return {difference.what for difference in (await reconcile(connection)).differences}


async def traded(partners: Partnership) -> Session:
    """One session used, and refunded in part; another used after its release."""
    desk, hotel = partners.desk, partners.hotel.party_id
    await partners.agree(
        terms=partners.terms(Part(hotel, 333_333, 7), Part(partners.factory.party_id, 100_001))
    )
    terminal, customer = await desk.terminal(), await desk.customer()
    session = await desk.begun(customer, terminal, key="k1")
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=20_000, s=200))
    session = await desk.session(session.id)
    back = refund(desk.operator, session.id, customer, "CNY", charged=charged_of(session, 0), amount_minor=11)
    await ledger.post(desk.pool, [back])
    lost = await desk.begun(customer, terminal, key="k2")
    for time in (timedelta(seconds=30), timedelta(hours=24)):
        await desk.passes(time)
    await terminal.records(
        terminal.started(lost, ml=20_000, s=200, ticks_ms=200_000),
        terminal.stopped(lost, start_ml=20_000, ml=30_000, s=300),
    )
    assert (await desk.session(lost.id)).state is State.LATE
    return session


async def test_honest_shares_agree(partners: Partnership) -> None:
    await traded(partners)
    await partners.change(Part(partners.hotel.party_id, 1))
    assert await found(partners) == set()


@pytest.mark.parametrize("by_minor", [1, -1])
async def test_a_unit_moved_between_party_and_operator_is_found(
    partners: Partnership, owner: Connection, by_minor: int
) -> None:
    session = await traded(partners)
    await owner.execute("ALTER TABLE ledger_posting DISABLE TRIGGER ledger_append_only")
    for account, sign in ((party_payable(partners.hotel.party_id), 1), (operator_revenue(), -1)):
        await owner.execute(
            "UPDATE ledger_posting p SET amount_minor = amount_minor + $1 FROM ledger_entry e"
            " WHERE e.entry_id = p.entry_id AND e.key = $2 AND p.account = $3",
            sign * by_minor,
            f"session:{session.id}:capture",
            account,
        )
    assert await found(partners) == {What.SHARED}


async def test_an_agreement_changed_in_the_sessions_row_is_found(
    partners: Partnership, owner: Connection
) -> None:
    session = await traded(partners)
    kept = thaw(session.sharing)
    parts = (Part(kept.parts[1].party, 500_000),)
    changed = freeze(type(kept)(kept.agreement, kept.version, kept.bonus_shared, parts))
    for text, what in ((changed, What.SHARED), ("", What.SHARED), ("{", What.UNREADABLE)):
        await owner.execute("UPDATE session SET sharing = $1 WHERE session_id = $2", text, session.id)
        assert await found(partners) == {what}
