"""A party's own view of one statement, by an address that was made for it: the page and its files, nothing else."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get
from litestar.params import FromPath, QueryParameter
from litestar.response import Response
from msgspec import Struct

from coinslot.rows import one
from coinslot.settlement.exports import Heading
from coinslot.settlement.statements import Part, TooLong, make_statement
from coinslot.sharing.links import StatementLink, find_link
from coinslot.web.console import words
from coinslot.web.console.staffed import STYLES
from coinslot.web.console.statement_files import FileKind, StatementOf, statement_file
from coinslot.web.console.statements import PER_PAGE, too_long
from coinslot.web.customer.limits import count_view
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf

_WHOSE: Final = """
    SELECT p.name AS party, o.name AS operator, o.timezone, o.help_phone
    FROM party p JOIN operator o USING (operator_id) WHERE p.operator_id = $1 AND p.party_id = $2
"""
_TOKEN_LENGTH: Final = 43
_MOST_SKIPPED: Final = 10_000_000


class Whose(Struct, frozen=True, kw_only=True):
    """Between whom."""

    party: str
    operator: str
    timezone: str
    help_phone: str


@get("/statement/{token:str}")
async def party_page(
    page: PageOf,
    token: FromPath[str],
    line: Annotated[str | None, QueryParameter(name="line", max_length=8)] = None,
) -> Response[bytes]:
    """The statement for which the address was made."""
    found = await _open(page, token)
    if found is None:
        return _gone(page)
    link, whose = found
    skip = int(line) if line and line.isascii() and line.isdigit() else 0
    async with page.services.pool.acquire() as connection:
        made = await make_statement(
            connection,
            link.operator_id,
            link.party_id,
            link.currency,
            first=link.first,
            last=link.last,
            timezone=whose.timezone,
            part=Part(min(skip, _MOST_SKIPPED), PER_PAGE),
        )
    after = made.skipped + len(made.lines)
    path = f"/statement/{token}"
    return _secret(
        page.show(
            "console/party.html",
            styles=STYLES,
            whose=whose,
            link=link,
            made=made,
            files=[(kind.value, f"{path}/{kind.value}") for kind in FileKind],
            earlier=f"{path}?line={max(0, made.skipped - PER_PAGE)}" if made.skipped else "",
            later=f"{path}?line={after}" if after < made.count else "",
            words=words,
        )
    )


@get("/statement/{token:str}/{form:str}")
async def party_file(page: PageOf, token: FromPath[str], form: FromPath[str]) -> Response[bytes]:
    """The same as csv, xlsx or pdf."""
    found = await _open(page, token)
    if found is None or form not in set(FileKind):
        return _gone(page)
    link, whose = found
    wanted = StatementOf(
        link.operator_id, link.party_id, link.currency, link.first, link.last, whose.timezone
    )
    try:
        heading = Heading(party=whose.party, operator=whose.operator)
        return _secret(await statement_file(page, wanted, FileKind(form), heading))
    except TooLong:
        raise too_long() from None


async def _open(page: Page, token: str) -> tuple[StatementLink, Whose] | None:
    count_view(page)
    if len(token) != _TOKEN_LENGTH or not token.isascii():
        return None
    async with page.services.pool.acquire() as connection:
        link = await find_link(connection, token)
        if link is None:
            return None
        row = await connection.fetchrow(_WHOSE, link.operator_id, link.party_id)
    assert row is not None  # its key says so
    return link, one(row, Whose)


def _gone(page: Page) -> Response[bytes]:
    """The same for an address that never was, has expired or was taken back."""
    return _secret(page.show("console/gone.html", status=404, styles=STYLES))


def _secret(answer: Response[bytes]) -> Response[bytes]:
    """The address itself is the key: it is told to nobody and kept in no index."""
    answer.headers.update({"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"})
    return answer
