"""A statement as CSV, for programs: English column names, ISO 8601 times, plain amounts."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import TextIO

from coinslot.settlement.exports.wording import amount, inert
from coinslot.settlement.statements import Line, Statement

COLUMNS = (
    "time",
    "kind",
    "session",
    "appliance",
    "site",
    "agreement",
    "entry",
    "key",
    "charge",
    "amount",
    "balance",
)


def csv_bytes(made: Statement) -> bytes:
    """The whole file, with a mark of its encoding: spreadsheets take the text for something else without one."""
    out = io.StringIO(newline="")
    write_rows(out, made)
    return out.getvalue().encode("utf-8-sig")


def write_rows(out: TextIO, made: Statement) -> None:
    """The lines between a row for each balance."""
    writer = csv.DictWriter(out, (*COLUMNS, "currency"), restval="")
    writer.writeheader()
    writer.writerow(_balance("opening balance", made.first, made.opening_minor, made.currency))
    for line in made.lines:
        writer.writerow({**row(line, made.currency), "currency": made.currency})
    writer.writerow(_balance("closing balance", made.last, made.closing_minor, made.currency))


def row(line: Line, currency: str) -> dict[str, object]:
    """One line by column."""
    return {
        "time": line.posted_at.isoformat(timespec="seconds"),
        "kind": line.kind,
        "session": line.session or "",
        "appliance": inert(line.appliance),
        "site": inert(line.site),
        "agreement": line.agreement or "",
        "entry": line.entry_id,
        "key": inert(line.key),
        "charge": amount(line.charge_minor, currency),
        "amount": amount(line.amount_minor, currency),
        "balance": amount(line.balance_minor, currency),
    }


def _balance(what: str, day: date, minor: int, currency: str) -> dict[str, object]:
    return {"time": day, "kind": what, "balance": amount(minor, currency), "currency": currency}
