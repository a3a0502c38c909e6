"""`coinslot ledger reconcile` as people run it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from click.testing import CliRunner

from coinslot.app.ledger import command
from coinslot.engines.connect import Connection, Pool
from coinslot.sessions.model import Session
from tests.support.desk import Desk


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    return await Desk(pool).open("North Campus")


@pytest.fixture
async def session(desk: Desk) -> Session:
    """One that has settled, after which some water flowed."""
    terminal, customer = await desk.terminal(), await desk.customer()
    session = await desk.begun(customer, terminal)
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=9_000, s=90))
    await desk.pool.execute(
        "INSERT INTO reading (operator_id, terminal_id, outlet, at, ticks_ms, registers)"
        " VALUES ($1, $2, 0, now(), 0, '{\"ml\":9250}')",
        desk.operator,
        terminal.id,
    )
    return session


async def run(url: str, *words: str) -> tuple[int, str]:
    """Exit code and output. In a thread, since the command has a loop of its own."""
    arguments = ["reconcile", *words, "--database-url", url]
    result = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    return result.exit_code, result.stdout


async def test_what_agrees_ends_with_zero_and_shows_what_leaked(database_url: str, session: Session) -> None:
    code, text = await run(database_url, "North Campus")
    assert code == 0, text
    assert "agree" in text
    assert "9250 ml moved, 9000 billed, 250 not" in text
    assert session.terminal in text


async def test_a_difference_ends_with_one_and_says_what_to_do(
    database_url: str, session: Session, owner: Connection
) -> None:
    await owner.execute("UPDATE session SET charge_minor = charge_minor + 1")
    code, text = await run(database_url)
    assert code == 1
    assert session.id in text
    assert "What to do" in text
    code, text = await run(database_url, "--json")
    assert code == 1
    printed = msgspec.json.decode(text)
    assert printed["sound"] is False
    assert [(each["what"], each["session"]) for each in printed["report"]["differences"]] == [
        ("charge", session.id)
    ]
    assert "compare it with the audit" in printed["advice"]["charge"]
    assert printed["report"]["flows"][0]["unsold"] == 250


async def test_another_day_has_nothing_to_compare(database_url: str, session: Session) -> None:
    code, text = await run(database_url, "--day", "2020-02-29")
    assert code == 0
    assert text.startswith("0 sessions")


async def test_a_day_that_is_none_and_an_operator_that_is_none_are_refused(
    database_url: str, session: Session
) -> None:
    code, _ = await run(database_url, "--day", "2026-02-30")
    assert code == 2
    code, _ = await run(database_url, "Nowhere")
    assert code == 1


async def test_help_has_an_example() -> None:
    result = await asyncio.to_thread(CliRunner().invoke, command, ["reconcile", "--help"])
    assert "Example" in result.stdout
