"""Statements as files, and the words in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from litestar.response import Response

from coinslot.fields import FieldError
from coinslot.ledger.entries import EntryKind
from coinslot.settlement.exports import Column, Heading, Labels
from coinslot.settlement.statements import Statement, make_statement
from coinslot.sharing import PartyId
from coinslot.web.console import words
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.wire.ids import OperatorId

MOST_DAYS: Final = 3 * 366
AT_ONCE: Final = 2
"""Files written in one moment: each takes a core for a second or two."""
_STATE: Final = "statement_files"


class FileKind(StrEnum):
    """How a statement can be had."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


MOST_LINES: Final = {FileKind.CSV: 200_000, FileKind.XLSX: 100_000, FileKind.PDF: 5_000}
"""A PDF of more has hundreds of pages that nobody reads."""
_TYPES: Final = {
    FileKind.CSV: "text/csv; charset=utf-8",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileKind.PDF: "application/pdf",
}


class StatementOf(NamedTuple):
    """Which statement."""

    operator: OperatorId
    party: PartyId
    currency: str
    first: date
    last: date
    timezone: str


def period_of(month: str, first: str, last: str, today: date) -> tuple[date, date]:
    """A month such as 2026-11, or two days; without either, this month. FieldError."""
    if first or last:
        days = _day("from", first), _day("to", last)
    else:
        begin = _day("month", f"{month or f'{today:%Y-%m}'}-01")
        days = begin, (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    if days[1] < days[0]:
        raise FieldError("to", "is before the first day")
    if (days[1] - days[0]).days >= MOST_DAYS:
        raise FieldError("to", "at most three years at once")
    return days


def _day(field: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise FieldError(field, "must be a day such as 2026-11-30") from None
    if not 2000 <= day.year < 9000:
        raise FieldError(field, "must be a day of this time")
    return day


async def statement_file(
    page: Page, wanted: StatementOf, kind: FileKind, heading: Heading
) -> Response[bytes]:
    """The file. TooLong, FieldError."""
    async with _writing(page):
        async with page.services.pool.acquire() as connection:
            made = await make_statement(
                connection,
                wanted.operator,
                wanted.party,
                wanted.currency,
                first=wanted.first,
                last=wanted.last,
                timezone=wanted.timezone,
                whole_up_to=MOST_LINES[kind],
            )
        body = await asyncio.to_thread(_writer(kind), made, heading, labels_of(page))
    name = f"statement-{made.party}-{made.first}-{made.last}.{kind.value}"
    return Response(
        body,
        media_type=_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Referrer-Policy": "no-referrer",
        },
    )


def _writer(kind: FileKind) -> Callable[[Statement, Heading, Labels], bytes]:
    # Imported when the first file is asked for: what writes them takes 0.4 s and 20 MiB that most servers never need.
    match kind:
        case FileKind.CSV:
            from coinslot.settlement.exports.csv_file import csv_bytes

            return lambda made, _heading, _labels: csv_bytes(made)
        case FileKind.XLSX:
            from coinslot.settlement.exports.xlsx_file import xlsx_bytes

            return xlsx_bytes
        case FileKind.PDF:
            from coinslot.settlement.exports.pdf_file import pdf_bytes

            return pdf_bytes


def labels_of(page: Page) -> Labels:
    """The words of a file in the page's language."""
    say = page.say
    return Labels(
        title=say("Statement"),
        party=say("Party"),
        operator=say("Operator"),
        period=say("Period"),
        currency=say("Currency"),
        opening=say("Opening balance"),
        closing=say("Closing balance"),
        moved=say("In the period"),
        carried=say("Carried over"),
        page_sum=say("This page"),
        page=page.words.gettext(_PAGE),
        open_period=say("The period is not over: more may come."),
        none=say("Nothing moved in this period."),
        columns={
            Column.TIME: say("When"),
            Column.KIND: say("What"),
            Column.APPLIANCE: say("Appliance"),
            Column.SITE: say("Site"),
            Column.SESSION: say("Session"),
            Column.AGREEMENT: say("Agreement"),
            Column.CHARGE: say("Whole charge"),
            Column.AMOUNT: say("Amount"),
            Column.BALANCE: say("Balance"),
            Column.ENTRY: say("Entry"),
        },
        kinds={kind.value: say(words.kind_of(kind)) for kind in EntryKind},
    )


_PAGE: Final = marked("Page %(page)s of %(pages)s")


def _writing(page: Page) -> asyncio.Semaphore:
    state = page.request.app.state
    found = state.get(_STATE)
    if not isinstance(found, asyncio.Semaphore):
        found = asyncio.Semaphore(AT_ONCE)
        state[_STATE] = found
    return found
