"""`coinslot operator fapiao`: a file for whoever issues them, and the numbers on their way back."""

from __future__ import annotations

import asyncio
import csv
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.engines.connect import open_pool
from coinslot.keyring import Keyring
from coinslot.settlement.fapiao.asking import ask
from coinslot.settlement.fapiao.rules import check_wish
from coinslot.wire.records import StopReason
from tests.support.inn import Inn

Run = Callable[..., str]
SECRET = "a secret of this test's installation"
NUMBER = "24117000000012345678"


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)
    monkeypatch.setenv("COINSLOT_SECRET_KEY", SECRET)

    def type_it(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(coinslot, ["operator", "fapiao", *words])
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout

    return type_it


async def asked_for(database_url: str) -> None:
    """A guest has used a dryer and asked."""
    pool = await open_pool(database_url, min_size=1, max_size=4)
    inn = await Inn(pool, database_url).open()
    dryer = await inn.appliance()
    session = await inn.running(dryer)
    ended = await inn.ends(dryer, session, reason=StopReason.LIMIT)
    wish = check_wish(kind="personal", title="雷小明", tax_number="", mail="lei@example.com")
    async with pool.acquire() as connection:
        await ask(connection, Keyring(SECRET), ended, wish, b"1" * 32)
    await pool.close()


def test_from_the_list_to_the_number(run: Run, database_url: str, tmp_path: Path) -> None:
    asyncio.run(asked_for(database_url))
    assert "雷小明" not in run("list") + run("list", "--json")
    [waiting] = json.loads(run("list", "--json"))
    assert (waiting["state"], waiting["amount"]) == ("open", "5.00")
    first, again = tmp_path / "first.csv", tmp_path / "again.csv"
    with pytest.raises(Problem, match="no request"):
        run("export", "--to", "2020-01-01", "--out", str(first))
    made = json.loads(run("export", "--out", str(first), "--json"))
    assert made["lines"] == 1
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    with pytest.raises(Problem, match="exists"):
        run("export", "--again", made["export"], "--out", str(first))
    run("export", "--again", made["export"], "--out", str(again))
    assert again.read_bytes() == first.read_bytes()
    with pytest.raises(Problem, match="fapiao export"):
        run("export", "--again", "fpx_nobody", "--out", str(tmp_path / "none.csv"))
    [row] = csv.DictReader(first.read_text(encoding="utf-8-sig").splitlines())
    assert row["title"] == "雷小明"
    numbers = tmp_path / "numbers.csv"
    numbers.write_text(
        f"line,number\r\n{row['line']},2.4E+19\r\n{row['line']},{NUMBER}\r\n", encoding="gb18030"
    )
    told = run("issued", "--file", str(numbers), code=1)
    assert "spreadsheet" in told
    assert json.loads(run("issued", row["line"], NUMBER, "--json")) == {"noted": 0, "known": 1, "errors": []}
    assert json.loads(run("list", "--json")) == []
    [issued] = json.loads(run("list", "--all", "--json"))
    assert (issued["state"], issued["number"]) == ("fapiao issued", NUMBER)
    with pytest.raises(Problem, match="Say which"):
        run("issued", row["line"])
