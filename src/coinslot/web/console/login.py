"""Logging in to the console and out of it; what is decided is decided by `people.staff_logins`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from litestar import get, post
from litestar.params import QueryParameter
from litestar.response import Response

from coinslot.people import staff_logins
from coinslot.people.staff import end_logins
from coinslot.people.staff_logins import TooManyTries, Try
from coinslot.web.console.routes import path_after_login
from coinslot.web.console.staffed import STYLES, StaffedOf, keep_token, token_of
from coinslot.web.customer.limits import count_form, count_view
from coinslot.web.customer.wait_words import seconds_until
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.wire.ids import OperatorId

AT_ONCE: Final = 2
"""Passwords compared in one moment: each takes 32 MiB, a core's third of a second and a connection."""
_STATE: Final = "console_passwords"
_OPERATORS: Final = "SELECT operator_id FROM operator ORDER BY operator_id LIMIT 2"
_OPERATOR: Final = """
    SELECT operator_id FROM operator WHERE operator_id = $1 OR lower(name) = lower($1) ORDER BY operator_id = $1 DESC LIMIT 1
"""
_WRONG: Final = marked("Operator, login or password is wrong.")
_WRONG_ALONE: Final = marked("Login or password is wrong.")


@get("/console/log-in")
async def log_in_page(
    page: PageOf,
    wanted: Annotated[str | None, QueryParameter(name="next", max_length=200)] = None,
    ended: Annotated[str | None, QueryParameter(name="ended", max_length=10)] = None,
) -> Response[bytes]:
    """The form; for whoever is logged in already, the console."""
    count_view(page)
    path = path_after_login(wanted or "")
    token = token_of(page.request.cookies, page.services)
    if token is not None:
        async with page.services.pool.acquire() as connection:
            if await staff_logins.find_staff_here(connection, token) is not None:
                return page.go(path)
    return await _show(page, path, ended=ended is not None)


@post("/console/log-in", status_code=200)
async def log_in(page: PageOf) -> Response[bytes]:
    """Try a login and a password."""
    count_form(page)
    form = await page.form()
    path = path_after_login(form.text("next"))
    named, login = form.text("operator"), form.text("login")
    operator = await _operator(page, named)
    async with _passwords(page), page.services.pool.acquire() as connection:
        try:
            token = await staff_logins.begin(
                connection,
                page.services.keyring,
                Try(
                    operator=operator,
                    login=login,
                    # As typed: a password may begin or end with a space.
                    password=form.exactly("password"),
                    source=page.source,
                    token=token_of(page.request.cookies, page.services),
                ),
            )
        except TooManyTries as error:
            minutes = max(1, -(-seconds_until(error.again_at) // 60))
            text = page.words.ngettext(
                "There were too many tries. Try again in a minute.",
                "There were too many tries. Try again in %(minutes)s minutes.",
                minutes,
            ) % {"minutes": minutes}
            return _later(await _show(page, path, status=429, operator=named, login=login, error=text), error)
    if token is None:
        wrong = page.say(_WRONG_ALONE if await _only(page) else _WRONG)
        return await _show(page, path, status=422, operator=named, login=login, error=wrong)
    return keep_token(page, page.go(path), token)


@get("/console/log-out")
async def log_out_again(staffed: StaffedOf) -> Response[bytes]:
    """Somebody loads again what was only an order."""
    return staffed.go("/console")


@post("/console/log-out")
async def log_out(staffed: StaffedOf) -> Response[bytes]:
    """Log this browser out, or all of this person's."""
    everywhere = bool((await staffed.form()).text("everywhere"))
    page = staffed.page
    token = token_of(page.request.cookies, page.services)
    async with staffed.pool.acquire() as connection, connection.transaction():
        if token is not None:
            await staff_logins.log_out(connection, token)
        if everywhere:
            await end_logins(connection, staffed.operator, staffed.who.staff_id)
    # The token stays in the browser: it opens nothing any more, and tells the next login that the browser is known.
    return staffed.go("/console/log-in")


async def _show(
    page: Page,
    path: str,
    *,
    status: int = 200,
    operator: str = "",
    login: str = "",
    error: str = "",
    ended: bool = False,
) -> Response[bytes]:
    return page.show(
        "console/log_in.html",
        status=status,
        styles=STYLES,
        next=path,
        ended=ended,
        several=await _only(page) is None,
        operator=operator or (page.request.query_params.get("operator") or "")[:80],
        login=login[:64],
        error=error,
    )


def _later(answer: Response[bytes], error: TooManyTries) -> Response[bytes]:
    answer.headers["Retry-After"] = str(max(1, seconds_until(error.again_at)))
    return answer


async def _only(page: Page) -> OperatorId | None:
    """The one operator of this installation, who then need not be named."""
    rows = await page.services.pool.fetch(_OPERATORS)
    return OperatorId(rows[0]["operator_id"]) if len(rows) == 1 else None


async def _operator(page: Page, named: str) -> OperatorId | None:
    if not named:
        return await _only(page)
    found = await page.services.pool.fetchval(_OPERATOR, named.replace("\0", ""))
    return None if found is None else OperatorId(found)


def _passwords(page: Page) -> asyncio.Semaphore:
    state = page.request.app.state
    found = state.get(_STATE)
    if not isinstance(found, asyncio.Semaphore):
        found = asyncio.Semaphore(AT_ONCE)
        state[_STATE] = found
    return found
