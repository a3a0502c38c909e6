"""A short run of what `python -m tests.support.duplicates` does at length."""

from __future__ import annotations

from coinslot.engines.connect import Pool
from tests.support import duplicates


async def test_each_payment_is_credited_exactly_once(pool: Pool) -> None:
    report = await duplicates.run(pool, payments=60, seed=1)
    assert report.violations == ()
    assert report.notifications > 400
