"""`coinslot operator` rules, real-name and customer erase, as they are typed."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.engines.connect import open_pool
from coinslot.keyring import Keyring
from coinslot.people import real_names
from coinslot.wire.ids import CustomerId, OperatorId
from tests.support.engines import run_apart
from tests.unit.people.pictures import card, encoded

Run = Callable[..., str]
SECRET = "a secret of this test's own"
NAME, NUMBER = "金丝雀", "11010519491231002X"


def typed(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(coinslot, ["operator", *words], input=stdin)


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in. There is an operator with a customer."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)
    monkeypatch.setenv("COINSLOT_SECRET_KEY", SECRET)

    def type_it(*words: str, stdin: str = "") -> str:
        result = typed(*words, stdin=stdin)
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    type_it("create", "North Campus")
    type_it("customer", "add", "--name", "Lin", "--phone", "13912345678")
    return type_it


@pytest.fixture
def submitted(run: Run, database_url: str) -> str:
    """What Lin handed in on a page."""

    async def submit() -> str:
        pool = await open_pool(database_url, min_size=1, max_size=1)
        async with pool.acquire() as connection:
            row = await connection.fetchrow("SELECT operator_id, customer_id FROM customer")
            assert row is not None
            made = await real_names.submit(
                connection,
                Keyring(SECRET),
                OperatorId(row[0]),
                CustomerId(row[1]),
                name=NAME,
                id_number=NUMBER,
                picture=encoded(card()),
                by=row[1],
            )
        await pool.close()
        return made.real_name_id

    return run_apart(submit())


USUAL = {
    "topups": "10.00 20.00 50.00 100.00",
    "topup_least": "1.00",
    "topup_most": "1000.00",
    "topup_own": True,
    "bonus_pause_days": 30,
    "refund_alone_up_to": "50.00",
    "pause_s": 300,
}


def test_rules_are_shown_and_set(run: Run) -> None:
    first = json.loads(run("rules", "show", "--json"))
    assert first == {
        "real_name": "not_asked",
        "points_per_major": 0,
        "phone_trust_days": 90,
        "help_phone": "",
        **USUAL,
    }
    words = ["--real-name", "before-first-use", "--points-per-major", "5", "--phone-trust-days", "30"]
    run("rules", "set", *words, "--help-phone", "400 800 1234")
    assert json.loads(run("rules", "show", "--json")) == {
        "real_name": "before_first_use",
        "points_per_major": 5,
        "phone_trust_days": 30,
        "help_phone": "400 800 1234",
        **USUAL,
    }
    assert json.loads(run("rules", "set", "--help-phone", "", "--json"))["phone_trust_days"] == 30
    for words, text in (
        ([], "nothing to set"),
        (["--points-per-major", "1001"], "points_per_major: must be 0 to 1000"),
        (["--phone-trust-days", "6"], "phone_trust_days: must be 7 to 3650"),
        (["--help-phone", "1" * 41], "help_phone"),
        (["--topup", "50-5"], "topup: .*such as 50"),
        (["--topup", "50", "--topup", "50+5"], "named twice"),
        (["--topup-most", "5"], "topup: 10.00 is not within"),
        (["--topup-least", "-1"], "amount"),
        # Neither of the two is changed.
        (["--points-per-major", "9", "--bonus-pause-days", "367"], "bonus_pause_days: must be 0 to 366"),
    ):
        with pytest.raises(Problem, match=text) as refused:
            run("rules", "set", *words)
        assert refused.value.remedy
    assert typed("rules", "set", "--real-name", "sometimes").exit_code == 2
    words = ["--topup", "100+15", "--topup", "50+5", "--topup-most", "200", "--no-topup-own"]
    changed = json.loads(run("rules", "set", *words, "--json"))
    assert (changed["topups"], changed["topup_most"]) == ("50.00+5.00 100.00+15.00", "200.00")
    assert (changed["topup_own"], changed["topup_least"], changed["points_per_major"]) == (False, "1.00", 5)


def test_a_real_name_is_looked_at_and_approved(run: Run, submitted: str, tmp_path: Path) -> None:
    listed = run("real-name", "list", "--json") + run("real-name", "list")
    assert [row["real_name_id"] for row in json.loads(run("real-name", "list", "--json"))] == [submitted]
    assert NAME not in listed
    assert NUMBER not in listed
    shown = json.loads(run("real-name", "show", submitted, "--json"))
    assert (shown["name"], shown["id_number"], shown["state"]) == (NAME, NUMBER, "pending")
    file = tmp_path / "card.jpg"
    run("real-name", "picture", submitted, "--output", str(file))
    assert file.read_bytes().startswith(b"\xff\xd8\xff")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Problem, match="exists"):
        run("real-name", "picture", submitted, "--output", str(file))
    link = tmp_path / "link.jpg"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match="exists"):
        run("real-name", "picture", submitted, "--output", str(link))
    with pytest.raises(Problem, match="cannot be written"):
        run("real-name", "picture", submitted, "--output", str(tmp_path / "none" / "card.jpg"))
    assert json.loads(run("real-name", "approve", submitted, "--json"))["state"] == "approved"
    assert json.loads(run("real-name", "list", "--json")) == []
    assert "there is none" in run("real-name", "show", submitted)
    with pytest.raises(Problem, match="no picture any more"):
        run("real-name", "picture", submitted, "--output", str(tmp_path / "later.jpg"))
    for words in (["approve", submitted], ["reject", submitted, "--reason", "late"]):
        with pytest.raises(Problem, match="approved already"):
            run("real-name", *words)


def test_a_real_name_is_rejected_with_a_reason(run: Run, submitted: str) -> None:
    with pytest.raises(Problem, match=r"^reason"):
        run("real-name", "reject", submitted, "--reason", " ")
    run("real-name", "reject", submitted, "--reason", "the picture is blurred")
    with pytest.raises(Problem, match="rejected already"):
        run("real-name", "show", submitted)
    with pytest.raises(Problem, match="no real name") as missing:
        run("real-name", "show", "rnm_none")
    assert "real-name list" in missing.value.remedy


def test_a_wrong_secret_is_said_to_be_one(run: Run, submitted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINSLOT_SECRET_KEY", "another secret, long enough")
    with pytest.raises(Problem, match="secret does not open it") as refused:
        run("real-name", "show", submitted)
    assert "earlier_secret_keys" in refused.value.remedy
    monkeypatch.setenv("COINSLOT_EARLIER_SECRET_KEYS", SECRET)
    assert NAME in run("real-name", "show", submitted)
    monkeypatch.delenv("COINSLOT_EARLIER_SECRET_KEYS")
    assert NAME in run("real-name", "show", submitted)  # it was wrapped anew when it was opened


def test_a_customer_is_erased(run: Run, submitted: str, database_url: str) -> None:
    run("customer", "top-up", "Lin", "5.00", "--key", "r1")
    with pytest.raises(Problem, match=r"5\.00 CNY.*pay them back") as refused:
        run("customer", "erase", "Lin", "--yes")
    assert refused.value.remedy == "Nothing was changed."
    assert typed("customer", "erase", "Lin", stdin="n\n").exit_code == 1

    async def spend() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute("DELETE FROM ledger_balance WHERE account LIKE 'customer/%'")
        await connection.close()

    asyncio.run(spend())
    erased = json.loads(run("customer", "erase", "139 1234 5678", "--json", stdin="y\n"))
    assert (erased["name"], erased["phone"]) == ("", None)
    assert erased["blocked_at"] is not None
    with pytest.raises(Problem, match="no real name"):
        run("real-name", "show", submitted)
    with pytest.raises(Problem, match="no customer"):
        run("customer", "show", "Lin")
