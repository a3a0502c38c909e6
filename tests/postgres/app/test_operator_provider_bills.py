"""`coinslot operator provider-bill`: a day's bill beside the books, and what does not agree, on the command line."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.engines.connect import open_pool
from coinslot.payments.port import BillLine, BillLineKind
from coinslot.settlement.payments.bills import check_bill
from tests.support.till import Till


def _type(*words: str) -> Result:
    return CliRunner().invoke(coinslot, ["operator", "provider-bill", *words])


def test_a_days_bill_is_checked_listed_and_explained(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)
    monkeypatch.delenv("COINSLOT_MERCHANTS_FILE", raising=False)
    day = datetime.now(UTC).date() - timedelta(days=2)

    async def prepare() -> None:
        pool = await open_pool(database_url, max_size=2)
        till = await Till(pool).open()
        at = datetime.now(UTC)
        till.provider.bill = [
            BillLine(
                kind=BillLineKind.REFUND,
                number="r-unknown",
                provider_id="rf1",
                amount_minor=250,
                fee_minor=-1,
                currency="CNY",
                at=at,
                raw="",
            )
        ]
        await check_bill(pool, till.provider, till.merchant, day)
        await pool.close()

    asyncio.run(prepare())
    (listed,) = json.loads(_type("list", "--json").stdout)
    assert (listed["day"], listed["open_differences"], listed["totals"][0]["refunded_minor"]) == (
        day.isoformat(),
        1,
        250,
    )
    assert "differences: 1" in _type("list").stdout
    (told,) = json.loads(_type("differences", "--json").stdout)
    assert (told["what"], told["ref"], told["theirs"], told["ours"]) == (
        "missing_with_us",
        "r-unknown",
        "250",
        "",
    )
    shown = _type("differences").stdout
    assert "2.50 CNY" in shown
    assert "nothing" in shown
    nobody = _type("check", "--day", day.isoformat())
    assert isinstance(nobody.exception, Problem), "this process has no keys of the only merchant"
    added = CliRunner().invoke(coinslot, ["operator", "merchant", "add", "counter", "desk"])
    assert added.exit_code == 0, added.output
    checked = _type("check", "--day", day.isoformat())
    assert checked.exit_code == 0, checked.output
    assert "agree" in checked.stdout
    late = _type("check", "--day", datetime.now(UTC).date().isoformat())
    assert late.exit_code == 1
    assert "no bill yet: NOT_READY" in late.stdout
