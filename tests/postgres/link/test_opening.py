"""Menus follow the clock: what opens or shuts by its hours is told anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from coinslot.engines.connect import Pool
from coinslot.fleet.hours_store import all_timed, set_site_hours
from coinslot.fleet.store import add_site, create_operator
from coinslot.link.opening import Opening


async def test_what_opens_or_shuts_is_told_once(pool: Pool) -> None:
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name="B", currency="CNY", timezone="Asia/Shanghai", by="test"
        )
        site = await add_site(connection, made.operator_id, name="North", by="test")
        await add_site(connection, made.operator_id, name="South", by="test")
        await set_site_hours(connection, made.operator_id, site.site_id, "mon-sun 06:00-22:00", by="test")
        timed = await all_timed(connection)
    assert [one.target for one in timed] == [site.site_id]
    told: list[str] = []
    opening = Opening(pool, told.append)
    noon = datetime(2026, 11, 23, 4, tzinfo=UTC)
    counts = []
    for hours in (0, 1, 9, 10, 11, 18, 19):  # 12:00, 13:00, 21:00, 22:00, 23:00, 06:00, 07:00 in Shanghai
        told.clear()
        opening.look(timed, noon + timedelta(hours=hours))
        counts.append(len(told))
    assert counts == [1, 0, 0, 1, 0, 1, 0]
