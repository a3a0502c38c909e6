"""A statement as a file: figures as written, names that no spreadsheet runs."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from coinslot.app.errors import Problem
from coinslot.app.operator_parties import write_csv
from coinslot.settlement.statements import KindSum, Line, Statement
from coinslot.sharing import PartyId

LINE = Line(
    posted_at=datetime(2026, 11, 2, 8, 0, tzinfo=UTC), kind="capture", session="ses_1", appliance="=HYPERLINK(1)",
    site="@SUM(1)", agreement="agr_1 version 1", entry_id=7, key="session:ses_1:capture", charge_minor=321,
    amount_minor=96, balance_minor=1096,
)  # fmt: skip
STATEMENT = Statement(
    party=PartyId("pty_1"), currency="CNY", first=date(2026, 11, 1), last=date(2026, 11, 30), opening_minor=1000,
    carried_minor=1000,
    sums=(KindSum(kind="capture", lines=1, amount_minor=96), KindSum(kind="refund", lines=1, amount_minor=-30)),
    lines=(LINE, replace(LINE, kind="refund", charge_minor=-100, amount_minor=-30, balance_minor=1066, site="北楼, \"A\"")),
    closing_minor=1066, complete=True,
)  # fmt: skip


def test_every_line_leads_to_its_session_and_entry(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    write_csv(file, STATEMENT)
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["kind"] for row in rows] == ["opening balance", "capture", "refund", "closing balance"]
    assert [row["balance"] for row in rows] == ["10.00", "10.96", "10.66", "10.66"]
    assert [row["amount"] for row in rows] == ["", "0.96", "-0.30", ""]
    assert (rows[1]["session"], rows[1]["entry"], rows[1]["key"]) == ("ses_1", "7", "session:ses_1:capture")
    assert (rows[1]["charge"], rows[1]["time"]) == ("3.21", "2026-11-02T08:00:00+00:00")
    assert (rows[1]["appliance"], rows[1]["site"], rows[2]["site"]) == (
        "'=HYPERLINK(1)",
        "'@SUM(1)",
        '北楼, "A"',
    )


def test_no_file_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(Problem, match="exists"):
        write_csv(file, STATEMENT)
    assert file.read_text(encoding="utf-8") == "mine"
    with pytest.raises(Problem, match="cannot be written"):
        write_csv(tmp_path / "nowhere" / "s.csv", STATEMENT)
