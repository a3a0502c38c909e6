"""Parties and their statements, for staff: every line leads to its session and its entry in the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Response

from coinslot.fields import FieldError, MissingError
from coinslot.ledger.listing import balances
from coinslot.money import MoneyError, parse_currency
from coinslot.settlement.exports import Heading
from coinslot.settlement.statements import Part, TooLong, make_statement
from coinslot.sharing import Party
from coinslot.sharing.links import LIVES_DAYS, LinkWanted, links_of, make_link, revoke_link
from coinslot.sharing.store import find_party, list_parties
from coinslot.web.console import words
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.console.statement_files import FileKind, StatementOf, period_of, statement_file
from coinslot.web.console.words import Said
from coinslot.web.pages.languages import marked
from coinslot.web.problems import Problem
from coinslot.wire.ids import is_id

PER_PAGE: Final = 100
_MOST_SKIPPED: Final = 10_000_000
KINDS: Final = {
    "site_owner": marked("Site owner"),
    "manufacturer": marked("Manufacturer"),
    "platform": marked("Platform"),
    "other": marked("Other"),
}
_PROBLEMS: Final = {
    "month": marked("Choose a month such as 2026-11."),
    "from": marked("The first day must be a day such as 2026-11-01."),
    "to": marked(
        "The last day must be a day such as 2026-11-30, not before the first, at most three years later."
    ),
}


@get("/console/statements")
async def statements_page(
    staffed: StaffedOf,
    party: Annotated[str | None, QueryParameter(name="party", max_length=60)] = None,
    month: Annotated[str | None, QueryParameter(name="month", max_length=7)] = None,
    first: Annotated[str | None, QueryParameter(name="from", max_length=10)] = None,
    last: Annotated[str | None, QueryParameter(name="to", max_length=10)] = None,
    currency: Annotated[str | None, QueryParameter(name="currency", max_length=3)] = None,
    line: Annotated[str | None, QueryParameter(name="line", max_length=8)] = None,
) -> Response[bytes]:
    """All parties with what they are owed; with `party` its statement for a month or for two days."""
    if not party:
        return await _parties(staffed)
    found = await _party(staffed, party)
    try:
        wanted = _wanted(staffed, found, month or "", first or "", last or "", currency or "")
    except FieldError as error:
        problem = staffed.say(_PROBLEMS.get(error.field, _PROBLEMS["to"]))
        return await _show(
            staffed, found, _wanted(staffed, found, "", "", "", ""), 0, status=422, problem=problem
        )
    skip = int(line) if line and line.isascii() and line.isdigit() else 0
    return await _show(staffed, found, wanted, min(skip, _MOST_SKIPPED))


@get("/console/statements/{party_id:str}/{form:str}")
async def file_of(
    staffed: StaffedOf,
    party_id: FromPath[str],
    form: FromPath[str],
    first: Annotated[str | None, QueryParameter(name="from", max_length=10)] = None,
    last: Annotated[str | None, QueryParameter(name="to", max_length=10)] = None,
    currency: Annotated[str | None, QueryParameter(name="currency", max_length=3)] = None,
) -> Response[bytes]:
    """The statement as csv, xlsx or pdf."""
    if form not in set(FileKind):
        raise MissingError("kind of file", form)
    found = await _party(staffed, party_id)
    try:
        wanted = _wanted(staffed, found, "", first or "", last or "", currency or "")
        heading = Heading(party=found.name, operator=staffed.who.operator)
        return await statement_file(staffed.page, wanted, FileKind(form), heading)
    except TooLong:
        raise too_long() from None
    except FieldError:
        raise MissingError("period", "") from None


@post("/console/statements/{party_id:str}/link", status_code=200)
async def link_of(staffed: StaffedOf, party_id: FromPath[str]) -> Response[bytes]:
    """Make an address by which the party sees this statement."""
    form = await staffed.form()
    found = await _party(staffed, party_id)
    days = form.text("days")
    try:
        wanted = _wanted(staffed, found, "", form.text("from"), form.text("to"), form.text("currency"))
        async with staffed.pool.acquire() as connection:
            made, token = await make_link(
                connection,
                staffed.operator,
                LinkWanted(
                    found.party_id,
                    wanted.currency,
                    wanted.first,
                    wanted.last,
                    int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 0,
                ),
                by=staffed.by,
            )
    except FieldError:
        raise MissingError("period", "") from None
    return staffed.show(
        "console/statement_link.html",
        party=found,
        link=made,
        address=f"{staffed.page.base_url}/statement/{token}",
        back=_address(wanted),
    )


@get("/console/statements/{party_id:str}/link")
async def link_again(staffed: StaffedOf, party_id: FromPath[str]) -> Response[bytes]:
    """Somebody loads again what was an order: an address is shown once."""
    found = await _party(staffed, party_id)
    return staffed.go(f"/console/statements?party={found.party_id}")


@post("/console/statement-links/{link_id:str}/revoke")
async def revoke(staffed: StaffedOf, link_id: FromPath[str]) -> Response[bytes]:
    """Take an address back."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        link = await revoke_link(connection, staffed.operator, link_id, by=staffed.by)
    return staffed.go(f"/console/statements?party={link.party_id}&from={link.first}&to={link.last}")


def too_long() -> Problem:
    """422 for a file that nobody could use."""
    return Problem(
        422,
        "too_long",
        marked("Too many lines for one file"),
        marked("Choose a shorter period, or CSV, which holds the most lines."),
    )


async def _party(staffed: Staffed, party_id: str) -> Party:
    if not is_id(party_id):
        raise MissingError("party", party_id)
    async with staffed.pool.acquire() as connection:
        found = await find_party(connection, staffed.operator, party_id)
    if found.party_id != party_id:  # a name that looks like an id is no address
        raise MissingError("party", party_id)
    return found


def _wanted(staffed: Staffed, party: Party, month: str, first: str, last: str, currency: str) -> StatementOf:
    today = datetime.now(UTC).astimezone(ZoneInfo(staffed.who.timezone)).date()
    days: tuple[date, date] = period_of(month, first, last, today)
    try:
        code = parse_currency(currency) if currency else staffed.who.currency
    except MoneyError:
        raise FieldError("to", "unknown currency") from None
    return StatementOf(staffed.operator, party.party_id, code, *days, staffed.who.timezone)


def _address(wanted: StatementOf, **more: str) -> str:
    query = {
        "party": wanted.party,
        "from": str(wanted.first),
        "to": str(wanted.last),
        "currency": wanted.currency,
    }
    return f"/console/statements?{urlencode({**query, **more})}"


async def _show(
    staffed: Staffed, party: Party, wanted: StatementOf, skip: int, *, status: int = 200, problem: str = ""
) -> Response[bytes]:
    async with staffed.pool.acquire() as connection:
        made = await make_statement(
            connection,
            staffed.operator,
            party.party_id,
            wanted.currency,
            first=wanted.first,
            last=wanted.last,
            timezone=wanted.timezone,
            part=Part(skip, PER_PAGE),
        )
        links = await links_of(connection, staffed.operator, party.party_id)
    after = made.skipped + len(made.lines)
    files = urlencode({"from": str(wanted.first), "to": str(wanted.last), "currency": wanted.currency})
    return staffed.show(
        "console/statement.html",
        status=status,
        problem=problem,
        party=party,
        made=made,
        kinds=KINDS,
        files=[
            (kind.value, f"/console/statements/{party.party_id}/{kind.value}?{files}") for kind in FileKind
        ],
        earlier=_address(wanted, line=str(max(0, made.skipped - PER_PAGE))) if made.skipped else "",
        later=_address(wanted, line=str(after)) if after < made.count else "",
        links=links,
        lives=LIVES_DAYS,
        may_link=staffed.may("POST", "/console/statements/{party_id}/link"),
        words=words,
    )


async def _parties(staffed: Staffed) -> Response[bytes]:
    async with staffed.pool.acquire() as connection:
        parties = await list_parties(connection, staffed.operator)
        held = await balances(connection, staffed.operator, prefix="party/", limit=10_000)
    owed = {(one.account.split("/")[1], one.currency): one.amount_minor for one in held}
    rows = [
        (party, currency, amount_minor)
        for party in parties
        for currency, amount_minor in sorted(
            {
                staffed.who.currency: owed.get((party.party_id, staffed.who.currency), 0),
                **{code: amount for (held_by, code), amount in owed.items() if held_by == party.party_id},
            }.items()
        )
    ]
    return staffed.show("console/parties.html", rows=rows, kinds=KINDS, said=Said)
