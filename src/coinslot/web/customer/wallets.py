"""The visitor's wallets, one at each operator where this browser is logged in, and which of them a page is about."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from coinslot.rows import one
from coinslot.settlement.changes import Purse
from coinslot.web import reading
from coinslot.web.customer.appliance import shown_phone
from coinslot.web.pages.page import Page
from coinslot.web.reading import Balance
from coinslot.wire.ids import CustomerId, OperatorId

_MOST_SITES: Final = 6
_ABOUT: Final = """
    SELECT o.name, o.help_phone, o.timezone, c.phone,
           ARRAY(SELECT s.name FROM site s WHERE s.operator_id = o.operator_id ORDER BY s.name LIMIT $3) AS sites
    FROM operator o JOIN customer c ON c.operator_id = o.operator_id AND c.customer_id = $2
    WHERE o.operator_id = $1
"""
_own_path = re.compile(r"/m/[A-Za-z0-9_.-]{1,80}|/me")


class _About(Struct, frozen=True, kw_only=True):
    name: str
    help_phone: str
    timezone: str
    phone: str | None
    sites: list[str]

    def __repr__(self) -> str:
        return "_About(…)"


class Wallet(Struct, frozen=True, kw_only=True):
    """One wallet. Amounts are minor units of its balance's currency."""

    operator_id: OperatorId
    customer_id: CustomerId
    operator: str
    help_phone: str
    timezone: str
    phone: str
    """Masked."""
    places: str
    balance: Balance

    @property
    def currency(self) -> str:
        """Of everything in it."""
        return self.balance.currency

    @property
    def spendable_minor(self) -> int:
        """What can be held for a use."""
        return self.balance.principal_minor + self.balance.bonus_minor

    @property
    def free_minor(self) -> int:
        """What can be withdrawn: principal that no use holds and nothing is owed against."""
        return max(0, self.balance.principal_minor - self.balance.arrears_minor)

    @property
    def purse(self) -> Purse:
        """Its accounts."""
        return Purse(self.operator_id, self.customer_id, self.currency)


async def wallets(page: Page) -> list[Wallet]:
    """All of them, the one used last first."""
    found = []
    for login in page.logins:
        async with page.services.pool.acquire() as connection:
            row = await connection.fetchrow(_ABOUT, login.operator_id, login.customer_id, _MOST_SITES)
            balance = await reading.find_balance(connection, login.operator_id, login.customer_id)
        if row is None or balance is None:
            continue
        about = one(row, _About)
        found.append(
            Wallet(
                operator_id=login.operator_id,
                customer_id=login.customer_id,
                operator=about.name,
                help_phone=about.help_phone,
                timezone=about.timezone,
                phone=shown_phone(about.phone),
                places=" · ".join(about.sites),
                balance=balance,
            )
        )
    return found


def chosen(found: list[Wallet], named: str) -> Wallet | None:
    """The wallet at this operator; without a name the first; None for an operator where nobody is logged in."""
    if not named:
        return found[0] if found else None
    return next((wallet for wallet in found if wallet.operator_id == named), None)


def way_back(text: str) -> str:
    """Where somebody came from, if that is a page of ours that one can come from; else empty."""
    return text if _own_path.fullmatch(text) else ""
