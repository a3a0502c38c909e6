"""Requests by the thousand, made up from the OpenAPI document, against a server behind a real socket.

Each answer must be one that the document declares: its status, its media type, its schema. What the document calls
wrong must be refused, nothing may end in a 5xx.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import msgspec
import pytest

from coinslot.app.settings import Role
from coinslot.app.stack import Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from tests.postgres.people.conftest import PICTURE
from tests.postgres.web.conftest import KEYRING, Phones
from tests.support.api_world import World, make_world
from tests.support.schema_hooks import KNOWN_VARIABLE

ROOT = Path(__file__).resolve().parents[3]
HOOKS = "tests.support.schema_hooks"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
"""All but two. `positive_data_acceptance`: a body may be well-formed and still name a customer that is not there.
`use_after_free` and its like: nothing can be deleted here."""


@pytest.mark.timeout(180)
async def test_every_answer_is_one_that_the_document_declares(
    database_url: str, broker: BrokerAccess, tmp_path: Path
) -> None:
    await tried(database_url, broker, tmp_path, examples=2, seed=7)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(5))
async def test_so_is_it_for_many_more_requests(
    database_url: str, broker: BrokerAccess, tmp_path: Path, seed: int
) -> None:
    await tried(database_url, broker, tmp_path, examples=300, seed=seed)


async def tried(database_url: str, broker: BrokerAccess, folder: Path, *, examples: int, seed: int) -> None:
    options = StackOptions(keyring=KEYRING, notifier=Phones())
    async with Stack(database_url, broker, {Role.WEB, Role.SWEEP}, options) as stack:
        world = await make_world(stack.pool, stack.starter, "North", "+8613800138000")
        code, said = await schemathesis(stack.http_url, world, folder, examples=examples, seed=seed)
        assert code == 0, said


async def schemathesis(
    url: str, world: World, folder: Path, *, examples: int, seed: int
) -> tuple[int | None, str]:
    """Its exit code and what it says: for each failure the request as a curl command."""
    running = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/api/openapi.json"),
        *("--header", f"Authorization: {world.auth['Authorization']}"),
        *("--phases", "examples,coverage,fuzzing"),
        *("--checks", ",".join(CHECKS)),
        *("--mode", "all", "--max-examples", str(examples), "--seed", str(seed)),
        *("--generation-database", "none", "--no-color"),
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": HOOKS,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",
            KNOWN_VARIABLE: msgspec.json.encode(known(world)).decode(),
        },
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        said, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    return running.returncode, said.decode()


def known(world: World) -> dict[str, list[str]]:
    """What the hooks put in the place of what was made up, by the field's name."""
    return {
        "customer": [*world.customers, world.known],
        "customer_id": [*world.customers, world.known],
        "terminal": list(world.terminals),
        "appliance": list(world.codes),
        "code": list(world.codes),
        "session_id": [world.running, world.ended],
        "code_id": [world.keypad_code],
        "payment_id": [world.payment],
        "withdrawal_id": [world.withdrawal],
        "phone": [world.phone, "139 0013 9000"],
        "address": ["203.0.113.7", "2001:db8::7"],
        "name": ["张三"],
        "id_number": ["11010519491231002X"],
        "picture": [base64.b64encode(PICTURE).decode()],
    }
