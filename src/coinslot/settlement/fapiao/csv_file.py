"""An export as CSV, and numbers read from one: English column names, plain amounts, no text that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from coinslot.fields import FieldError
from coinslot.money import format_amount
from coinslot.settlement.exports.wording import inert
from coinslot.settlement.fapiao.asking import CURRENCY
from coinslot.settlement.fapiao.exporting import Filed

COLUMNS: Final = (
    "export",
    "line",
    "kind",
    "request",
    "bill",
    "ended",
    "site",
    "room",
    "appliance",
    "package",
    "amount",
    "currency",
    "title_kind",
    "title",
    "tax_number",
    "mail",
    "corrects_line",
    "corrects_number",
)
MOST_LINES: Final = 50_000


class Mark(Struct, frozen=True, kw_only=True):
    """One line of the way back: this export line has become the fapiao of this number."""

    row: int
    """In the file, the heading being the first."""
    line: str
    number: str


def csv_bytes(lines: Iterable[Filed]) -> bytes:
    """The whole file: UTF-8 with a mark of its encoding, and CRLF, as spreadsheets expect both."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for line in lines:
        writer.writerow(row(line))
    return out.getvalue().encode("utf-8-sig")


def row(line: Filed) -> dict[str, str]:
    """One line by column; what was erased is empty."""
    wish, details = line.wish, line.details
    return {
        "export": line.export_id,
        "line": line.line_id,
        "kind": "fapiao" if line.amount_minor > 0 else "correction",
        "request": line.request_id,
        "bill": line.session_id,
        "ended": details.ended,
        "site": inert(details.site),
        "room": inert(details.room),
        "appliance": inert(details.appliance),
        "package": inert(details.package),
        "amount": format_amount(line.amount_minor, CURRENCY),
        "currency": CURRENCY,
        "title_kind": "" if wish is None else wish.kind.value,
        "title": "" if wish is None else inert(wish.title),
        "tax_number": "" if wish is None else wish.tax_number,
        "mail": "" if wish is None else inert(wish.mail),
        "corrects_line": details.corrects,
        "corrects_number": details.number,
    }


def read_marks(raw: bytes) -> list[Mark]:
    """The columns `line` and `number` of a file; rows without a number are left out. FieldError."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")  # what Chinese spreadsheets save by themselves
        except UnicodeDecodeError:
            raise FieldError("file", "is neither UTF-8 nor GB 18030; save it as CSV in UTF-8") from None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise FieldError("file", f"is no CSV: {error}") from None
    heading = [name.strip().lower() for name in rows[0]] if rows else []
    if "line" not in heading or "number" not in heading:
        raise FieldError("file", "needs a first row with the columns line and number")
    if len(rows) > MOST_LINES:
        raise FieldError("file", f"may have at most {MOST_LINES} rows, this has {len(rows)}")
    line, number = heading.index("line"), heading.index("number")
    marks = []
    for place, cells in enumerate(rows[1:], 2):
        padded = [*cells, *[""] * len(heading)]
        if padded[number].strip():
            # A spreadsheet's apostrophe says that what follows is text.
            said = padded[number].strip().removeprefix("'")
            marks.append(Mark(row=place, line=padded[line].strip(), number=said))
    return marks
