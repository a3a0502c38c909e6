"""A short run of what `coinslot bench payments --duplicates` does at length."""

from __future__ import annotations

from pathlib import Path

from coinslot.app.benches import repeats
from coinslot.app.benches.quiet import without_log
from coinslot.engines.connect import Pool


async def test_each_payment_is_credited_exactly_once(pool: Pool, payments_url: str, tmp_path: Path) -> None:
    assert pool.get_size() > 0  # its tables are empty
    with without_log():
        report = await repeats.run(payments_url, tmp_path, payments=120, seed=1)
    assert report.violations == []
    assert report.notifications > 800
    assert report.answers["refused"] > 20
    assert report.stored["quarantined"] > 0
