"""What authorizing a start has to know of its outlet, tariff and customer, for many starts at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from coinslot import tariffs
from coinslot.settlement import rows
from coinslot.settlement.changes import Purse
from coinslot.settlement.requests import StartRequest, StartView
from coinslot.wire.ids import ApplianceId
from coinslot.wire.records import FaultCode

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

_SHUTTING_FAULTS = [code.value for code in FaultCode if code is not FaultCode.SENSOR]
"""A broken thermometer stops nobody; all else keeps an outlet from being sold."""

# Each join is pinned to a keyed look-up a request (see settlement/store.py): left free, the planner looked up
# every appliance of the fleet for each batch (9.9 of 11.2 ms at 512). `|| ''` keeps it to the one index that finds a single row.
_VIEWS = """
    SELECT o.appliance_id, o.closed, o.tariff_id, v.version, v.body, o.meter_spec, o.timezone,
           c.customer_id IS NOT NULL AS customer_found, al.faults, e.session_id AS earlier
    FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[])
         WITH ORDINALITY AS r(operator_id, customer_id, terminal_id, outlet, request_key, number)
    LEFT JOIN LATERAL (
        SELECT x.appliance_id, a.closed, x.tariff_id, x.meter_spec, si.timezone
        FROM outlet x
        JOIN terminal t ON t.operator_id = x.operator_id AND t.terminal_id = x.terminal_id AND t.revoked_at IS NULL
        JOIN appliance a ON a.operator_id = x.operator_id AND a.appliance_id = x.appliance_id
        JOIN site si ON si.operator_id = a.operator_id AND si.site_id = a.site_id
        WHERE x.operator_id = r.operator_id AND x.terminal_id = r.terminal_id AND x.outlet = r.outlet OFFSET 0
    ) o ON true
    LEFT JOIN LATERAL (
        SELECT x.version, x.body FROM tariff_version x
        WHERE x.operator_id = r.operator_id AND x.tariff_id = o.tariff_id ORDER BY x.version DESC LIMIT 1
    ) v ON true
    LEFT JOIN LATERAL (
        SELECT x.customer_id FROM customer x
        WHERE x.operator_id = r.operator_id AND x.customer_id = r.customer_id AND x.blocked_at IS NULL OFFSET 0
    ) c ON true
    LEFT JOIN LATERAL (
        SELECT x.session_id FROM session x
        WHERE x.operator_id || '' = r.operator_id AND x.request_key = r.request_key OFFSET 0
    ) e ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(x.kind) AS faults FROM alarm x
        WHERE x.operator_id = r.operator_id AND x.terminal_id = r.terminal_id AND x.cleared_at IS NULL
          AND COALESCE(x.outlet, r.outlet) = r.outlet AND x.kind = ANY($6::text[])
    ) al ON true
    ORDER BY r.number
"""
_EARLIER = f"""
    SELECT {rows.SESSION_COLUMNS} FROM unnest($1::text[], $2::text[]) AS k(operator_id, session_id)
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.operator_id = k.operator_id AND x.session_id = k.session_id OFFSET 0) s
"""


async def load_views(
    connection: Connection, requests: Sequence[StartRequest]
) -> tuple[list[StartView], list[Purse]]:
    """The view of each request, in order, and the purses from which holds may be taken."""
    found = await connection.fetch(
        _VIEWS,
        [request.operator for request in requests],
        [request.customer for request in requests],
        [request.terminal for request in requests],
        [request.outlet for request in requests],
        [request.key for request in requests],
        _SHUTTING_FAULTS,
    )
    again = [
        (request.operator, row["earlier"])
        for request, row in zip(requests, found, strict=True)
        if row["earlier"]
    ]
    earlier = {}
    if again:
        repeated = await connection.fetch(_EARLIER, [key[0] for key in again], [key[1] for key in again])
        earlier = {session.id: session for session in map(rows.session_of, repeated)}
    views, purses = [], []
    for request, row in zip(requests, found, strict=True):
        views.append(
            StartView(
                outlet_found=row["appliance_id"] is not None,
                appliance=ApplianceId(row["appliance_id"] or ""),
                closed=bool(row["closed"]),
                faults=tuple(row["faults"] or ()),
                timezone=row["timezone"] or "UTC",
                tariff=row["tariff_id"] if row["body"] is not None else None,
                tariff_version=row["version"] or 0,
                tariff_body=row["body"] or "",
                meter_spec=row["meter_spec"] or "{}",
                customer_found=bool(row["customer_found"]),
                earlier=earlier.get(row["earlier"]),
            )
        )
        if row["body"] is not None and row["customer_found"]:
            purses.append(Purse(request.operator, request.customer, _currency(row["body"])))
    return views, list(dict.fromkeys(purses))


@lru_cache(maxsize=1024)
def _currency(body: str) -> str:
    return tariffs.parse_tariff(body).currency
