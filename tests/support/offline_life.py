"""A code for the time without a link, in a process that is killed at a chosen point and begins anew: terms, code, use."""

from __future__ import annotations

from typing import Final

from coinslot.engines.connect import Pool, open_pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SiteId, TerminalId
from tests.support.bath import Bath
from tests.support.desk import PlayedTerminal
from tests.support.payment_life import Place, breed

CRASHES: Final = ("commit.offline.before", "commit.offline.after")
"""Passed with the terms, and again with the code."""


async def arrive(pool: Pool, place: Place) -> Bath:
    """The bathroom of a place that was made before; its terminal has its link."""
    bath = Bath(pool)
    bath.desk.operator = OperatorId(place.operator)
    row = await pool.fetchrow(
        "SELECT o.appliance_id, l.link FROM outlet o JOIN terminal_link l USING (operator_id, terminal_id)"
        " WHERE o.operator_id = $1",
        place.operator,
    )
    assert row is not None
    bath.appliance = ApplianceId(row["appliance_id"])
    credentials = TerminalCredentials(
        operator_id=bath.desk.operator,
        site_id=SiteId(""),
        outlets=(0,),
        terminal_id=TerminalId(place.merchant),
        secret="",
        appliance_id=bath.appliance,
        appliance_code="",
    )
    bath.terminal = PlayedTerminal(bath.desk, credentials)
    bath.terminal.link = row["link"]
    return bath


async def live(bath: Bath, customer: CustomerId) -> None:
    """From the hello that asks for terms to the code. What was done before is found done."""
    await bath.terminal.connects()
    await bath.told()
    found = await bath.pool.fetch(
        "SELECT terms_id FROM offline_terms WHERE terminal_id = $1 AND over_at IS NULL", bath.terminal.id
    )
    bath.terminal.offline = [row["terms_id"] for row in found]
    await bath.terminal.hello()
    await bath.terminal.goes()
    await bath.code(customer, "only")


async def _live(place: Place, _crash_at: str) -> None:
    pool = await open_pool(place.database_url, min_size=1, max_size=2)
    await live(await arrive(pool, place), CustomerId(place.customer))


if __name__ == "__main__":
    breed(_live)
