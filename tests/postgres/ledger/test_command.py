"""`coinslot ledger` as people run it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from click.testing import CliRunner

from coinslot.app.ledger import command
from coinslot.engines.connect import Pool, connect_login
from coinslot.ledger import store
from tests.postgres.ledger.books import OP, cash, hold


@pytest.fixture
async def filled(pool: Pool, database_url: str) -> str:
    """A database with two entries."""
    await store.post(pool, [cash("k1", 1234), hold("s1", 500)])
    return database_url


async def run(*words: str) -> tuple[int, str]:
    """Exit code and output. In a thread, since the command has a loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, command, list(words))
    return result.exit_code, result.stdout


async def test_sound_books_end_with_zero(filled: str) -> None:
    code, text = await run("verify", "--database-url", filled)
    assert code == 0
    assert "Everything fits" in text


async def test_spoilt_books_end_with_one_and_name_the_entry(filled: str) -> None:
    root = await connect_login(filled)
    await root.execute(
        "ALTER TABLE ledger_posting DISABLE TRIGGER ALL; UPDATE ledger_posting SET amount_minor = 1"
    )
    await root.close()
    code, text = await run("verify", "--json", "--database-url", filled)
    assert code == 1
    assert msgspec.json.decode(text)["faults"][0]["key"] == "k1"


async def test_balances_and_entries_are_listed(filled: str) -> None:
    code, text = await run("balances", OP, "--database-url", filled)
    assert code == 0
    assert "7.34" in text
    code, text = await run("entries", OP, "--session", "s1", "--json", "--database-url", filled)
    assert code == 0
    assert [each["entry"]["key"] for each in msgspec.json.decode(text)] == ["session:s1:hold"]
    code, text = await run("entries", OP, "--limit", "1", "--database-url", filled)
    assert "cash" in text


@pytest.mark.parametrize("words", [(), ("verify",), ("balances",), ("entries",)])
async def test_help_has_an_example(words: tuple[str, ...]) -> None:
    code, text = await run(*words, "--help")
    assert code == 0
    assert "Example" in text
