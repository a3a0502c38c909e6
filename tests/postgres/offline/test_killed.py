"""A process is killed beside each commit that makes terms or a code; the next one ends with one code and one hold."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from coinslot.engines.connect import Pool
from coinslot.settlement.offline.issuing import offline_codes
from tests.support.bath import CREDIT_MINOR, Bath
from tests.support.offline_life import CRASHES, arrive, live
from tests.support.payment_life import Place, Zygote

CASH_MINOR = 20_00


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    made = Zygote("tests.support.offline_life")
    yield made
    made.close()


@pytest.mark.parametrize("passes", [1, 2], ids=["terms", "code"])
async def test_a_process_killed_beside_the_commit_of(
    passes: int, pool: Pool, offline_url: str, zygote: Zygote
) -> None:
    made = await Bath(pool).prepare(CREDIT_MINOR)
    desk = made.desk
    lin = await desk.customer(CASH_MINOR)
    place = Place(offline_url, "", desk.operator, made.terminal.id, lin)
    for point in CRASHES:
        assert zygote.live(place, f"{point}:{passes}") == -signal.SIGKILL
    bath = await arrive(pool, place)
    await live(bath, lin)
    [code] = await offline_codes(pool, bath.keyring, operator=desk.operator, customer=lin)
    assert await desk.principal(lin) == CASH_MINOR - CREDIT_MINOR
    session = await bath.session(code)
    await bath.returns()
    await bath.terminal.records(
        bath.credited(session), bath.terminal.started(session), bath.terminal.stopped(session, ml=9_000, s=60)
    )
    settled = await bath.session(code)
    assert await desk.principal(lin) == CASH_MINOR - (settled.captured_minor or 0)
    assert 0 < (settled.captured_minor or 0) <= CREDIT_MINOR
    terms = await pool.fetchval("SELECT count(*) FROM offline_terms WHERE terminal_id = $1", bath.terminal.id)
    assert terms == 1
    await desk.in_order()
