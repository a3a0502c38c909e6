"""`coinslot ledger` as people run it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from click.testing import CliRunner

from coinslot.app.errors import Problem
from coinslot.app.ledger import command
from coinslot.engines.connect import Pool, connect_login
from coinslot.ledger import store
from coinslot.ledger.seals import seal
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


async def run_through(*words: str) -> None:
    """The same, but a Problem comes out of it."""
    result = await asyncio.to_thread(CliRunner().invoke, command, list(words))
    if isinstance(result.exception, Problem):
        raise result.exception


async def test_sound_books_end_with_zero(filled: str, pool: Pool) -> None:
    async with pool.acquire() as connection:
        await seal(connection, OP)
    code, text = await run("verify", "--database-url", filled)
    assert code == 0
    assert "Everything fits" in text
    code, as_json = await run("verify", "--json", "--database-url", filled)
    heads = msgspec.json.decode(as_json)["heads"]
    assert f"  {OP}  {heads[OP]}\n" in text, "whole and on one line: it is there to be compared"


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


async def test_the_only_operator_need_not_be_named_and_a_name_is_as_good_as_an_id(
    filled: str, pool: Pool
) -> None:
    admin = await connect_login(filled)
    await admin.execute("INSERT INTO operator VALUES ($1, 'North Campus', 'CNY', 'Asia/Shanghai')", OP)
    for words in (("balances",), ("balances", "north campus"), ("balances", OP)):
        code, text = await run(*words, "--database-url", filled)
        assert (code, "7.34" in text) == (0, True), words
    code, text = await run("verify", "--operator", "North Campus", "--database-url", filled)
    assert code == 0
    assert "Everything fits" in text
    await admin.execute("INSERT INTO operator VALUES ('op_other', 'South', 'CNY', 'Asia/Shanghai')")
    await admin.close()
    for words, wrong, remedy in (
        (("balances",), "several operators", "behind the command"),
        (("entries",), "several operators", "behind the command"),
        (("balances", "Nort"), "no operator", "operator list"),
        (("verify", "--operator", "Nort"), "no operator", "operator list"),
    ):
        with pytest.raises(Problem, match=wrong) as refused:
            await run_through(*words, "--database-url", filled)
        assert remedy in refused.value.remedy


@pytest.mark.parametrize("words", [(), ("verify",), ("balances",), ("entries",)])
async def test_help_has_an_example(words: tuple[str, ...]) -> None:
    code, text = await run(*words, "--help")
    assert code == 0
    assert "Example" in text
