"""Codes on appliances: a package and a provider are chosen, and a code to pay exactly that is shown.

One code at a time on each outlet. Whoever chooses again has the code before it closed with its provider first; if it
was paid already, that payment wins and its start follows. A code that could not be closed in time and is paid after
all goes back by itself: the screen has shown something else since.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import asyncpg
from msgspec import Struct

from coinslot import tariffs
from coinslot.payments.model import Attempt, IntentPurpose, Merchant
from coinslot.payments.port import Channel
from coinslot.payments.states import IntentState
from coinslot.settlement.payments.attempts import BeginAttempt, add_attempt
from coinslot.settlement.payments.codes import OrderAnswer, QrShown, ask_code
from coinslot.settlement.payments.counter import PROVIDER as COUNTER
from coinslot.settlement.payments.direct_rows import (
    DirectOrder,
    NewOrder,
    Outcome,
    add_order,
    open_order,
    order_of_request,
    orders_lately,
)
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.dropping import close_order, end_unpaid, intent_of, is_paid
from coinslot.settlement.payments.errors import KeyReused, NotPayable
from coinslot.settlement.payments.intents import OpenIntent, add_intent
from coinslot.settlement.payments.patience import PATIENCE_S
from coinslot.settlement.payments.rows import attempts_of, find_merchant
from coinslot.settlement.payments.sales import Sale, active_merchants, agreed, encoded, find_sales
from coinslot.settlement.payments.unit import transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Note, PackageOffered, QrWanted

__all__ = ["LATELY_S", "LIFE", "MOST_LATELY", "Offered", "OrderAnswer", "Orders", "QrShown"]

log = logging.getLogger(__name__)

LIFE: Final = timedelta(minutes=5)
"""How long a code can be paid: to find the phone, scan, choose a card and type a password takes a minute or two, and
providers want 75 s at least. Longer, and somebody pays for an appliance he has left."""
MOST_LATELY: Final = 10
"""Codes of one terminal in `LATELY_S`: more than fingers can want, and each one is asked of a provider."""
LATELY_S: Final = 60.0
MAX_PROVIDERS: Final = 6
"""As many as one `menu` message of the link carries."""
_TRIES: Final = 4


class Offered(Struct, frozen=True, kw_only=True):
    """What one outlet sells, and how it can be paid; nothing to buy: an empty one."""

    outlet: int
    currency: str
    packages: list[PackageOffered]
    providers: list[str]


class Orders:
    """One per process."""

    def __init__(self, door: PaymentDoor, patience_s: float = PATIENCE_S) -> None:
        """`patience_s`: how long a provider is waited for while somebody stands in front of the screen."""
        self._door = door
        self._patience_s = patience_s
        self._pool = door.pool
        self._turns: dict[tuple[TerminalId, int], _Turn] = {}

    async def place(self, terminal: TerminalId, wish: QrWanted) -> OrderAnswer:
        """A code for this choice, or why there is none. The same request twice is the same code.

        A session that occupies the outlet, or a payment whose start is still to come, are told as notes.
        """
        async with self._turn(terminal, wish.outlet):
            for _ in range(_TRIES):
                try:
                    return await self._place(terminal, wish)
                except Conflict as error:
                    log.info("terminal %s: a code met another: %s", terminal, error)
        return Note.TRY_AGAIN

    async def cancel(self, terminal: TerminalId, outlet: int, request: str) -> None:
        """Have the code of this request not be payable any more; nothing for an unknown one. A payment that was faster
        stands, and its start follows."""
        async with self._turn(terminal, outlet):
            order = await order_of_request(self._pool, terminal, request)
            if order is None or order.outlet != outlet or order.over_at is not None:
                return
            if not await close_order(self._door, order, self._patience_s):
                async with transaction(self._pool, Purpose.ORDER) as connection:
                    await end_unpaid(connection, order)

    async def menus(self, terminal: TerminalId) -> list[Offered]:
        """What each outlet of the terminal sells now; those that never sold anything are left out."""
        found = await find_sales(self._pool, terminal)
        offered = []
        providers: list[str] = []
        for sale in found:
            if sale.packages and not providers:
                providers = await self._providers(sale)
            tariff = sale.tariff
            if tariff is not None and sale.packages:
                packages = [] if sale.shut or not providers else sale.offered()
                offered.append(
                    Offered(
                        outlet=sale.outlet, currency=tariff.currency, packages=packages, providers=providers
                    )
                )
            elif sale.has_sold:
                offered.append(Offered(outlet=sale.outlet, currency="", packages=[], providers=[]))
        return offered

    async def _providers(self, sale: Sale) -> list[str]:
        return list(dict.fromkeys(merchant.provider for merchant in await self._accounts(sale)))[
            :MAX_PROVIDERS
        ]

    async def _accounts(self, sale: Sale) -> list[Merchant]:
        """Those that have keys here, the oldest first. A desk hands no cash to an appliance."""
        merchants = await active_merchants(self._pool, sale.operator_id)
        return [
            merchant
            for merchant in merchants
            if merchant.provider != COUNTER and self._door.find(merchant) is not None
        ]

    async def _account(self, sale: Sale, provider: str) -> Merchant | None:
        """Whom to pay with this provider: the oldest account."""
        accounts = await self._accounts(sale)
        return next((merchant for merchant in accounts if merchant.provider == provider), None)

    async def _place(self, terminal: TerminalId, wish: QrWanted) -> OrderAnswer:
        known = await order_of_request(self._pool, terminal, wish.request)
        if known is not None:
            return await self._again(known, wish)
        found = await find_sales(self._pool, terminal, wish.outlet)
        if not found:
            return Note.UNAVAILABLE
        sale = found[0]
        earlier = await open_order(self._pool, terminal, wish.outlet)
        if earlier is not None and await is_paid(self._pool, earlier):
            return Note.PAID
        if sale.refusal is not None:
            return sale.refusal
        package = next((each for each in sale.packages if each.id == wish.package), None)
        merchant = await self._account(sale, wish.provider)
        if package is None or merchant is None:
            return Note.UNAVAILABLE
        if await orders_lately(self._pool, terminal, LATELY_S) >= MOST_LATELY:
            return Note.TRY_AGAIN
        if earlier is not None and await close_order(self._door, earlier, self._patience_s):
            return Note.PAID
        attempt = await self._make(sale, package, merchant, wish, earlier)
        if attempt is None:
            return Note.PAID
        return await ask_code(self._door, attempt, merchant, sale.subject(package), self._patience_s)

    async def _make(
        self,
        sale: Sale,
        package: tariffs.Package,
        merchant: Merchant,
        wish: QrWanted,
        earlier: DirectOrder | None,
    ) -> Attempt | None:
        """The one before is over, and everything of the new one is there: one transaction. None when it was paid."""
        key = f"direct:{sale.terminal_id}:{wish.request}"
        quote = sale.quote(package)
        wanted = OpenIntent(
            operator=sale.operator_id,
            key=key,
            purpose=IntentPurpose.DIRECT_SESSION,
            customer=None,
            currency=quote.currency,
            amount_minor=quote.hold_minor,
            about=sale.subject(package),
            life=LIFE,
        )
        try:
            async with transaction(self._pool, Purpose.ORDER) as connection:
                if earlier is not None and not await end_unpaid(connection, earlier):
                    return None
                intent = await add_intent(connection, wanted)
                new = NewOrder(
                    operator=sale.operator_id,
                    terminal=sale.terminal_id,
                    outlet=sale.outlet,
                    appliance=sale.appliance_id,
                    request=wish.request,
                    package=package.id,
                    title=package.title,
                    provider=merchant.provider,
                    merchant=merchant.merchant_id,
                    quote=encoded(quote),
                    sharing=await agreed(connection, sale),
                )
                await add_order(connection, intent.intent_id, new)
                begin = BeginAttempt(
                    operator=sale.operator_id,
                    key=key,
                    intent=intent.intent_id,
                    merchant=merchant.merchant_id,
                    channel=Channel.QR,
                    life=LIFE,
                )
                return await add_attempt(connection, begin)
        except (asyncpg.UniqueViolationError, KeyReused, NotPayable) as error:
            # Another server made one for this outlet, or for this very wish, at the same time; or the account was
            # switched off since we looked.
            raise Conflict(type(error).__name__) from error

    async def _again(self, order: DirectOrder, wish: QrWanted) -> OrderAnswer:
        """The same wish once more: whatever has become of it."""
        if (order.outlet, order.provider, order.package) != (wish.outlet, wish.provider, wish.package):
            return Note.UNAVAILABLE
        match order.outcome:
            case Outcome.DROPPED | Outcome.EXPIRED:
                return Note.EXPIRED
            case Outcome.STARTED:
                return Note.PAID
            case Outcome.REFUNDED:
                return Note.REFUNDED
            case None:
                pass
        intent = await intent_of(self._pool, order)
        if intent.state is not IntentState.OPEN:
            return Note.EXPIRED if intent.state is IntentState.EXPIRED else Note.PAID
        merchant = await find_merchant(self._pool, order.operator_id, order.merchant_id)
        attempts = await attempts_of(self._pool, intent)
        if merchant is None or not attempts:
            return Note.UNAVAILABLE
        return await ask_code(self._door, attempts[-1], merchant, intent.about, self._patience_s)

    @asynccontextmanager
    async def _turn(self, terminal: TerminalId, outlet: int) -> AsyncIterator[None]:
        """One at a time for each outlet in this process; between processes the database decides."""
        turn = self._turns.setdefault((terminal, outlet), _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[terminal, outlet]


class _Turn:
    """A lock that goes with its last user."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
