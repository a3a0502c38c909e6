"""Oneself: what is on the wallet, what is known, and the way out."""

from __future__ import annotations

from litestar import get, post
from litestar.response import Response
from msgspec import Struct

from coinslot.people import logins
from coinslot.people.logins import Login
from coinslot.people.real_names import RealName, RealNameState, find_real_name
from coinslot.rows import one
from coinslot.web import reading
from coinslot.web.customer.having import find_waiting
from coinslot.web.customer.history import nobody
from coinslot.web.customer.rooms import has_keypads
from coinslot.web.pages import figures
from coinslot.web.pages.languages import Language
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.web.reading import Balance
from coinslot.wire.ids import OperatorId

_ABOUT = """
    SELECT o.name AS operator, o.help_phone, o.real_name <> 'not_asked' AS asks_name, o.points_per_major > 0 AS has_points,
           c.phone, c.language,
           EXISTS (SELECT FROM session s WHERE s.customer_id = c.customer_id AND s.operator_id = c.operator_id) AS used
    FROM customer c JOIN operator o USING (operator_id) WHERE c.operator_id = $1 AND c.customer_id = $2
"""
_LANGUAGE = """
    UPDATE customer SET language = $3
    WHERE operator_id = ANY($1::text[]) AND customer_id = ANY($2::text[]) AND language <> $3
"""


class _About(Struct, frozen=True, kw_only=True):
    operator: str
    help_phone: str
    asks_name: bool
    has_points: bool
    phone: str | None
    language: str
    used: bool

    def __repr__(self) -> str:
        return "_About(…)"


class Account(Struct, frozen=True, kw_only=True):
    """The visitor at one operator. Money is minor units of the balance's currency."""

    operator_id: OperatorId
    operator: str
    help_phone: str
    phone: str
    """Masked."""
    balance: Balance
    points: int | None
    """None where the operator gives none."""
    name_word: str
    """How the real name stands; empty where nobody asks for one."""
    used: bool
    """Whether there is a session already."""


@get("/me")
async def me_page(page: PageOf) -> Response[bytes]:
    """Wallet, points, name, language, help, and the way out."""
    accounts = [account for login in page.logins if (account := await _account(page, login)) is not None]
    if not accounts:
        return nobody(page)
    return page.show(
        "use/me.html",
        styles=("base.css", "live.css", "keypad.css"),
        accounts=accounts,
        languages=list(Language),
        used=any(account.used for account in accounts),
        waiting=await find_waiting(page),
        has_keypads=await has_keypads(page.services.pool, [one.operator_id for one in page.logins]),
    )


@get(["/me/language", "/me/log-out"])
async def me_again(page: PageOf) -> Response[bytes]:
    """Somebody loads again what was only an order."""
    return page.go("/me")


@post("/me/language")
async def set_language(page: PageOf) -> Response[bytes]:
    """Speak this language from now on, in messages too."""
    wanted = (await page.form()).text("language")
    if wanted not in set(Language):
        return page.go("/me")
    if page.logins:
        await page.services.pool.execute(
            _LANGUAGE,
            [login.operator_id for login in page.logins],
            [login.customer_id for login in page.logins],
            wanted,
        )
    return page.go(f"/me?lang={wanted}")


@post("/me/log-out")
async def log_out(page: PageOf) -> Response[bytes]:
    """Log this browser out at one operator, or everywhere."""
    named = (await page.form()).text("operator")
    operator = next((one.operator_id for one in page.logins if one.operator_id == named), None)
    if named and operator is None:
        return page.go("/me")  # logged out before
    async with page.services.pool.acquire() as connection:
        await logins.log_out(connection, page.token, operator)
    return page.go("/me")


async def _account(page: Page, login: Login) -> Account | None:
    pool = page.services.pool
    row = await pool.fetchrow(_ABOUT, login.operator_id, login.customer_id)
    balance = await reading.find_balance(pool, login.operator_id, login.customer_id)
    if row is None or balance is None:
        return None
    about = one(row, _About)
    points = await reading.points_balance(pool, login.operator_id, login.customer_id)
    async with pool.acquire() as connection:
        name = await find_real_name(connection, login.operator_id, login.customer_id)
    return Account(
        operator_id=login.operator_id,
        operator=about.operator,
        help_phone=about.help_phone,
        phone="" if about.phone is None else figures.phone(about.phone),
        balance=balance,
        points=points if about.has_points or points else None,
        name_word=_name_word(page, name, asked=about.asks_name),
        used=about.used,
    )


def _name_word(page: Page, name: RealName | None, *, asked: bool) -> str:
    if name is None:
        return page.say("Not given yet") if asked else ""
    match name.state:
        case RealNameState.PENDING:
            return page.say("Being looked at")
        case RealNameState.APPROVED:
            return page.say("Confirmed")
        case RealNameState.REJECTED:
            return page.say("Not accepted: %(reason)s", reason=name.reason)
