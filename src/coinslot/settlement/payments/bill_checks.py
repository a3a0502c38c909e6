"""The one who fetches providers' bills when they are due, and compares them. Any number may run."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from coinslot.payments.billing import days_due, period
from coinslot.payments.model import Merchant
from coinslot.payments.port import Provider
from coinslot.settlement.payments import bill_rows
from coinslot.settlement.payments.bills import check_due
from coinslot.settlement.payments.merchants import every_merchant
from coinslot.settlement.payments.rows import find_merchant
from coinslot.settlement.payments.unit import UNANSWERED, Pool
from coinslot.settlement.payments.worker import FindProvider

log = logging.getLogger(__name__)

_EVERY_S: Final = 300.0


class BillChecks:
    """Runs until cancelled; what fails is logged and tried again in its time."""

    def __init__(self, pool: Pool, find: FindProvider, every_s: float = _EVERY_S) -> None:
        self._pool = pool
        self._find = find
        self._every_s = every_s

    async def run(self) -> None:
        """Look every five minutes whether a bill is due."""
        while True:
            try:
                await self.once()
            except UNANSWERED as error:
                log.warning("providers' bills have to wait: %s", type(error).__name__)
            await asyncio.sleep(self._every_s)

    async def once(self) -> int:
        """Every bill that is due now; how many were looked at."""
        now = await self._pool.fetchval("SELECT clock_timestamp()")
        for merchant in await every_merchant(self._pool):
            provider = self._find(merchant)
            if provider is None:
                continue
            zone = await bill_rows.zone_of(self._pool, merchant.operator_id, provider.bill_zone)
            for day in days_due(await bill_rows.opened_at(self._pool, merchant), now, zone):
                found = period(day, zone)
                await bill_rows.add_bill(self._pool, merchant, day, found.begins_at, found.ends_at)
        looked_at = 0
        while (due := await bill_rows.take_due(self._pool)) is not None:
            merchant_of = await find_merchant(self._pool, due.operator_id, due.merchant_id)
            assert merchant_of is not None
            await self._check(merchant_of, due)
            looked_at += 1
        return looked_at

    async def _check(self, merchant: Merchant, due: bill_rows.DueBill) -> None:
        provider: Provider | None = self._find(merchant)
        if provider is None:
            # Another process may have its keys: the lease ends, and that one takes it.
            log.info("no keys for merchant %s: its bill waits", merchant.merchant_id)
            return
        checked = await check_due(self._pool, provider, merchant, due)
        if checked.differences:
            log.error(
                "the bill of %s for %s does not agree with the books in %d ways",
                merchant.merchant_id,
                due.day,
                len(checked.differences),
            )
