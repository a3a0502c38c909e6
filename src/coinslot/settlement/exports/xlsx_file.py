"""A statement as a spreadsheet: amounts and times are numbers that can be summed and sorted, texts are never formulas."""

from __future__ import annotations

import io
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from coinslot.money import exponent, format_amount
from coinslot.settlement.exports.wording import Column, Heading, Labels, period
from coinslot.settlement.statements import Line, Statement

_WIDTHS: Final = {
    Column.TIME: 20,
    Column.KIND: 18,
    Column.APPLIANCE: 20,
    Column.SITE: 22,
    Column.SESSION: 32,
    Column.AGREEMENT: 40,
    Column.CHARGE: 14,
    Column.AMOUNT: 14,
    Column.BALANCE: 16,
    Column.ENTRY: 12,
}
_AT: Final = {column: number for number, column in enumerate(_WIDTHS)}
_EXACT_BELOW: Final = 10**15
"""A spreadsheet keeps 15 digits of a number; what has more is written as text."""
_NEVER: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class _Sheet:
    """The one sheet of the file, row by row."""

    def __init__(self, book: Workbook, sheet: Worksheet, currency: str) -> None:
        self.sheet, self.currency, self.row = sheet, currency, 0
        places = exponent(currency)
        # Grouped, with the currency's own decimals, negative ones red.
        shape = "#,##0" + (f".{'0' * places}" if places else "")
        self.money: Format = book.add_format({"num_format": f"{shape};[Red]-{shape}"})
        self.strong: Format = book.add_format(
            {"num_format": f"{shape};[Red]-{shape}", "bold": True, "top": 1}
        )
        self.when: Format = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self.bold: Format = book.add_format({"bold": True})
        self.head: Format = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})

    def amount(self, column: Column, minor: int | None, form: Format) -> None:
        if minor is None:
            return
        text = format_amount(minor, self.currency)
        if abs(minor) < _EXACT_BELOW:
            # Decimal digits go into the file as they are: no float is made on the way.
            self.sheet.write_number(self.row, _AT[column], Decimal(text), form)
        else:
            self.sheet.write_string(self.row, _AT[column], text, form)

    def text(self, column: Column, text: str | None, form: Format | None = None) -> None:
        if text:
            self.sheet.write_string(self.row, _AT[column], text, form)

    def fact(self, name: str, value: str) -> None:
        self.sheet.write_string(self.row, 0, name, self.bold)
        self.sheet.write_string(self.row, 1, value)
        self.row += 1


def xlsx_bytes(made: Statement, heading: Heading, labels: Labels) -> bytes:
    """The whole file."""
    out = io.BytesIO()
    book = Workbook(out, {"in_memory": True, **_NEVER})
    # Not the moment of writing: the same statement is the same file.
    book.set_properties({"title": labels.title, "created": datetime.combine(made.last, time(), UTC)})
    sheet = _Sheet(book, book.add_worksheet("Statement"), made.currency)
    _head(sheet, made, heading, labels)
    top = sheet.row
    for column, number in _AT.items():
        sheet.sheet.set_column(number, number, _WIDTHS[column])
        sheet.sheet.write_string(top, number, labels.columns[column], sheet.head)
    sheet.sheet.freeze_panes(top + 1, 0)
    sheet.row += 1
    sheet.text(Column.KIND, labels.opening)
    sheet.amount(Column.BALANCE, made.opening_minor, sheet.money)
    for line in made.lines:
        sheet.row += 1
        _line(sheet, line, labels)
    sheet.row += 1
    sheet.text(Column.KIND, labels.closing, sheet.bold)
    sheet.amount(Column.AMOUNT, made.moved_minor, sheet.strong)
    sheet.amount(Column.BALANCE, made.closing_minor, sheet.strong)
    sheet.sheet.autofilter(top, 0, sheet.row, len(_AT) - 1)
    sheet.sheet.set_landscape()
    sheet.sheet.set_paper(9)
    sheet.sheet.fit_to_pages(1, 0)
    sheet.sheet.repeat_rows(top)
    book.close()
    return out.getvalue()


def _head(sheet: _Sheet, made: Statement, heading: Heading, labels: Labels) -> None:
    sheet.sheet.write_string(0, 0, labels.title, sheet.bold)
    sheet.row = 1
    sheet.fact(labels.party, heading.party)
    sheet.fact(labels.operator, heading.operator)
    sheet.fact(labels.period, period(made))
    sheet.fact(labels.currency, made.currency)
    if not made.complete:
        sheet.fact("", labels.open_period)
    sheet.row += 1


def _line(sheet: _Sheet, line: Line, labels: Labels) -> None:
    # Spreadsheets know no time zones: the operator's clock is what is written.
    sheet.sheet.write_datetime(
        sheet.row, _AT[Column.TIME], line.posted_at.replace(tzinfo=None, microsecond=0), sheet.when
    )
    sheet.text(Column.KIND, labels.kind(line.kind))
    sheet.text(Column.APPLIANCE, line.appliance)
    sheet.text(Column.SITE, line.site)
    sheet.text(Column.SESSION, line.session)
    sheet.text(Column.AGREEMENT, line.agreement)
    sheet.amount(Column.CHARGE, line.charge_minor, sheet.money)
    sheet.amount(Column.AMOUNT, line.amount_minor, sheet.money)
    sheet.amount(Column.BALANCE, line.balance_minor, sheet.money)
    sheet.sheet.write_string(sheet.row, _AT[Column.ENTRY], str(line.entry_id))
