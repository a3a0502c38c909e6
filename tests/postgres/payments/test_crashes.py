"""A process is killed at each named point of a payment's way; the next one brings everything to its end, once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from coinslot.engines.connect import Pool
from coinslot.settlement.points import POINTS, Purpose
from tests.support.payment_life import (
    ACCOUNT,
    CASH_MINOR,
    CRASHES,
    PASSED,
    WHENS,
    Place,
    Zygote,
    settle_in,
    violations,
)
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


@pytest.fixture
async def place(pool: Pool, payments_url: str, tmp_path: Path) -> Place:
    """An operator with one account and a customer, before anything is paid."""
    path = tmp_path / "provider"
    till = await Till(pool).open([])
    merchant = await till.add_merchant(PlayedProvider(ACCOUNT))
    customer = await till.customer(cash_minor=CASH_MINOR)
    return Place(payments_url, str(path), till.operator, merchant.merchant_id, customer)


@pytest.mark.parametrize("what", PASSED)
async def test_a_process_killed_before_and_the_next_one_after(
    what: str, place: Place, pool: Pool, zygote: Zygote
) -> None:
    for when in WHENS:
        assert zygote.live(place, f"{what}.{when}") == -signal.SIGKILL
    life = await settle_in(pool, place)
    await life.go(PASSED[what])
    assert await violations(life.till, life.customer, PASSED[what]) == []


async def test_without_any_crash_it_is_the_same(place: Place, pool: Pool, zygote: Zygote) -> None:
    assert zygote.live(place, "") == 0
    life = await settle_in(pool, place)
    assert await violations(life.till, life.customer) == []


def test_the_points_are_those_there_are() -> None:
    assert set(CRASHES) < set(POINTS)
    assert len({Purpose(crash.split(".")[1]) for crash in CRASHES if crash.startswith("commit.")}) == 14
