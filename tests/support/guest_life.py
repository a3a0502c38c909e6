"""A guest's whole way in a process that is killed at a chosen point and begins anew: choose, pay, use, have the rest back."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from coinslot.engines.connect import Pool, open_pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.payments.model import Merchant
from coinslot.payments.port import PaymentState
from coinslot.sessions.states import State
from coinslot.settlement.payments.orders import QrShown
from coinslot.settlement.payments.rows import find_merchant
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId, TerminalId
from coinslot.wire.records import StopReason
from tests.support.desk import PlayedTerminal
from tests.support.inn import Inn
from tests.support.payment_life import Place, breed
from tests.support.played_provider import PlayedProvider

PASSED: Final = ("commit.order", "commit.direct", "commit.rest")
"""What is committed on a guest's way and nobody else's."""
CRASHES: Final = tuple(f"{what}.{when}" for what in PASSED for when in ("before", "after"))


class GuestLife:
    """Everything a guest does, once; what was done before is found done."""

    def __init__(self, inn: Inn, terminal: PlayedTerminal) -> None:
        self.inn = inn
        self.terminal = terminal

    async def go(self) -> None:
        """From the first press to the refund of the rest."""
        inn, terminal = self.inn, self.terminal
        shown = await inn.orders.place(terminal.id, inn.wish(request="only"))
        if isinstance(shown, QrShown):
            attempt = await inn.attempt_of(shown)
            if inn.provider.sheet.orders[attempt.number].state is PaymentState.WAITING:
                inn.provider.pays(attempt.number)
            await inn.till.notified(attempt)
            await inn.till.cashier.apply()
        await inn.starts.once()
        [session] = await inn.sessions()
        if session.state is State.AUTHORIZED:
            began = inn.started(terminal, session)
            cut = inn.stopped(terminal, session, reason=StopReason.FAULT, s=900, wh=200)
            await terminal.records(began, cut)
        await inn.works()


async def check_in(pool: Pool, place: Place) -> GuestLife:
    """The inn of a place that was made before, with its one terminal on a new connection."""
    inn = Inn(pool, place.database_url)
    inn.desk.operator = inn.till.operator = OperatorId(place.operator)
    merchant = await find_merchant(pool, inn.till.operator, place.merchant)
    assert isinstance(merchant, Merchant)
    inn.till.merchants.append(merchant)
    inn.till.providers[merchant.merchant_id] = PlayedProvider(merchant.account, path=Path(place.provider))
    row = await pool.fetchrow(
        "SELECT l.terminal_id, l.link, l.acked_seq FROM terminal_link l WHERE l.operator_id = $1",
        place.operator,
    )
    credentials = TerminalCredentials(
        operator_id=inn.desk.operator,
        site_id=SiteId(""),
        appliance_id=ApplianceId(""),
        appliance_code="",
        terminal_id=TerminalId(row["terminal_id"]),
        secret="",
        outlets=(0,),
    )
    terminal = PlayedTerminal(inn.desk, credentials)
    terminal.link, terminal.seq = row["link"], row["acked_seq"]
    return GuestLife(inn, terminal)


async def live(place: Place, _crash_at: str) -> None:
    """One life."""
    pool = await open_pool(place.database_url, min_size=1, max_size=6)
    try:
        await (await check_in(pool, place)).go()
    finally:
        pool.terminate()


if __name__ == "__main__":
    breed(live)
