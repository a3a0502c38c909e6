"""PostgreSQL's disk is really full: a small file system of its own, filled to the last byte, as root can make one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from coinslot.engines.broker import EmbeddedBroker
from coinslot.engines.connect import UNANSWERED, Pool, connect_login, open_pool
from coinslot.engines.migrate import migrate
from coinslot.engines.postgres import EmbeddedPostgres
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_principal
from coinslot.ledger.verify import verify
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.terminal.events import StopKey
from tests.support.engines import create_database, engine_folder, run_apart
from tests.support.kept import a_moment, becomes
from tests.support.plant import Plant

DISK_MB = 200
BALANCE_MINOR = 20_00


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system that is full soon."""
    with engine_folder() as folder:
        disk = folder / "disk"
        disk.mkdir(mode=0o711)
        mounted = os.geteuid() == 0 and (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0711", "none", str(disk)],
                capture_output=True,
                check=False,
            ).returncode
            == 0
        )
        if not mounted:
            pytest.skip("only root, where it may mount, can make a small disk")
        try:
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def small_postgres(small_disk: Path) -> Iterator[EmbeddedPostgres]:
    """A durable PostgreSQL on it."""
    with EmbeddedPostgres(small_disk / "postgres", settings={"min_wal_size": "32MB"}) as server:
        yield server


def fill(path: Path) -> None:
    """Write until there is no room."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)


async def _recovered(pool: Pool) -> None:
    """Until the database answers, and takes what is written."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(*UNANSWERED):
                await pool.fetchval("SELECT pg_current_xact_id()")
                return
            await a_moment()


@pytest.mark.long  # PostgreSQL's own recovery from it took between 2 and 30 s
async def test_a_write_ahead_log_without_room_costs_time_and_nothing_else(
    small_disk: Path,
    small_postgres: EmbeddedPostgres,
    mortal_broker: EmbeddedBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = run_apart(create_database(small_postgres.url("postgres")))
    await migrate(url)
    pool = await open_pool(url)
    async with Plant(pool, mortal_broker.access, tmp_path) as plant:
        tap = await plant.tap()
        customer = await plant.customer(BALANCE_MINOR)
        session = await plant.starts(customer, tap)
        assert isinstance(session, Session)
        water, kept = tap.appliance.simulated[0], tap.agent.core.kept
        await becomes(lambda: water.poured_ul >= 250_000 and kept.acked == kept.next_seq - 1, "water")
        acked = kept.acked
        admin = await connect_login(small_postgres.url("postgres"))
        fill(small_disk / "balloon")
        with contextlib.suppress(asyncpg.PostgresError, *UNANSWERED):
            # The rest of the log's files are used up at once, rather than by hours of traffic.
            for _ in range(20):
                await admin.execute("SELECT pg_switch_wal()")
                await admin.execute("CREATE TABLE IF NOT EXISTS grow (x int)")
                await admin.execute("INSERT INTO grow SELECT generate_series(1, 100000)")
        tap.appliance.press(StopKey(0))
        await becomes(lambda: "could not be stored" in caplog.text, "the server's refusal")
        assert not water.is_open
        assert kept.acked == acked < kept.next_seq - 1
        admin.terminate()
        (small_disk / "balloon").unlink()
        small_postgres.restart()
        await _recovered(pool)
        ended = await plant.settled(session.id)
        assert ended.state is State.SETTLED
        assert ended.captured_minor
        await becomes(lambda: kept.acked == kept.next_seq - 1, "the acknowledgement")
        async with pool.acquire() as connection:
            left = await ledger.balance(connection, plant.operator, customer_principal(customer), "CNY")
            report = await verify(connection)
        assert report.sound, report.faults
        assert left == BALANCE_MINOR - ended.captured_minor
    pool.terminate()
