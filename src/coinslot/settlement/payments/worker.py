"""The cashier: acts on notifications, asks after payments, sends refunds. Any number may run."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Final, TypeAlias

from coinslot.payments.model import Merchant
from coinslot.payments.port import Provider
from coinslot.settlement.payments.bell import Bell
from coinslot.settlement.payments.collecting import look, put_off, take_due_attempts
from coinslot.settlement.payments.inbox import apply_next
from coinslot.settlement.payments.intents import expire_intents
from coinslot.settlement.payments.returning import carry, take_due_refunds
from coinslot.settlement.payments.rows import find_merchant
from coinslot.settlement.payments.unit import UNANSWERED, Pool
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import OperatorId

log = logging.getLogger(__name__)

FindProvider: TypeAlias = Callable[[Merchant], Provider | None]
"""The adapter that has the keys of a merchant; None where nothing is configured for it."""

_EVERY_S: Final = 1.0
_APPLIERS: Final = 3
_CALLS: Final = 16
_CALLS_OF_ONE: Final = 4
"""Of the calls under way, how many may be one merchant's: a provider that hangs holds up no other."""
_GATHER_S: Final = 0.02
"""After a nudge, before looking what is to be called for: each notification nudges, and few of them ask for a call."""
_FINISH_S: Final = 0.8
"""What calls under way may take when the cashier is told to stop; the server gives each of its parts a second."""


class Cashier:
    """Runs until cancelled; what fails is logged and tried again in its time."""

    def __init__(
        self,
        pool: Pool,
        find: FindProvider,
        notify_url: Callable[[Merchant], str] = lambda _: "",
        every_s: float = _EVERY_S,
    ) -> None:
        """`notify_url`: where a merchant's provider may send what becomes of refunds; nowhere if empty."""
        self._pool = pool
        self._find = find
        self._notify_url = notify_url
        self._every_s = every_s
        self._noticed = Bell()
        self._due = asyncio.Event()
        self._calls: dict[asyncio.Task[None], str] = {}
        self._merchants: dict[tuple[OperatorId, str], Merchant] = {}

    def nudge(self) -> None:
        """Look now: a notification was stored, or a refund or a close was asked for."""
        self._noticed.ring()
        self._due.set()

    async def run(self) -> None:
        """Work for ever: at once when nudged, and every second."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_APPLIERS):
                    group.create_task(self._keep_on(self.apply, self._noticed.heard))
                group.create_task(self._keep_on(self.call, self._asked_for))
        finally:
            await self._finish()

    async def once(self) -> None:
        """Everything that is due now, to its end: notifications, then calls, then what is over."""
        await self.apply()
        await self.call()
        while self._calls:
            await asyncio.wait(list(self._calls))
            await self.call()

    async def apply(self) -> None:
        """Act on every notification that waits."""
        while True:
            try:
                if not await apply_next(self._pool):
                    return
            except Conflict as error:
                log.info("a notification met another transaction: %s", error)

    async def call(self) -> None:
        """Begin as many calls as may be under way, for what is due; expire what is over."""
        await expire_intents(self._pool)
        while len(self._calls) < _CALLS:
            busy = [name for name, calls in Counter(self._calls.values()).items() if calls >= _CALLS_OF_ONE]
            # One at a time, so that none has more calls under way than it may.
            if not (await self._begin_refund(busy) or await self._begin_look(busy)):
                return

    async def _begin_refund(self, busy: list[str]) -> int:
        due = await take_due_refunds(self._pool, 1, busy)
        for each in due:
            merchant = await self._merchant(each.refund.operator_id, each.refund.merchant_id)
            provider = self._find(merchant)
            if provider is None:
                log.error("no keys for merchant %s: a refund has to wait", merchant.merchant_id)
            else:
                url, now = self._notify_url(merchant), await self._now()
                self._begin(merchant, carry(self._pool, provider, merchant, each, now, url))
        return len(due)

    async def _begin_look(self, busy: list[str]) -> int:
        due = await take_due_attempts(self._pool, 1, busy)
        for attempt in due:
            merchant = await self._merchant(attempt.operator_id, attempt.merchant_id)
            provider = self._find(merchant)
            if provider is None:
                log.error("no keys for merchant %s: a payment cannot be looked after", merchant.merchant_id)
                await put_off(self._pool, attempt, await self._now(), "no keys")
            else:
                self._begin(merchant, look(self._pool, provider, merchant, attempt, await self._now()))
        return len(due)

    def _begin(self, merchant: Merchant, call: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guard(call))
        self._calls[task] = merchant.merchant_id
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        was_full = (
            len(self._calls) >= _CALLS or Counter(self._calls.values())[self._calls[task]] >= _CALLS_OF_ONE
        )
        del self._calls[task]
        if was_full:
            self._due.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call to a provider ended with %s", type(error).__name__, exc_info=error)

    async def _guard(self, call: Coroutine[None, None, None]) -> None:
        try:
            await call
        except UNANSWERED as error:
            # Its lease runs out, and somebody looks again.
            log.warning("a provider's answer could not be noted: %s", type(error).__name__)

    async def _merchant(self, operator: OperatorId, merchant_id: str) -> Merchant:
        """Read once: what adapters need of a merchant never changes."""
        known = self._merchants.get((operator, merchant_id))
        if known is None:
            known = await find_merchant(self._pool, operator, merchant_id)
            assert known is not None
            self._merchants[operator, merchant_id] = known
        return known

    async def _now(self) -> datetime:
        now: datetime = await self._pool.fetchval("SELECT clock_timestamp()")
        return now

    async def _keep_on(
        self, work: Callable[[], Awaitable[None]], woken: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        while True:
            try:
                await work()
            except UNANSWERED as error:
                log.warning("the cashier could not reach the database: %s", type(error).__name__)
            try:
                await asyncio.wait_for(woken(), self._every_s)
            except TimeoutError:
                continue

    async def _asked_for(self) -> None:
        await self._due.wait()
        await asyncio.sleep(_GATHER_S)
        self._due.clear()

    async def _finish(self) -> None:
        """What a provider has done without our noting it would have to be asked for again."""
        if not self._calls:
            return
        _, late = await asyncio.wait(list(self._calls), timeout=_FINISH_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
