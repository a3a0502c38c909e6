"""A claim code works once, whoever races; a secret opens its own terminal only."""

from __future__ import annotations

import asyncio

import pytest

from coinslot.app.seed import Demo, make_fleet, make_paying_customers, seed_demo
from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.api_keys import key_owner
from coinslot.fleet.provisioning import (
    SECRET_CHANGED,
    Claimed,
    ClaimError,
    authenticate,
    claim,
    issue_claim_code,
    revoke,
    rotate,
)
from coinslot.fleet.store import create_operator, find_appliance, find_operator, find_site, find_terminal
from coinslot.fleet.tariff_store import find_tariff
from coinslot.ledger.accounts import customer_principal
from coinslot.ledger.store import balance
from coinslot.people.customers import find_customer
from coinslot.people.staff import find_staff
from coinslot.wire.ids import OperatorId, SiteId, TerminalId


@pytest.fixture
async def demo(pool: Pool) -> Demo:
    async with pool.acquire() as connection:
        return await seed_demo(connection)


async def test_fifty_claims_of_one_code_make_one_terminal(pool: Pool, demo: Demo) -> None:
    own = demo.operator.operator_id
    async with pool.acquire() as connection:
        code = await issue_claim_code(connection, own, demo.site_id, name="New", hours=1, by="test")

    async def attempt() -> Claimed | None:
        async with pool.acquire() as connection:
            try:
                return await claim(connection, code.lower())
            except ClaimError:
                return None

    won = [one for one in await asyncio.gather(*(attempt() for _ in range(50))) if one is not None]
    assert len(won) == 1
    async with pool.acquire() as connection:
        assert await authenticate(connection, won[0].terminal_id, won[0].secret) == own
        assert (await find_terminal(connection, own, "New")).terminal_id == won[0].terminal_id
        assert await connection.fetchval("SELECT count(*) FROM terminal WHERE name = 'New'") == 1
        actions = await connection.fetch("SELECT action FROM audit WHERE object = $1", won[0].terminal_id)
        assert [row["action"] for row in actions] == ["terminal.claim"]


async def test_used_expired_and_unknown_codes_look_alike(pool: Pool, owner: Connection, demo: Demo) -> None:
    own = demo.operator.operator_id
    async with pool.acquire() as connection:
        used = await issue_claim_code(connection, own, demo.site_id, name="A", hours=1, by="test")
        expired = await issue_claim_code(connection, own, demo.site_id, name="B", hours=1, by="test")
        await claim(connection, used)
        await owner.execute("UPDATE claim_code SET expires_at = now() - interval '1 second' WHERE name = 'B'")
        said = set()
        for code in (used, expired, "0000-0000-0000", "", "nonsense", "\0" * 12):
            with pytest.raises(ClaimError) as caught:
                await claim(connection, code)
            said.add(str(caught.value))
        assert len(said) == 1
        assert await connection.fetchval("SELECT count(*) FROM terminal WHERE name = 'B'") == 0


async def test_no_secret_is_stored(pool: Pool, owner: Connection, demo: Demo) -> None:
    async with pool.acquire() as connection:
        code = await issue_claim_code(
            connection, demo.operator.operator_id, demo.site_id, name="A", hours=1, by="test"
        )
    for table in ("terminal", "claim_code", "audit"):
        text = await owner.fetchval(f"SELECT string_agg(t::text, '|') FROM {table} t")
        for secret in (code, code.replace("-", ""), *(one.secret for one in demo.terminals)):
            assert secret not in text


async def test_a_secret_opens_its_own_terminal_only(pool: Pool, demo: Demo) -> None:
    one, other = demo.terminals[:2]
    async with pool.acquire() as connection:
        assert await authenticate(connection, one.terminal_id, one.secret) == demo.operator.operator_id
        for terminal, secret in (
            (one.terminal_id, other.secret),
            (one.terminal_id, ""),
            (one.terminal_id, one.secret + "\0"),
            (one.terminal_id.upper(), one.secret),
            ("", one.secret),
            ("trm_\0", one.secret),
            ("%", one.secret),
        ):
            assert await authenticate(connection, terminal, secret) is None


async def test_rotation_and_revocation_end_the_old_secret_and_tell(pool: Pool, demo: Demo) -> None:
    own, one = demo.operator.operator_id, demo.terminals[0]
    told: asyncio.Queue[object] = asyncio.Queue()
    async with pool.acquire() as listener, pool.acquire() as connection:
        await listener.add_listener(SECRET_CHANGED, lambda *news: told.put_nowait(news[-1]))
        renewed = await rotate(connection, own, one.terminal_id, by="test")
        assert await asyncio.wait_for(told.get(), 10) == one.terminal_id
        assert await authenticate(connection, one.terminal_id, one.secret) is None
        assert await authenticate(connection, one.terminal_id, renewed.secret) == own

        await revoke(connection, own, one.terminal_id, by="test")
        assert await asyncio.wait_for(told.get(), 10) == one.terminal_id
        assert await authenticate(connection, one.terminal_id, renewed.secret) is None
        with pytest.raises(MissingError):
            await rotate(connection, own, one.terminal_id, by="test")
        await listener.reset()


async def test_another_operator_reaches_nothing(pool: Pool, demo: Demo) -> None:
    one = demo.terminals[0]
    async with pool.acquire() as connection:
        other = await create_operator(connection, name="Other", currency="CNY", timezone="UTC", by="test")
        stranger = other.operator_id
        with pytest.raises(MissingError):
            await rotate(connection, stranger, one.terminal_id, by="test")
        with pytest.raises(MissingError):
            await revoke(connection, stranger, one.terminal_id, by="test")
        with pytest.raises(MissingError):
            await find_terminal(connection, stranger, one.terminal_id)
        with pytest.raises(MissingError):
            await issue_claim_code(connection, stranger, demo.site_id, name="A", hours=1, by="test")
        assert await authenticate(connection, one.terminal_id, one.secret) == demo.operator.operator_id


async def test_bad_input_leaves_nothing_behind(pool: Pool, demo: Demo) -> None:
    own = demo.operator.operator_id
    async with pool.acquire() as connection:
        with pytest.raises(FieldError, match=r"^hours"):
            await issue_claim_code(connection, own, demo.site_id, name="A", hours=0, by="test")
        with pytest.raises(MissingError):
            await issue_claim_code(connection, own, SiteId("nowhere"), name="A", hours=1, by="test")
        with pytest.raises(MissingError):
            await revoke(connection, OperatorId("nobody"), TerminalId("x"), by="test")
        assert await connection.fetchval("SELECT count(*) FROM claim_code") == 0


async def test_the_demonstration_is_made_once_however_many_ask(pool: Pool) -> None:
    async def seed() -> Demo:
        async with pool.acquire() as connection:
            return await seed_demo(connection)

    seen = await asyncio.gather(*(seed() for _ in range(5)))
    assert len({demo.operator.operator_id for demo in seen}) == 1
    assert len({tuple(sorted(one.terminal_id for one in demo.terminals)) for demo in seen}) == 1
    assert len({tuple(demo.customers) for demo in seen}) == 1
    last = await seed()
    async with pool.acquire() as connection:
        for one in last.terminals:
            assert await authenticate(connection, one.terminal_id, one.secret) == last.operator.operator_id
        for customer in last.customers:
            account = customer_principal(customer)
            assert await balance(connection, last.operator.operator_id, account, "CNY") == 20_00


async def test_a_fleet_of_512_with_customers(pool: Pool, demo: Demo) -> None:
    own = demo.operator.operator_id
    async with pool.acquire() as connection:
        fleet = await make_fleet(connection, own, terminals=512, outlets=2)
        made = await make_paying_customers(
            connection, own, names=[f"c{number}" for number in range(512)], currency="CNY", amount_minor=50_00
        )
        assert len({one.secret for one in fleet}) == len(set(made)) == 512
        assert await authenticate(connection, fleet[-1].terminal_id, fleet[-1].secret) == own
        sites = {one.site_id for one in fleet}
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM outlet o JOIN terminal t USING (terminal_id)"
                " WHERE t.site_id = ANY ($1) AND o.tariff_id IS NOT NULL",
                list(sites),
            )
            == 1024
        )
        assert await balance(connection, own, customer_principal(made[-1]), "CNY") == 50_00
        again = await make_fleet(connection, own, terminals=2)
        assert len(again) == 2


@pytest.mark.parametrize("key", ["", "\0", "a\0b", "\ud800", "%", "' OR 1=1 --", "x" * 100_000])
async def test_a_key_that_nothing_can_have_finds_nothing(pool: Pool, demo: Demo, key: str) -> None:
    own = demo.operator.operator_id
    async with pool.acquire() as connection:
        with pytest.raises(MissingError):
            await find_operator(connection, key)
        finders = (find_site, find_appliance, find_terminal, find_tariff, find_staff, find_customer)
        for find in finders:
            with pytest.raises(MissingError):
                await find(connection, own, key)
        assert await authenticate(connection, key, "x") is None
        assert await key_owner(connection, key) is None
