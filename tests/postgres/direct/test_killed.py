"""A process is killed at each point of a guest's way; the next one brings it to its end, once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from coinslot.engines.connect import Pool
from tests.support.guest_life import PASSED, check_in
from tests.support.inn import Inn
from tests.support.payment_life import Place, Zygote
from tests.support.played_provider import PlayedProvider


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    made = Zygote("tests.support.guest_life")
    yield made
    made.close()


@pytest.fixture
async def place(inn: Inn, direct_url: str, tmp_path: Path) -> Place:
    """A hotel with one appliance, before anybody has pressed anything."""
    path = tmp_path / "provider"
    merchant = inn.till.merchant
    inn.till.providers[merchant.merchant_id] = PlayedProvider(merchant.account, path=path)
    await inn.appliance()
    return Place(direct_url, str(path), inn.desk.operator, merchant.merchant_id, "")


@pytest.mark.parametrize("what", PASSED)
async def test_a_process_killed_before_and_the_next_one_after(
    what: str, place: Place, pool: Pool, zygote: Zygote
) -> None:
    for when in ("before", "after"):
        assert zygote.live(place, f"{what}.{when}") == -signal.SIGKILL
    life = await check_in(pool, place)
    await life.go()
    inn = life.inn
    assert [(session.charge_minor, session.released_minor) for session in await inn.sessions()] == [
        (2_50, 2_50)
    ]
    assert await inn.refunds() == [("unused", 2_50)]
    assert len(inn.provider.sheet.orders) == len(inn.provider.sheet.returns) == 1
    assert inn.provider.holds_minor == 2_50
    await inn.even()
