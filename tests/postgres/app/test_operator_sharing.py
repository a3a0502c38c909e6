"""`coinslot operator` party, agreement and statement: what is typed, what is kept, what is refused and how."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem

Run = Callable[..., str]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)

    def type_it(*words: str) -> str:
        result = CliRunner().invoke(coinslot, ["operator", *words])
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    type_it("create", "North Campus")
    type_it("site", "add", "Hotel Aurora")
    type_it("appliance", "add", "Hotel Aurora", "shower", "Shower 2")
    type_it("party", "add", "Aurora", "--kind", "site-owner")
    type_it("party", "add", "=Factory", "--kind", "manufacturer")
    return type_it


def test_an_agreement_is_made_previewed_changed_and_ended(run: Run) -> None:
    made = json.loads(
        run("agreement", "add", "A", "--site", "Hotel Aurora", "--part", "Aurora=30%", "--part", "=Factory=0.05+20.5%",
            "--from", "2026-01-01", "--json")
    )  # fmt: skip
    assert made["parts"] == "Aurora 30 %, =Factory 0.05 CNY + 20.5 %"
    assert (made["version"], made["appliances"], made["in_force"]) == (1, "all at Hotel Aurora", True)
    shown = json.loads(run("agreement", "preview", "--appliance", "Shower 2", "--charge", "3.25", "--json"))
    assert [(row["party"], row["part"]) for row in shown] == [
        ("Aurora", "0.96"),
        ("=Factory", "0.71"),  # 0.05, and 20.5 % of 3.20 is 0.656
        ("(the operator)", "1.58"),
    ]
    assert "0.30" in run("agreement", "preview", "A", "--charge", "1.05")
    changed = json.loads(run("agreement", "change", "A", "--part", "Aurora=100%", "--share-bonus", "--json"))
    assert (changed["version"], changed["bonus_shared"]) == (2, True)
    ended = json.loads(run("agreement", "end", "A", "--json"))
    assert (ended["version"], ended["in_force"]) == (3, False)
    with pytest.raises(Problem, match="No agreement is in force"):
        run("agreement", "preview", "--appliance", "Shower 2")
    for words in (["agreement", "list"], ["party", "list"]):
        assert "Aurora" in run(*words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--part", "Aurora=60%", "--part", "=Factory=41%"], "more than all"),
        (["--part", "Aurora"], "PARTY=30%"),
        (["--part", "Aurora=30"], None),
        (["--part", "Aurora=1.234"], "amount"),
        (["--part", "Aurora=-1"], "amount"),
        (["--part", "Aurora=10%+20%"], "twice"),
        (["--part", "Aurora="], "amount"),
        (["--part", "Nobody=1%"], "no party"),
        ([], "1 to 20 parts"),
        (["--part", "Aurora=1%", "--kind", "king"], "kind"),
        (["--part", "Aurora=1%", "--site", "Nowhere"], "no site"),
        (["--part", "Aurora=1%", "--site", "Hotel Aurora", "--appliance", "Shower 2"], "chosen alone"),
        (["--part", "Aurora=1%", "--from", "2026-02-01", "--to", "2026-01-31"], "before the first day"),
    ],
)
def test_a_refusal_names_what_is_wrong(run: Run, words: list[str], said: str | None) -> None:
    if said is None:  # thirty yuan of each session: an amount, not a share
        assert "30.00 CNY" in run("agreement", "add", "A", *words)
        return
    with pytest.raises(Problem, match=said):
        run("agreement", "add", "A", *words)
    assert json.loads(run("agreement", "list", "--json")) == []


def test_a_statement_is_shown_and_written_once(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    words = ["statement", "=factory", "--from", "2026-01-01", "--to", "2026-01-31"]
    shown = run(*words, "--csv", str(file))
    assert "0.00 CNY" in shown
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["kind"], row["balance"], row["currency"]) for row in rows] == [
        ("opening balance", "0.00", "CNY"),
        ("closing balance", "0.00", "CNY"),
    ]
    with pytest.raises(Problem, match="exists"):
        run(*words, "--csv", str(file))
    with pytest.raises(Problem, match="no party"):
        run("statement", "Somebody", "--from", "2026-01-01", "--to", "2026-01-31")
    with pytest.raises(Problem, match="currency"):
        run(*words, "--currency", "yuan")
    assert json.loads(run(*words, "--json"))["closing_minor"] == 0
