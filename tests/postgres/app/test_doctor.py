"""The doctor on real engines: everything that can be wrong is found, each with its remedy."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import nats
import pytest

from coinslot.app.checks_engines import (
    check_broker,
    check_database,
    judge_broker_version,
    judge_clock,
    judge_database_version,
)
from coinslot.app.checks_machine import check_fsync, check_python, check_space, judge_fsync
from coinslot.app.doctor import diagnose
from coinslot.app.findings import Finding, State
from coinslot.app.settings import Settings, load_settings
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Connection, connect_login
from coinslot.engines.postgres import EmbeddedPostgres
from tests.support.engines import engine_folder

REPOSITORY = Path(__file__).resolve().parents[3]


async def gathered(findings: AsyncIterator[Finding]) -> dict[str, Finding]:
    return {finding.check: finding async for finding in findings}


def external(database_url: str, broker: BrokerAccess) -> dict[str, str]:
    """The settings of an installation whose engines are elsewhere."""
    return {
        "COINSLOT_DATABASE_URL": database_url,
        "COINSLOT_NATS_URL": broker.url,
        "COINSLOT_NATS_SERVER_PASSWORD": broker.server_password,
        "COINSLOT_NATS_AUTH_PASSWORD": broker.auth_password,
        "COINSLOT_NATS_SYS_PASSWORD": broker.sys_password,
        "COINSLOT_NATS_ISSUER_SEED": broker.issuer_seed,
        "COINSLOT_MQTT_PORT": str(broker.mqtt_port),
    }


async def test_a_migrated_database_is_in_order(database_url: str) -> None:
    found = await gathered(check_database(database_url))
    wrong = {name for name, finding in found.items() if finding.state is State.WRONG}
    assert wrong == {"durability"}  # the tests' server runs without fsync, which the doctor rightly minds
    assert "fsync, full_page_writes, synchronous_commit" in found["durability"].detail
    assert "postgresql.conf" in (found["durability"].remedy or "")


async def test_a_database_that_cannot_be_reached(database_url: str) -> None:
    found = await gathered(check_database(database_url.replace("test_", "gone_")))
    assert list(found) == ["database"]
    assert "COINSLOT_DATABASE_URL" in (found["database"].remedy or "")


async def test_a_schema_that_is_behind(empty_database_url: str) -> None:
    found = await gathered(check_database(empty_database_url))
    assert "first 0001_" in found["schema"].detail
    assert found["schema"].remedy == "Run `coinslot db migrate`."


async def test_a_schema_of_a_later_version(database_url: str, owner: Connection) -> None:
    await owner.execute("INSERT INTO schema_migration (version, name, sha256) VALUES (9000, 'later', '')")
    found = await gathered(check_database(database_url))
    assert "newer than this program" in found["schema"].detail
    assert "later one" in (found["schema"].remedy or "")


@pytest.mark.parametrize(
    ("spoil", "excess"),
    [
        ("GRANT UPDATE ON ledger_posting TO coinslot_app", "ledger_posting: UPDATE"),
        ("GRANT DELETE ON ledger_entry TO PUBLIC", "ledger_entry: DELETE"),
        ("GRANT TRUNCATE ON ledger_seal TO coinslot_app", "ledger_seal: TRUNCATE"),
        ("GRANT UPDATE ON schema_migration TO coinslot_app", "schema_migration: UPDATE"),
        ("GRANT UPDATE (amount_minor) ON ledger_posting TO coinslot_app", "ledger_posting: UPDATE"),
        ("ALTER TABLE ledger_posting OWNER TO coinslot_app", "ledger_posting: owner"),
        ("GRANT CREATE ON SCHEMA public TO coinslot_app", "CREATE in schema public"),
    ],
)
async def test_a_role_that_may_do_too_much(database_url: str, spoil: str, excess: str) -> None:
    admin = await connect_login(database_url)
    try:
        await admin.execute(spoil)
    finally:
        await admin.close()
    found = await gathered(check_database(database_url))
    assert excess in found["privileges"].detail
    assert "REVOKE" in (found["privileges"].remedy or "")


async def test_nobody_answers_for_terminals_until_somebody_does(broker: BrokerAccess) -> None:
    found = await gathered(check_broker(broker))
    assert found["broker"].state is State.OK
    assert "coinslot serve" in (found["auth callout"].remedy or "")
    client = await nats.connect(broker.url, user=broker.auth_user, password=broker.auth_password)
    await client.subscribe("$SYS.REQ.USER.AUTH", queue="auth")
    await client.flush()
    found = await gathered(check_broker(broker))
    await client.close()
    assert found["auth callout"].state is State.OK


async def test_a_broker_that_is_not_there(broker: BrokerAccess) -> None:
    found = await gathered(check_broker(replace(broker, url="nats://127.0.0.1:9")))
    assert list(found) == ["broker"]
    assert "COINSLOT_NATS_URL" in (found["broker"].remedy or "")


@pytest.mark.parametrize("login", ["server", "auth", "sys"])
async def test_a_broker_with_another_password(broker: BrokerAccess, login: str) -> None:
    other = "not-the-password"
    wrong = {
        "server": replace(broker, server_password=other),
        "auth": replace(broker, auth_password=other),
        "sys": replace(broker, sys_password=other),
    }
    found = await gathered(check_broker(wrong[login]))
    assert f"cannot connect as `{login}`" in found["broker"].detail
    assert other not in found["broker"].detail


@pytest.mark.parametrize(
    ("finding", "word"),
    [
        (check_python((3, 10, 9)), "3.11"),
        (check_space(Path("/data"), 100 << 20), "1 GiB"),
        (judge_fsync(Path("/data"), 80.0), "SSD"),
        (check_fsync(Path("/proc")), "writable"),
        (judge_clock(-2.5), "time service"),
        (judge_clock(3.0), "time service"),
        (judge_broker_version("2.10.29"), "2.15.1"),
        (judge_database_version("14.11 (Debian 14.11-1)"), "PostgreSQL 15"),
    ],
)
def test_each_judgement_has_its_remedy(finding: Finding, word: str) -> None:
    assert finding.state is State.WRONG
    assert word in (finding.remedy or "")


@pytest.mark.parametrize(
    "finding",
    [
        check_python((3, 11, 0)),
        check_space(Path("/data"), 1 << 30),
        judge_fsync(Path("/data"), 0.2),
        judge_clock(1.9),
        judge_broker_version("2.15.1"),
        judge_broker_version("2.16.0-RC.1"),
        judge_database_version("18beta1"),
        judge_database_version("15.10"),
    ],
)
def test_what_is_fine_is_left_alone(finding: Finding) -> None:
    assert (finding.state, finding.remedy) == (State.OK, None)


def test_wrong_settings_are_a_finding_too() -> None:
    (finding,) = diagnose(lambda: load_settings({"COINSLOT_SECRET_KEY": "changeme"}))
    assert finding.check == "settings"
    assert finding.remedy is not None


def test_engines_elsewhere_are_looked_at_where_they_are(database_url: str, broker: BrokerAccess) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "coinslot.app", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), **external(database_url, broker)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = {f.check: f for f in msgspec.json.decode(done.stdout, type=list[Finding])}
    assert done.returncode == 1  # for the missing fsync, and nobody answers the callout
    assert {f.check for f in found.values() if f.state is State.WRONG} == {"durability", "auth callout"}
    assert found["postgres program"].state is State.SKIPPED
    assert found["engines"].detail == "running"
    assert broker.server_password not in done.stdout
    json.loads(done.stdout)


@pytest.mark.long
async def test_engines_of_ours_that_run_already_are_not_disturbed() -> None:
    with engine_folder() as folder:
        settings: Settings = load_settings({"COINSLOT_DATA_DIR": str(folder)})
        environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}", "COINSLOT_DATA_DIR": str(folder)}

        async def coinslot(*arguments: str) -> tuple[int | None, str]:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "coinslot.app", *arguments, env=environment, stdout=-1, stderr=-1
            )
            out, _ = await process.communicate()
            return process.returncode, out.decode()

        assert (await coinslot("db", "migrate"))[0] == 0
        code, text = await coinslot("doctor")
        assert "started for this check only" in text
        assert code == 0, text
        with EmbeddedPostgres(settings.data_dir / "postgres") as postgres:
            code, text = await coinslot("db", "status")
            assert (code, "pending" in text) == (0, False)
            assert postgres.running
