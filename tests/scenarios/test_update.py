"""A release's whole way: signed, offered, loaded over HTTP by a real agent process, started from, confirmed."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coinslot.app.settings import Role
from coinslot.app.stack import Stack
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fleet import releases, updates
from coinslot.fleet.provisioning import issue_claim_code
from coinslot.fleet.store import add_site, create_operator
from coinslot.wire.ids import OperatorId, TerminalId
from coinslot.wire.messages import UpdateKind
from coinslot.wire.statements import Statement

SOURCE = Path(__file__).parents[2] / "src"
PARTS = ("access", "app", "metering", "money", "tariffs", "terminal", "wire")
CONFIG = b'firmware = "the agent as it was sent"\n'


def program() -> bytes:
    """The agent's own packages, as a maker would release them."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted((SOURCE / "coinslot").rglob("*.py")):
            name = path.relative_to(SOURCE)
            if (
                len(name.parts) == 2
                or name.parts[1] in PARTS
                or name.parts[1:] in (("engines", "errors.py"),)
            ):
                packed.write(path, str(name))
        packed.writestr("coinslot/engines/__init__.py", "")
    return held.getvalue()


async def offered(
    connection: asyncpg.Connection[asyncpg.Record],
    operator: OperatorId,
    terminal: TerminalId,
    kind: UpdateKind,
    artifact: bytes,
    key: Ed25519PrivateKey,
) -> str:
    """Sign it and offer it."""
    about = Statement(
        kind=kind,
        serial=3,
        version="9.9.9",
        sha256=hashlib.sha256(artifact).hexdigest(),
        size=len(artifact),
        audience=operator,
    )
    async with connection.transaction():
        release = await releases.add_release(
            connection, operator, releases.sign(key, about), artifact, url="", by="test"
        )
        return await updates.offer(connection, operator, release, [terminal], first=0, by="test")


@pytest.mark.long
async def test_a_terminal_in_the_field_runs_what_was_offered_to_it(
    pool: Pool, database_url: str, broker: BrokerAccess, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    async with Stack(database_url, broker, {Role.WEB, Role.LINK}) as stack, pool.acquire() as connection:
        made = await create_operator(
            connection, name="Field", currency="CNY", timezone="Asia/Shanghai", by="test"
        )
        own = made.operator_id
        site = await add_site(connection, own, name="North", by="test")
        public = key.public_key().public_bytes_raw().hex()
        await releases.trust_key(connection, own, key=public, name="maker", by="test")
        code = await issue_claim_code(connection, own, site.site_id, name="One", hours=1, by="test")
        config = tmp_path / "terminal.toml"
        config.write_text(f'journal = "{tmp_path / "state"}"\nsimulated = "dispenser"\n')
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COINSLOT_")}
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "coinslot.app", "terminal", "run", "--config", str(config), "--claim", code),
            *("--server", stack.http_url),
            env=environment | {"PYTHONPATH": str(SOURCE)},
            stdout=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            assert child.stdout is not None
            async with asyncio.timeout(60):
                terminal = TerminalId((await child.stdout.readline()).decode().split()[-1])
                await come(connection, "SELECT online FROM terminal_link WHERE terminal_id = $1", terminal)
                for kind, artifact in ((UpdateKind.SOFTWARE, program()), (UpdateKind.CONFIG, CONFIG)):
                    offer = await offered(connection, own, terminal, kind, artifact, key)
                    await come(
                        connection,
                        "SELECT step IN ('confirmed', 'refused', 'rolled_back') FROM update_target WHERE offer_id = $1",
                        offer,
                    )
                    (target,) = await updates.list_targets(connection, own, offer)
                    assert (target.step, target.detail) == ("confirmed", "")
            assert child.returncode is None, "one process all the while"
            assert "COINSLOT_TERMINAL_RELEASE=3" in environment_of(child.pid)
            firmware = await connection.fetchval(
                "SELECT firmware FROM terminal_link WHERE terminal_id = $1", terminal
            )
            assert firmware == "the agent as it was sent 9.9.9"
        finally:
            child.terminate()
            await child.communicate()


def environment_of(process: int) -> list[str]:
    """What it was started with."""
    return Path(f"/proc/{process}/environ").read_text().split("\0")


async def come(connection: asyncpg.Connection[asyncpg.Record], question: str, about: str) -> None:
    """Until the database says so; whoever calls has a time limit."""
    while not await connection.fetchval(question, about):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
