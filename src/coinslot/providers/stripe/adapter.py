"""One merchant's Stripe account as a `payments.port.Provider`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from coinslot.payments.not_offered import NoPayouts, NoShares
from coinslot.payments.port import (
    BillLine,
    Created,
    Headers,
    HttpReply,
    Outcome,
    PaymentOrder,
    PaymentSeen,
    RefundOrder,
    RefundSeen,
    RetrySameKey,
    Unknown,
    VerifiedEvent,
)
from coinslot.providers.exchange import Deadlines
from coinslot.providers.stripe import notifications
from coinslot.providers.stripe.bill import READY_AFTER, bounds, lines
from coinslot.providers.stripe.finding import Finder
from coinslot.providers.stripe.library import Library
from coinslot.providers.stripe.paying import Payments
from coinslot.providers.stripe.refunding import Refunds
from coinslot.providers.stripe.refusals import Refused
from coinslot.providers.stripe.settings import StripeKeys
from coinslot.providers.stripe.wire import Wire, client

_THREADS: Final = 16
_MOST_CALLS: Final = 6
"""One of the port's calls may be so many of Stripe's, each with its own deadline; lists may be more."""
_GIVEN_UP: Final = ("CLOSED", "this connection to Stripe was given up: nothing was sent")
_T = TypeVar("_T")


class Stripe(NoShares, NoPayouts):
    """See `payments.port.Provider`. The library blocks, so each call takes one of its own threads.

    Stripe ends a session half an hour after it was made at the earliest, later than our orders' end: what keeps that
    end is whoever calls `close` then. Until it is called, a payer who has the page open can still pay.
    """

    name = "stripe"
    bill_zone = "UTC"

    def __init__(
        self,
        keys: StripeKeys,
        *,
        deadlines: Deadlines | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.merchant = keys.account
        self._keys = keys
        self._now = now
        self._deadlines = deadlines or Deadlines()
        self._wire = Wire(keys, self._deadlines)
        self._library = Library(client(keys, self._wire), self._deadlines.file_s)
        finder = Finder(self._library)
        self._payments = Payments(self._library, finder, keys, now)
        self._refunds = Refunds(self._library, finder, keys.account)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="stripe")
        self._is_closed = False

    def close_connections(self) -> None:
        """Take no more calls; those under way end by their deadlines."""
        # Calls that wait for a thread are let through to hear that, since to cancel them would look as if somebody
        # had cancelled whoever asked.
        self._is_closed = True
        self._threads.shutdown(wait=False)
        self._wire.close()

    async def create(self, order: PaymentOrder) -> Created:
        """See `payments.port.Provider`. A page to pay on, opened by its link or by a code that holds it."""
        return await self._in_thread(lambda: self._payments.create(order))

    async def query(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider`."""
        return await self._in_thread(lambda: self._payments.query(number))

    async def close(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider`."""
        return await self._in_thread(lambda: self._payments.close(number))

    async def refund(self, order: RefundOrder) -> RefundSeen:
        """See `payments.port.Provider`. One that has failed at the payer's bank is made anew when asked for again."""
        return await self._in_thread(lambda: self._refunds.ask(order))

    async def query_refund(self, number: str, payment_number: str) -> RefundSeen:
        """See `payments.port.Provider`."""
        return await self._in_thread(lambda: self._refunds.query(number, payment_number))

    async def download_bill(self, day: date) -> tuple[BillLine, ...]:
        """See `payments.port.Provider`. Days are Stripe's own, in UTC; there is no file, and so no hash of one."""
        since, until = bounds(day)
        if self._now() < datetime.fromtimestamp(until, UTC) + READY_AFTER:
            raise RetrySameKey("NOT_READY", "the day is not over in UTC")

        return await self._in_thread(
            lambda: lines(self._library.balance(since, until), day), self._deadlines.file_s
        )

    def parse_notification(self, headers: Headers, raw: bytes, now: datetime) -> VerifiedEvent:
        """See `payments.port.Provider`."""
        return notifications.parse(self._keys, headers, raw, now)

    def answer(self, outcome: Outcome) -> HttpReply:
        """See `payments.port.Provider`."""
        return notifications.answer(outcome)

    async def _in_thread(self, work: Callable[[], _T], within_s: float | None = None) -> _T:
        asked = time.monotonic()

        def begun() -> _T:
            if self._is_closed:
                raise RetrySameKey(*_GIVEN_UP)
            if time.monotonic() - asked > self._deadlines.connect_s:
                raise RetrySameKey("BUSY", "too many calls wait for Stripe: nothing was sent")
            try:
                return work()
            except Refused as refused:
                raise refused.error from None

        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, begun)
        except RuntimeError:
            raise RetrySameKey(*_GIVEN_UP) from None
        try:
            # Each call ends by itself in time; this is for many of them, one after another.
            async with asyncio.timeout((within_s or _MOST_CALLS * self._deadlines.whole_s) + 1):
                return await future
        except TimeoutError:
            raise Unknown("TIMEOUT", "Stripe did not answer in time") from None


if TYPE_CHECKING:
    from coinslot.payments.port import Provider

    _PORT: type[Provider] = Stripe
