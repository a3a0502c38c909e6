"""Pages that belong to no single appliance: the front door, where to top up, logging out."""

from __future__ import annotations

import secrets

from litestar import get, post
from litestar.response import Response
from msgspec import Struct

from coinslot.people.logins import log_out
from coinslot.rows import many
from coinslot.web import reading
from coinslot.web.customer.appliance import shown_phone
from coinslot.web.customer.limits import count_form, count_view
from coinslot.web.customer.visit import STYLES
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf

_MOST_SITES = 6


class _Door(Struct, frozen=True, kw_only=True):
    operator_id: str
    name: str
    help_phone: str
    phone: str | None
    sites: list[str]


class Wallet(Struct, frozen=True, kw_only=True):
    """One operator's wallet of the visitor, as text."""

    operator: str
    help_phone: str
    phone: str
    balance: str
    arrears: str
    places: str


@get("/")
async def front_door(page: PageOf) -> Response[bytes]:
    """Where somebody lands who typed the address: the way in is the code on an appliance."""
    if page.services.wall is not None:
        return page.go("/wall")
    count_view(page)
    return page.show("front.html")


@get("/topup")
async def topup(page: PageOf) -> Response[bytes]:
    """Where money comes from: the counter of each operator at which the visitor is logged in."""
    count_view(page)
    wallets = await _wallets(page)
    first = wallets[0].help_phone if len(wallets) == 1 else ""
    return page.show("arrive/topup.html", styles=STYLES, wallets=wallets, help_phone=first)


async def _wallets(page: Page) -> list[Wallet]:
    if not page.logins:
        return []
    found = []
    async with page.services.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT o.operator_id, o.name, o.help_phone, c.phone,"
            " ARRAY(SELECT s.name FROM site s WHERE s.operator_id = o.operator_id ORDER BY s.name LIMIT $3) AS sites"
            " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS l(operator_id, customer_id, number)"
            " JOIN operator o ON o.operator_id = l.operator_id"
            " JOIN customer c ON c.operator_id = l.operator_id AND c.customer_id = l.customer_id"
            " ORDER BY l.number",
            [login.operator_id for login in page.logins],
            [login.customer_id for login in page.logins],
            _MOST_SITES,
        )
        doors = {door.operator_id: door for door in many(rows, _Door)}
        for login in page.logins:
            balance = await reading.find_balance(connection, login.operator_id, login.customer_id)
            if balance is not None and login.operator_id in doors:
                found.append(_wallet(doors[login.operator_id], balance))
    return found


def _wallet(door: _Door, balance: reading.Balance) -> Wallet:
    spendable = balance.principal_minor + balance.bonus_minor
    owed = balance.arrears_minor
    return Wallet(
        operator=door.name,
        help_phone=door.help_phone,
        phone=shown_phone(door.phone),
        balance=figures.money(spendable, balance.currency),
        arrears=figures.money(owed, balance.currency) if owed else "",
        places=" · ".join(door.sites),
    )


@get("/logout")
async def logged_out(page: PageOf) -> Response[bytes]:
    """Somebody loads again what was only an order: the way out is on this page."""
    return page.go("/me")


@post("/logout", status_code=200)
async def logout(page: PageOf) -> Response[bytes]:
    """End every login of this browser, and give it a new token."""
    count_form(page)
    await page.form()
    async with page.services.pool.acquire() as connection:
        await log_out(connection, page.token)
    page.keep(secrets.token_urlsafe(24))
    return page.go("/me")
