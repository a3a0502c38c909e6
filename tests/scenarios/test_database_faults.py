"""PostgreSQL dies in mid-commit, or its disk is full: what was acknowledged is there, what is not comes again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from coinslot.app.installation import attached_installation
from coinslot.app.seed import make_fleet, make_paying_customers
from coinslot.app.settings import Settings
from coinslot.engines.connect import Connection, DatabaseUnreachable, Pool, open_pool
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.store import create_operator
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_principal
from coinslot.ledger.verify import verify
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.terminal.events import StopKey
from coinslot.wire.ids import CustomerId
from tests.support.engines import engine_folder
from tests.support.kept import KeptServer, a_moment, becomes
from tests.support.lean import Lean
from tests.support.plant import Plant

LOAD = 50
BALANCE_MINOR = 20_00


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that the engines' user can reach."""
    with engine_folder() as folder:
        (folder / "data").mkdir(mode=0o711)
        yield folder / "data"


class Campus:
    """Customers and terminals of a server that runs its own, durable, engines."""

    def __init__(self, server: KeptServer, data: Path, key: str) -> None:
        self.server = server
        self.data = data
        self.key = key
        self.begun = 0
        self.ended = 0

    async def one(self, lean: Lean, customer: CustomerId) -> None:
        """A session from the request to the last acknowledgement."""
        answer = await self.server.post(
            "/api/v1/sessions",
            self.key,
            headers={"Idempotency-Key": f"of-{customer}"},
            json={"customer": customer, "terminal": lean.credentials.terminal_id, "outlet": 0},
        )
        assert answer.status_code == 201, answer.text
        await lean.begun()
        self.begun += 1
        await lean.ended()
        self.ended += 1

    async def kill_postgres(self) -> None:
        """The postmaster, kill -9; the server's supervision starts another."""
        pid = self._postmaster()
        os.kill(pid, signal.SIGKILL)
        await becomes(lambda: self._postmaster() not in (0, pid), "another postmaster")

    def _postmaster(self) -> int:
        try:
            return int((self.data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            return 0


async def _pool_again(url: str) -> Pool:
    """Connections to a server that may still be recovering."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await open_pool(url)
            except DatabaseUnreachable:
                await a_moment()


@pytest.mark.long
async def test_postgres_killed_twice_under_load_loses_and_doubles_nothing(data: Path) -> None:
    async with KeptServer(data, {}, {}) as server:
        await server.url()
        installation = attached_installation(Settings(data_dir=data))
        assert installation is not None
        pool = await open_pool(installation.database_url)
        async with pool.acquire() as connection:
            made = await create_operator(
                connection, name="Campus", currency="CNY", timezone="Asia/Shanghai", by="test"
            )
            fleet = await make_fleet(connection, made.operator_id, terminals=LOAD)
            customers = await make_paying_customers(
                connection,
                made.operator_id,
                names=[f"customer {number}" for number in range(LOAD)],
                currency="CNY",
                amount_minor=BALANCE_MINOR,
            )
            _, key = await create_api_key(connection, made.operator_id, name="till", by="test")
        pool.terminate()
        lean = [Lean(credentials) for credentials in fleet]
        await asyncio.gather(*(one.connect(installation.broker) for one in lean))
        campus = Campus(server, data, key)
        sessions = [
            asyncio.create_task(campus.one(one, customer))
            for one, customer in zip(lean, customers, strict=True)
        ]
        try:
            await becomes(lambda: campus.begun >= 5, "some sessions")
            await campus.kill_postgres()
            await becomes(lambda: campus.ended >= LOAD // 2, "more sessions")
            await campus.kill_postgres()
            await asyncio.gather(*sessions)
        finally:
            for task in sessions:
                task.cancel()
            for one in lean:
                one.leave()
        pool = await _pool_again(installation.database_url)
        rows = await pool.fetch("SELECT state, charge_minor, captured_minor FROM session")
        assert [tuple(row) for row in rows] == [("settled", 23, 23)] * LOAD
        assert {row[0] for row in await pool.fetch("SELECT acked_seq FROM terminal_link")} == {2}
        assert await pool.fetchval("SELECT count(*) FROM review") == 0
        async with pool.acquire() as connection:
            report = await verify(connection)
            left = [
                await ledger.balance(connection, made.operator_id, customer_principal(customer), "CNY")
                for customer in customers
            ]
        pool.terminate()
        assert report.sound, report.faults
        assert left == [BALANCE_MINOR - 23] * LOAD
        assert server.deaths == []


async def test_with_no_room_on_the_disk_nothing_is_acknowledged_and_it_goes_on_when_there_is(
    swept_plant: Plant, owner: Connection, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    plant = swept_plant
    tap, other = await plant.tap(), await plant.tap()
    customer = await plant.customer(BALANCE_MINOR)
    session = await plant.starts(customer, tap)
    assert isinstance(session, Session)
    water, kept = tap.appliance.simulated[0], tap.agent.core.kept
    await becomes(lambda: water.poured_ul >= 250_000 and kept.acked == kept.next_seq - 1, "water")
    acked = kept.acked
    # 53100 is what PostgreSQL says when a table cannot grow.
    await owner.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$"
    )
    await owner.execute(
        "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON session FOR EACH ROW EXECUTE FUNCTION no_room()"
    )
    tap.appliance.press(StopKey(0))
    await becomes(lambda: "could not be stored" in caplog.text, "the server's refusal")
    assert not water.is_open
    assert kept.acked == acked < kept.next_seq - 1
    with pytest.raises(asyncpg.DiskFullError):
        await plant.starts(customer, other)
    assert not other.appliance.simulated[0].is_open
    assert (await plant.session(session.id)).state is State.RUNNING
    await owner.execute("DROP TRIGGER no_room ON session")
    ended = await plant.settled(session.id)
    assert ended.state is State.SETTLED
    assert ended.captured_minor
    await becomes(lambda: kept.acked == kept.next_seq - 1, "the acknowledgement")
    async with pool.acquire() as connection:
        left = await ledger.balance(connection, plant.operator, customer_principal(customer), "CNY")
        report = await verify(connection)
    assert report.sound, report.faults
    assert left == BALANCE_MINOR - ended.captured_minor
    assert await pool.fetchval("SELECT count(*) FROM session") == 1
