"""`coinslot operator` on a real database: what is typed, what is kept, what is refused and how."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.app.operator import command as operator_command
from coinslot.engines.connect import Connection

Run = Callable[..., str]
PASSWORD = "correct horse battery"


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)

    def type_it(*words: str, stdin: str = "") -> str:
        result = CliRunner().invoke(coinslot, ["operator", *words], input=stdin)
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return type_it


@pytest.fixture
def site(run: Run) -> Run:
    """With an operator, a site and a tariff."""
    run("create", "North Campus")
    run("site", "add", "Hall")
    run("tariff", "add", "Cold", "--named", "dispenser-cold")
    return run


def test_a_fleet_is_set_up_from_nothing(site: Run) -> None:
    run = site
    code = json.loads(run("claim-code", "new", "hall", "T1", "--hours", "1", "--json"))["claim_code"]
    assert len(code) == 14
    appliance = json.loads(run("appliance", "add", "Hall", "dispenser", "Dispenser 1", "--json"))
    assert json.loads(run("appliance", "list", "--json")) == [appliance]
    assert json.loads(run("appliance", "close", appliance["code"], "--json"))["closed"] is True
    assert json.loads(run("appliance", "open", "dispenser 1", "--json"))["closed"] is False
    assert json.loads(run("terminal", "list", "--json")) == []
    for words in (
        ["site", "list"],
        ["outlet", "list"],
        ["review", "list"],
        ["alarm", "list"],
        ["session", "list"],
    ):
        run(*words)


def test_a_tariff_is_priced_versioned_and_previewed(site: Run, tmp_path: Path) -> None:
    run = site
    assert "2.10 CNY" in run("tariff", "preview", "cold", "--usage", "ml=10000")
    file = tmp_path / "cold.json"
    file.write_text(run("tariff", "show", "Cold").replace("0.21", "0.30"), encoding="utf-8")
    assert json.loads(run("tariff", "new-version", "Cold", str(file), "--json"))["version"] == 2
    assert "3.00 CNY" in run("tariff", "preview", "Cold", "--usage", "ml=10000")
    assert "2.10 CNY" in run("tariff", "preview", "Cold", "--version", "1", "--usage", "ml=10000")
    with pytest.raises(Problem, match="version 2 says exactly this already"):
        run("tariff", "new-version", "Cold", str(file))
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(Problem) as refused:
        run("tariff", "new-version", "Cold", str(file))
    assert "currency" in refused.value.message
    assert len(json.loads(run("tariff", "list", "--json"))) == 1


def test_cash_is_put_on_a_wallet_once(site: Run) -> None:
    run = site
    run("customer", "add", "--name", "Lin", "--phone", "13912345678")
    first = json.loads(run("customer", "top-up", "Lin", "50.00", "--key", "r1", "--json"))
    again = json.loads(run("customer", "top-up", "Lin", "50.00", "--key", "r1", "--json"))
    assert (first["posted"], again["posted"]) == ("now", "before")
    with pytest.raises(Problem, match="used for other content") as conflict:
        run("customer", "top-up", "Lin", "60.00", "--key", "r1")
    assert "a key of its own" in conflict.value.remedy
    for amount in ("0", "0.00", "0.001", "NaN", "1e3", "99999999999999999999", "五十", ""):
        with pytest.raises(Problem, match=r"^amount"):
            run("customer", "top-up", "Lin", amount, "--key", "r2")
    with pytest.raises(Problem, match=r"^amount"):
        run("customer", "top-up", "--key", "r2", "--", "Lin", "-5.00")
    shown = run("customer", "show", "Lin", "--json") + run("customer", "list")
    assert json.loads(run("customer", "show", "Lin", "--json"))["principal"] == "50.00 CNY"
    assert "13912345678" not in shown
    assert "****5678" in shown


def test_staff_and_keys(site: Run) -> None:
    run = site
    run("staff", "add", "anna", "Anna", "--role", "desk", "--password-stdin", stdin=PASSWORD + "\n")
    run("staff", "password", "anna", "--password-stdin", stdin=PASSWORD + "2\n")
    assert "scrypt" not in run("staff", "list", "--json")
    assert json.loads(run("staff", "disable", "Anna", "--json"))["disabled_at"] is not None
    with pytest.raises(Problem, match=r"^password"):
        run("staff", "add", "bert", "Bert", "--role", "desk", "--password-stdin", stdin="short\n")
    key = json.loads(run("api-key", "create", "booking", "--json"))["key"]
    assert key not in run("api-key", "list", "--json")
    run("api-key", "revoke", "booking")


def test_a_refusal_says_what_to_do(site: Run, tmp_path: Path) -> None:
    run = site
    refusals = {
        ("site", "add", "hall"): "already a site",
        ("site", "add", "X", "--timezone", "Mars/X"): "timezone",
        ("appliance", "add", "Nowhere", "shower", "S"): "no site",
        ("appliance", "add", "Hall", "shower", "S", "--code", "a b"): "code",
        ("claim-code", "new", "Hall", "T", "--hours", "0"): "hours",
        ("tariff", "add", "Cold", "--named", "wash-load"): "already a tariff",
        ("tariff", "add", "New"): "FILE or from --named",
        ("tariff", "add", "New", str(tmp_path / "none.json")): "cannot be read",
        ("tariff", "preview", "Cold", "--usage", "ml=-1"): "--usage",
        ("terminal", "rotate", "T9"): "no terminal",
        ("customer", "show", "nobody"): "no customer",
        ("session", "show", "ses_none"): "no session",
        ("site", "list", "--operator", "Elsewhere"): "no operator",
    }
    for words, text in refusals.items():
        with pytest.raises(Problem) as refused:
            run(*words)
        assert text in refused.value.message, words
        assert refused.value.remedy


def test_what_a_code_without_a_link_is_good_for(site: Run) -> None:
    kept = json.loads(site("site", "set", "Hall", "--offline-credit", "3.00", "--json"))
    assert kept["offline_credit_minor"] == 3_00
    for wrong in ("5.01", "-1", "three", "0.001"):
        with pytest.raises(Problem):
            site("site", "set", "Hall", f"--offline-credit={wrong}")
    assert json.loads(site("site", "list", "--json"))[0]["offline_credit_minor"] == 3_00
    assert json.loads(site("offline", "list", "--json")) == []
    with pytest.raises(Problem):
        site("offline", "give-up", "off_none_2", "--words", "nothing to give")


def test_the_operator_must_be_named_when_there_are_several(site: Run) -> None:
    run = site
    run("create", "South Campus")
    with pytest.raises(Problem, match="several operators"):
        run("site", "list")
    assert json.loads(run("site", "list", "-o", "south campus", "--json")) == []


def test_every_command_has_help_and_an_example(run: Run) -> None:
    for group_name, group in operator_command.commands.items():
        for name, leaf in getattr(group, "commands", {"": group}).items():
            assert leaf.help, (group_name, name)
            assert (leaf.epilog or "").startswith(f"Example: coinslot operator {group_name} {name}".rstrip())
            run(*filter(None, [group_name, name]), "--help")


async def test_readings_are_exported_as_csv(
    owner: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owner.execute(
        "INSERT INTO operator (operator_id, name, currency, timezone) VALUES ('o1', 'N', 'CNY', 'UTC'), ('o2', 'S', 'CNY', 'UTC')"
    )
    await owner.executemany(
        "INSERT INTO reading (operator_id, terminal_id, outlet, at, ticks_ms, registers, valve_open, sensors)"
        " VALUES ($1, 't1', 0, $2::text::timestamptz, 5, $3, true, $4)",
        [
            ("o1", "2026-03-01T00:00:00Z", '{"ml":10}', '{"tds_ppm":12,"valve_open":1}'),
            ("o1", "2026-03-02T00:00:00Z", '{"ml":20,"s":3}', '{"tank_decic":-40}'),
            ("o1", "2026-04-01T00:00:00Z", '{"ml":30}', "{}"),
            ("o2", "2026-03-01T00:00:00Z", '{"ml":99}', '{"secret_of_o2":1}'),
        ],
    )
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)
    target = tmp_path / "march.csv"
    words = ["readings", "export", "-o", "N", "--to", "2026-04-01", "--output", str(target)]
    result = await asyncio.to_thread(CliRunner().invoke, coinslot, ["operator", *words])
    assert result.exit_code == 0, result.output
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[0].endswith(
        "ml,s,wh,count,flow_ml_per_min,power_w,valve_open,tank_decic,tds_ppm,sensor_valve_open"
    )
    assert len(lines) == 3
    assert lines[1].endswith(",10,,,,,,True,,12,1")
    assert lines[2].endswith(",20,3,,,,,True,-40,,")
    again = await asyncio.to_thread(CliRunner().invoke, coinslot, ["operator", *words])
    assert isinstance(again.exception, Problem)
    assert target.read_text(encoding="utf-8").splitlines() == lines
