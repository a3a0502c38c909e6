"""`coinslot operator hours`, `quota`, `flush` and `import-customers` on a real database."""

from __future__ import annotations

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

    def type_it(*words: str, stdin: str = "") -> str:
        result = CliRunner().invoke(coinslot, ["operator", *words], input=stdin)
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    type_it("create", "Baths")
    type_it("site", "add", "North")
    return type_it


def test_hours_and_quotas_are_set_shown_and_lifted(run: Run) -> None:
    assert (
        json.loads(run("hours", "set", "North", "Mon-Fri 6:00-22:00", "--json"))["hours"]
        == "mon-fri 06:00-22:00"
    )
    assert json.loads(run("hours", "list", "--json"))[0]["site_hours"] == "mon-fri 06:00-22:00"
    with pytest.raises(Problem, match="no time"):
        run("hours", "set", "North", "mon 6-22")
    made = json.loads(run("quota", "set", "--site", "North", "--litres", "80", "--amount", "9.90", "--json"))
    assert (made["litres"], made["amount"], made["per"]) == ("80", "9.90", "day")
    assert [one["quota_id"] for one in json.loads(run("quota", "list", "--json"))] == [made["quota_id"]]
    run("quota", "remove", made["quota_id"])
    with pytest.raises(Problem, match="no quota"):
        run("quota", "remove", made["quota_id"])
    with pytest.raises(Problem):
        run("quota", "set", "--kind", "shower")
    assert json.loads(run("flush", "list", "--json")) == []


def test_a_file_of_customers_is_looked_at_and_brought_in(run: Run, tmp_path: Path) -> None:
    file, faults = tmp_path / "c.csv", tmp_path / "faults.csv"
    file.write_bytes("phone,balance\n13800138001,12.50\n12,1\n".encode("utf-8-sig"))
    seen = json.loads(run("import-customers", str(file), "--preview", "--faults", str(faults), "--json"))
    assert (seen["good_lines"], seen["lines_with_faults"], seen["balance"]) == (1, 1, "12.50")
    assert "3,phone," in faults.read_text(encoding="utf-8-sig")
    with pytest.raises(Problem, match="1 faults"):
        run("import-customers", str(file), "--yes")
    for when in ("now", "before"):
        done = json.loads(run("import-customers", str(file), "--yes", "--skip-bad", "--json"))
        assert (done["brought_in"], done["customers"], done["left_out"]) == (when, 1, 1)
