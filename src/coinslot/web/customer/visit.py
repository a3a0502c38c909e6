"""Somebody at an appliance's page: what every route up to the start begins with and ends in."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from litestar.response import Response
from msgspec import Struct

from coinslot.people.real_names import RealName, RealNameState, find_real_name
from coinslot.web import reading
from coinslot.web.customer.appliances import (
    Appliance,
    CustomerHere,
    Standing,
    find_appliance,
    find_customer_here,
)
from coinslot.web.customer.offers import Offer, depends_on_time, offer_of
from coinslot.web.customer.promises import Row, TapShown, rows, tap_shown
from coinslot.web.customer.quotes import quotes, tariff_of
from coinslot.web.pages.page import Page
from coinslot.web.reading import Balance
from coinslot.wire.ids import CustomerId, SessionId

if TYPE_CHECKING:
    from coinslot.web.customer.appliances import Connection

STYLES: Final = ("base.css", "arrive.css")
_HOPELESS: Final = frozenset(
    {Standing.CLOSED, Standing.SHUT, Standing.NO_PRICE, Standing.FAULT, Standing.OFFLINE}
)


class Customer(Struct, frozen=True, kw_only=True):
    """Who is logged in here, with what concerns a start."""

    here: CustomerHere
    balance: Balance
    name: RealName | None
    """The real name that counts; None also where none is asked for."""
    name_needed: bool

    @property
    def customer_id(self) -> CustomerId:
        """Whose it all is."""
        return self.here.customer_id

    @property
    def spendable_minor(self) -> int:
        """What can be held."""
        return self.balance.principal_minor + self.balance.bonus_minor


class Visit(Struct, frozen=True, kw_only=True):
    """An appliance and who looks at it, at one moment."""

    token: str
    here: Appliance
    customer: Customer | None
    taps: tuple[TapShown, ...]
    rows: tuple[Row, ...]
    mine: SessionId | None
    """The visitor's own session on this appliance, the one whose outcome is known before any other."""

    @property
    def path(self) -> str:
        """Of the appliance's page."""
        return f"/m/{self.token}"

    @property
    def hopeless(self) -> bool:
        """Whether nothing here can be used by anybody for now."""
        return all(tap.standing in _HOPELESS for tap in self.taps)

    @property
    def standing(self) -> TapShown:
        """The outlet whose standing the page's head shows: one's own, else a free one, else the first."""
        own = [tap for tap in self.taps if tap.standing in (Standing.MINE, Standing.MINE_UNKNOWN)]
        free = [tap for tap in self.taps if tap.free]
        return (own or free or list(self.taps))[0]

    @property
    def state(self) -> str:
        """A short hash of what a waiting page waits for."""
        customer = self.customer
        told = [f"{tap.choice}={tap.standing.value}" for tap in self.taps]
        if customer is not None:
            told.append(f"{customer.name_needed} {customer.name.state if customer.name else ''}")
            told.append(f"{customer.spendable_minor} {customer.balance.arrears_minor}")
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


async def open_visit(page: Page, token: str) -> Visit | None:
    """The visit; None when the sticker is none of ours, whatever is wrong with it."""
    async with page.services.pool.acquire() as connection:
        here = await find_appliance(connection, page.services.keyring, token)
        if here is None:
            return None
        customer = await customer_at(connection, page, here)
        known = None if customer is None else customer.customer_id
        offers = await offers_at(connection, here, customer)
    spendable = None if customer is None else customer.spendable_minor
    standings = {tap.choice: here.standing(tap, known) for tap in here.taps}
    own = [
        tap for tap in here.taps if tap.use is not None and known is not None and tap.use.customer == known
    ]
    own.sort(key=lambda tap: standings[tap.choice] is Standing.MINE_UNKNOWN)
    return Visit(
        token=token,
        here=here,
        customer=customer,
        taps=tuple(
            tap_shown(page, here, tap, standings[tap.choice], offers.get(tap.choice), spendable)
            for tap in here.taps
        ),
        rows=tuple(
            rows(
                page,
                here,
                [(page.say(tap.name), offers[tap.choice]) for tap in here.taps if tap.choice in offers],
            )
        ),
        mine=own[0].use.session if own and own[0].use is not None else None,
    )


async def customer_at(connection: Connection, page: Page, here: Appliance) -> Customer | None:
    """Who is logged in at the appliance's operator."""
    customer_id = page.customer_of(here.operator)
    return None if customer_id is None else await find_customer(connection, here, customer_id)


async def find_customer(connection: Connection, here: Appliance, customer_id: CustomerId) -> Customer | None:
    """The customer with what concerns a start at this appliance."""
    found = await find_customer_here(connection, here.operator, customer_id)
    balance = await reading.find_balance(connection, here.operator, customer_id)
    if found is None or balance is None:
        return None
    name = await find_real_name(connection, here.operator, customer_id) if here.asks_name else None
    approved = name is not None and name.state is RealNameState.APPROVED
    return Customer(here=found, balance=balance, name=name, name_needed=here.asks_name and not approved)


async def offers_at(connection: Connection, here: Appliance, customer: Customer | None) -> dict[str, Offer]:
    """What each outlet with a price promises this customer now, by its choice."""
    promised = await quotes(connection, here, None if customer is None else customer.customer_id)
    bodies = {tap.choice: tap.body for tap in here.taps}
    offers = {}
    for choice, quote in promised.items():
        # With too little in the wallet the page shows what it takes, not what little could be held.
        spendable = None if customer is None else customer.spendable_minor
        if spendable is not None and spendable < quote.minimum_start_minor:
            spendable = None
        offers[choice] = offer_of(
            quote,
            here.kind,
            balance_minor=spendable,
            by_time=depends_on_time(tariff_of(bodies[choice])),
        )
    return offers


def show(
    page: Page,
    visit: Visit,
    template: str,
    *,
    status: int = 200,
    scripts: tuple[str, ...] = ("once.js",),
    **values: object,
) -> Response[bytes]:
    """A page about this appliance."""
    return page.show(
        f"arrive/{template}",
        status=status,
        styles=STYLES,
        scripts=scripts,
        frames="",
        visit=visit,
        here=visit.here,
        help_phone=visit.here.help_phone,
        about=visit.here.code,
        domain=urlsplit(page.base_url).netloc,
        has_past=visit.customer is not None and visit.customer.here.has_past,
        **values,
    )


def new_key() -> str:
    """Of a start that somebody may press: the same page pressed twice is one start."""
    return secrets.token_urlsafe(18)
