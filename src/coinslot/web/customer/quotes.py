"""What each outlet would promise somebody now: by the latest version of its tariff and the customer's own counters."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from coinslot import tariffs
from coinslot.web.customer.appliances import Appliance, Tap
from coinslot.wire.ids import CustomerId, OperatorId, TariffId
from coinslot.wire.registers import Register

if TYPE_CHECKING:
    from coinslot.web.customer.appliances import Connection

log = logging.getLogger(__name__)


async def quotes(
    connection: Connection, here: Appliance, customer: CustomerId | None
) -> dict[str, tariffs.Quote]:
    """What each tap with a tariff would promise this customer now, by the tap's choice."""
    local = datetime.now(UTC).astimezone(ZoneInfo(here.timezone)).replace(tzinfo=None)
    found: dict[str, tariffs.Quote] = {}
    for tap in here.taps:
        if tap.tariff is None:
            continue
        try:
            if not tariff_of(tap.body).for_wallets:
                continue  # sold on the appliance itself, and nowhere else
            found[tap.choice] = await _quote(connection, here, tap, tap.tariff, customer, local)
        except ValueError:
            # Kept in a form that this version cannot read: settlement refuses it, too.
            log.error("the tariff %s, version %d, cannot be quoted", tap.tariff, tap.version)
    return found


async def _quote(
    connection: Connection,
    here: Appliance,
    tap: Tap,
    tariff_id: TariffId,
    customer: CustomerId | None,
    local: datetime,
) -> tariffs.Quote:
    tariff = tariff_of(tap.body)
    context = tariffs.Context(started_local=local)
    if customer is not None and not tariffs.is_timeless(tariff):
        wanted = tariffs.scopes(tariff, local)
        context = await _context(connection, here.operator, customer, tariff_id, wanted, local)
    return tariffs.make_quote(tariff, tariff_id=tariff_id, version=tap.version, context=context)


async def _context(
    connection: Connection,
    operator: OperatorId,
    customer: CustomerId,
    tariff: TariffId,
    wanted: Sequence[tariffs.Scope],
    local: datetime,
) -> tariffs.Context:
    today: dict[Register, int] = {}
    year: dict[Register, int] = {}
    rows = await connection.fetch(
        "SELECT scope, register, used FROM customer_use"
        " WHERE operator_id = $1 AND customer_id = $2 AND scope = ANY ($3::text[])",
        operator,
        customer,
        [_counter(tariff, scope) for scope in wanted],
    )
    used = {(row["scope"], row["register"]): int(row["used"]) for row in rows}
    for scope in wanted:
        counts = today if scope.kind is tariffs.ScopeKind.DAY else year
        counts[scope.register] = used.get((_counter(tariff, scope), scope.register.value), 0)
    return tariffs.Context(started_local=local, used_today=today, used_in_year=year)


def _counter(tariff: TariffId, scope: tariffs.Scope) -> str:
    # As settlement writes it: a counter belongs to one tariff and one day, year or season.
    return f"{tariff}/{scope.key}"


@lru_cache(maxsize=1024)
def tariff_of(body: str) -> tariffs.Tariff:
    """A version's tariff, parsed once."""
    return tariffs.parse_tariff(body)
