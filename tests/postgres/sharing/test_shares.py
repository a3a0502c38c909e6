"""What parties have of sessions: frozen when they are authorized, posted with the capture, exact to the minor unit."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from operator import attrgetter

import pytest
from msgspec.structs import replace

from coinslot.engines.connect import Connection
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import party_payable
from coinslot.ledger.entries import EntryKind
from coinslot.ledger.errors import KeyConflict
from coinslot.ledger.events import cash_topup, refund
from coinslot.ledger.store import set_arrears_cap
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement import rows
from coinslot.settlement.shares import charged_of
from coinslot.sharing import Part, Target, payables, thaw
from coinslot.sharing.store import end_agreement
from coinslot.wire.ids import SessionId
from tests.postgres.sharing.conftest import Partnership
from tests.support.desk import PlayedTerminal

LITRES_20 = 20_000
"""0.90 by the shower tariff."""


async def used(
    partners: Partnership, session: Session, terminal: PlayedTerminal, ml: int = LITRES_20
) -> Session:
    """The session from its start to its end."""
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=ml, s=200))
    return await partners.desk.session(session.id)


async def test_a_capture_pays_every_party_in_the_same_entry(partners: Partnership) -> None:
    await partners.agree()
    terminal = await partners.desk.terminal()
    session = await partners.desk.begun(await partners.desk.customer(), terminal)
    ended = await used(partners, session, terminal)
    assert (ended.captured_minor, await partners.holdings()) == (90, (27, 54, 9))
    async with partners.desk.pool.acquire() as connection:
        listed = await ledger.entries(connection, partners.desk.operator, session=session.id)
    capture = next(one.entry for one in listed if one.entry.kind is EntryKind.CAPTURE)
    assert {leg.account for leg in capture.postings} >= {
        party_payable(partners.hotel.party_id),
        party_payable(partners.factory.party_id),
    }
    await partners.desk.in_order()


async def test_without_an_agreement_all_is_the_operators(partners: Partnership) -> None:
    terminal = await partners.desk.terminal()
    session = await partners.desk.begun(await partners.desk.customer(), terminal)
    assert session.sharing == ""
    await used(partners, session, terminal)
    assert await partners.holdings() == (0, 0, 90)


async def test_an_agreement_edited_in_mid_session_does_not_touch_it(partners: Partnership) -> None:
    await partners.agree()
    desk = partners.desk
    terminal, customer = await desk.terminal(), await desk.customer()
    first = await desk.begun(customer, terminal, key="k1")
    await partners.change(Part(partners.hotel.party_id, 1_000_000))
    await used(partners, first, terminal)
    assert await partners.holdings() == (27, 54, 9)
    second = await desk.begun(customer, terminal, key="k2")
    assert thaw(second.sharing).version == 2
    async with desk.pool.acquire() as connection:
        await end_agreement(connection, desk.operator, "Usual", last_day=date(2021, 1, 1), by="test")
    await used(partners, second, terminal)
    assert await partners.holdings() == (27 + 90, 54, 9)
    third = await desk.begun(customer, terminal, key="k3")
    assert third.sharing == ""
    await used(partners, third, terminal)
    assert await partners.holdings() == (27 + 90, 54, 9 + 90)
    await desk.in_order()


async def test_a_start_repeated_after_a_change_keeps_what_it_had(partners: Partnership) -> None:
    await partners.agree()
    desk = partners.desk
    terminal, customer = await desk.terminal(), await desk.customer()
    first = await desk.begun(customer, terminal, key="k")
    await partners.change(Part(partners.hotel.party_id, 1))
    assert (await desk.begun(customer, terminal, key="k")).sharing == first.sharing


async def test_of_overlapping_agreements_the_most_specific_counts_alone(partners: Partnership) -> None:
    desk, hotel, factory = partners.desk, partners.hotel.party_id, partners.factory.party_id
    here, there = await desk.terminal(), await desk.terminal()
    appliance = here.credentials.appliance_id
    await partners.agree("All", partners.terms(Part(factory, 500_000)))
    await partners.agree("One", partners.terms(Part(hotel, 100_000), target=Target(appliance=appliance)))
    customer = await desk.customer()
    await used(partners, await desk.begun(customer, here, key="k1"), here)
    assert await partners.holdings() == (9, 0, 81)
    await used(partners, await desk.begun(customer, there, key="k2"), there)
    assert await partners.holdings() == (9, 45, 81 + 45)


async def test_another_operators_agreement_is_nobodys_business(partners: Partnership) -> None:
    await partners.agree()
    other = await type(partners.desk)(partners.desk.pool).open("Elsewhere")
    terminal = await other.terminal()
    session = await other.begun(await other.customer(), terminal)
    assert session.sharing == ""


@pytest.mark.parametrize(("shared", "expected"), [(False, (15, 30, 45)), (True, (27, 54, 9))])
async def test_bonus_is_shared_only_where_it_is_agreed(
    partners: Partnership, shared: bool, expected: tuple[int, int, int]
) -> None:
    desk = partners.desk
    await partners.agree(terms=partners.terms(bonus_shared=shared))
    terminal, customer = await desk.terminal(), await desk.customer(50)
    async with desk.pool.acquire() as connection:
        paid = cash_topup(desk.operator, "t", customer, "CNY", amount_minor=0, bonus_minor=450)
        await ledger.post(connection, [paid])
    ended = await used(partners, await desk.begun(customer, terminal), terminal)
    assert (ended.hold_principal_minor, ended.captured_minor) == (50, 90)
    assert await partners.holdings() == expected
    await desk.in_order()


@pytest.mark.parametrize("cap_minor", [10_000, 20, 0])
async def test_usage_after_a_release_is_shared_whole_whatever_can_be_owed(
    partners: Partnership, cap_minor: int
) -> None:
    desk = partners.desk
    await partners.agree()
    terminal, customer = await desk.terminal(), await desk.customer()
    async with desk.pool.acquire() as connection:
        await set_arrears_cap(connection, desk.operator, "CNY", cap_minor)
    session = await desk.begun(customer, terminal)
    for time in (timedelta(seconds=30), timedelta(hours=24)):
        await desk.passes(time)
    ended = await used(partners, session, terminal)
    assert (ended.state, ended.arrears_minor) == (State.LATE, min(90, cap_minor))
    assert await partners.holdings() == (27, 54, 9)
    await desk.in_order()


async def test_refunds_leave_every_party_its_exact_part_and_in_the_end_nothing(partners: Partnership) -> None:
    desk = partners.desk
    hotel, factory = partners.hotel.party_id, partners.factory.party_id
    await partners.agree(terms=partners.terms(Part(hotel, 0, 10), Part(factory, 333_333, 5)))
    terminal, customer = await desk.terminal(), await desk.customer()
    session = await used(partners, await desk.begun(customer, terminal), terminal)
    frozen = thaw(session.sharing)
    assert await partners.holdings() == (10, 5 + 25, 50)
    await partners.change(Part(hotel, 1_000_000))  # must not matter
    refunded = 0
    for amount_minor in (7, 70, 5, 8):
        charged = charged_of(session, refunded)
        entry = refund(desk.operator, session.id, customer, "CNY", charged=charged, amount_minor=amount_minor)
        async with desk.pool.acquire() as connection:
            await ledger.post(connection, [entry])
            with pytest.raises(KeyConflict):
                await ledger.post(
                    connection,
                    [refund(desk.operator, session.id, customer, "CNY", charged=charged, amount_minor=1)],
                )
        refunded += amount_minor
        parts = [amount for _, amount in payables(frozen, 90 - refunded)]
        assert await partners.holdings() == (*parts, 90 - refunded - sum(parts))
    assert await partners.holdings() == (0, 0, 0)
    await desk.in_order()


async def test_an_agreement_that_cannot_be_read_stops_its_session_alone(
    partners: Partnership, owner: Connection
) -> None:
    desk = partners.desk
    await partners.agree()
    bad, good = await desk.terminal(), await desk.terminal()
    spoilt = await desk.begun(await desk.customer(), bad, key="k1")
    fine = await desk.begun(await desk.customer(), good, key="k2")
    await owner.execute("UPDATE session SET sharing = '[' WHERE session_id = $1", spoilt.id)
    await used(partners, replace(spoilt, sharing="["), bad)
    await used(partners, fine, good)
    assert await desk.reviews() == ["not_rated"]
    assert await partners.holdings() == (27, 54, 9)
    await desk.in_order()


async def test_two_hundred_captures_in_parallel_share_exactly(partners: Partnership) -> None:
    desk = partners.desk
    hotel, factory = partners.hotel.party_id, partners.factory.party_id
    await partners.agree(terms=partners.terms(Part(hotel, 333_333, 1), Part(factory, 333_333)))
    terminals = [await desk.terminal(outlets=10) for _ in range(20)]
    people = [await desk.customer(200_00, f"P{number}") for number in range(20)]
    starts = [
        desk.begun(people[number], terminal, outlet=outlet, key=f"k{number}-{outlet}")
        for number, terminal in enumerate(terminals)
        for outlet in range(10)
    ]
    sessions = await asyncio.gather(*starts)
    of = {terminal.id: terminal for terminal in terminals}

    async def end_all(terminal: PlayedTerminal) -> None:
        for place, session in enumerate(sessions):
            if session.terminal == terminal.id:
                await terminal.records(
                    terminal.started(session), terminal.stopped(session, ml=1_000 + 97 * place, s=60)
                )

    await asyncio.gather(*(end_all(terminal) for terminal in of.values()), partners.change(Part(hotel, 1)))
    captured = hotel_minor = factory_minor = 0
    for session in sessions:
        ended = await desk.session(session.id)
        assert ended.state is State.SETTLED
        parts = dict(payables(thaw(ended.sharing), ended.captured_minor or 0))
        captured += ended.captured_minor or 0
        hotel_minor += parts[hotel]
        factory_minor += parts.get(factory, 0)
    assert len(sessions) == 200
    assert await partners.holdings() == (hotel_minor, factory_minor, captured - hotel_minor - factory_minor)
    await desk.in_order()


async def test_a_server_of_the_version_before_can_still_start_sessions(partners: Partnership) -> None:
    """Its rows travel as the type it knows; what they do not say is that somebody shares."""
    desk = partners.desk
    await partners.agree()
    made = await desk.begun(await desk.customer(), await desk.terminal())
    old = replace(made, id=SessionId("ses_old"), request_key="old", outlet=7)
    of = {column: attribute for column, _, attribute in rows._NEW}
    found = await desk.pool.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'session_new'::regclass AND attnum > 0 ORDER BY attnum"
    )
    columns = [row[0] for row in found]
    await desk.pool.execute(
        f"INSERT INTO session ({', '.join(columns)}) SELECT * FROM unnest($1::session_new[])",
        [attrgetter(*(of[column] for column in columns))(old)],
    )
    assert (await desk.session(old.id)).sharing == ""
