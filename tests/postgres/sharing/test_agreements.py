"""Parties and agreements as kept: by operator, in versions that nobody can change, each change in the audit."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import asyncpg
import pytest

from coinslot.engines.connect import Connection
from coinslot.fields import FieldError, MissingError, TakenError
from coinslot.fleet.store import add_site
from coinslot.sharing import Part, PartyId, Target
from coinslot.sharing.model import MAX_FIXED_MINOR
from coinslot.sharing.store import (
    Terms,
    add_agreement,
    add_party,
    change_agreement,
    end_agreement,
    find_agreement,
    find_party,
    list_agreements,
    list_parties,
)
from coinslot.wire.ids import ApplianceId, OperatorId
from tests.postgres.sharing.conftest import BEGIN, Partnership
from tests.support.desk import Desk


async def test_versions_are_added_and_never_changed(partners: Partnership, owner: Connection) -> None:
    own, hotel = partners.desk.operator, partners.hotel.party_id
    first = await partners.agree()
    second = await partners.change(Part(hotel, 350_000, 5))
    assert (first.version, second.version, second.agreement_id) == (1, 2, first.agreement_id)
    async with partners.desk.pool.acquire() as connection:
        assert await find_agreement(connection, own, "usual", 1) == first
        assert await find_agreement(connection, own, first.agreement_id) == second
        assert await list_agreements(connection, own) == [second]
        with pytest.raises(TakenError, match="exactly this already"):
            await change_agreement(connection, own, "Usual", parts=second.parts, by="test")
        with pytest.raises(TakenError, match="already an agreement"):
            await add_agreement(connection, own, name="USUAL", terms=partners.terms(), by="test")
        for change in (
            "UPDATE agreement_part SET share_ppm = 1",
            "DELETE FROM agreement",
            "UPDATE party SET name = 'x'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    audit = await owner.fetch(
        "SELECT actor, action, detail FROM audit WHERE action ^@ 'agreement' ORDER BY audit_id"
    )
    assert [tuple(row) for row in audit] == [
        ("test", "agreement.add", ""),
        ("test", "agreement.change", "version 2"),
    ]


async def test_two_editors_at_once_make_two_versions(partners: Partnership) -> None:
    await partners.agree()
    hotel = partners.hotel.party_id
    made = await asyncio.gather(*(partners.change(Part(hotel, 100_000 + n)) for n in range(8)))
    assert sorted(one.version for one in made) == list(range(2, 10))


async def test_an_end_is_a_version_too_and_comes_once(partners: Partnership) -> None:
    await partners.agree()
    own = partners.desk.operator
    async with partners.desk.pool.acquire() as connection:
        ended = await end_agreement(connection, own, "Usual", last_day=date(2026, 12, 31), by="test")
        assert (ended.version, ended.valid_to) == (2, date(2026, 12, 31))
        with pytest.raises(FieldError, match="already"):
            await end_agreement(connection, own, "Usual", last_day=date(2027, 1, 1), by="test")
        sooner = await end_agreement(connection, own, "Usual", last_day=date(2000, 1, 1), by="test")
        assert sooner.valid_to == BEGIN - timedelta(days=1)
        assert not sooner.in_force(BEGIN)


async def test_parties_and_places_of_another_operator_are_refused(
    partners: Partnership, owner: Connection
) -> None:
    other = await Desk(partners.desk.pool).open("Elsewhere")
    async with partners.desk.pool.acquire() as connection:
        stranger = await add_party(connection, other.operator, name="Hotel", kind="site_owner", by="test")
        site = await add_site(connection, other.operator, name="There", by="test")
        own = partners.desk.operator
        with pytest.raises(MissingError):
            await find_party(connection, own, stranger.party_id)
        for terms in (
            partners.terms(Part(stranger.party_id, 1)),
            partners.terms(Part(PartyId("nobody"), 1)),
            partners.terms(target=Target(site=site.site_id)),
            partners.terms(target=Target(appliance=ApplianceId("app_none"))),
        ):
            with pytest.raises(FieldError, match="does not exist"):
                await add_agreement(connection, own, name="Wrong", terms=terms, by="test")
        with pytest.raises(MissingError):
            await add_agreement(
                connection, OperatorId("opr_none"), name="W", terms=partners.terms(), by="test"
            )
        assert await list_agreements(connection, own) == []
        assert [party.name for party in await list_parties(connection, own)] == ["Factory", "Hotel"]
    # And by the database itself, whatever the program believes.
    made = await partners.agree()
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute(
            "INSERT INTO agreement_part VALUES ($1, $2, 1, 9, $3, 1, 0)",
            own,
            made.agreement_id,
            stranger.party_id,
        )


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\0b", "a\u202eb"])
async def test_names_that_mislead_are_refused(partners: Partnership, name: str) -> None:
    async with partners.desk.pool.acquire() as connection:
        with pytest.raises(FieldError, match="name"):
            await add_party(connection, partners.desk.operator, name=name, by="test")
        with pytest.raises(FieldError, match="name"):
            await add_agreement(
                connection, partners.desk.operator, name=name, terms=partners.terms(), by="test"
            )


async def test_terms_that_cannot_be_kept_leave_nothing(partners: Partnership) -> None:
    hotel, factory = partners.hotel.party_id, partners.factory.party_id
    wrong = [
        partners.terms(Part(hotel, 600_000), Part(factory, 400_001)),
        partners.terms(Part(hotel, 1), Part(hotel, 1)),
        partners.terms(Part(hotel, 1, MAX_FIXED_MINOR + 1)),
        Terms(Target(), (), BEGIN),
        Terms(Target(), (Part(hotel, 1),), BEGIN, BEGIN - timedelta(days=1)),
    ]
    async with partners.desk.pool.acquire() as connection:
        for terms in wrong:
            with pytest.raises(FieldError):
                await add_agreement(connection, partners.desk.operator, name="Wrong", terms=terms, by="test")
        assert await list_agreements(connection, partners.desk.operator) == []
        assert (
            await connection.fetchval(
                "SELECT agreements_at FROM operator WHERE operator_id = $1", partners.desk.operator
            )
            is None
        )
