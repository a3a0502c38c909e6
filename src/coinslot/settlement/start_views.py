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

_VIEWS = """
    SELECT o.appliance_id, a.closed, o.tariff_id, v.version, v.body, o.meter_spec, si.timezone,
           c.customer_id IS NOT NULL AND c.blocked_at IS NULL AS customer_found,
           (SELECT array_agg(al.kind) FROM alarm al
            WHERE al.operator_id = r.operator_id AND al.terminal_id = r.terminal_id AND al.cleared_at IS NULL
              AND COALESCE(al.outlet, r.outlet) = r.outlet AND al.kind = ANY($6::text[])) AS faults,
           e.session_id AS earlier
    FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[])
         WITH ORDINALITY AS r(operator_id, customer_id, terminal_id, outlet, request_key, number)
    LEFT JOIN outlet o ON o.operator_id = r.operator_id AND o.terminal_id = r.terminal_id AND o.outlet = r.outlet
        AND EXISTS (SELECT FROM terminal t WHERE t.operator_id = o.operator_id AND t.terminal_id = o.terminal_id
                    AND t.revoked_at IS NULL)
    LEFT JOIN appliance a ON a.operator_id = o.operator_id AND a.appliance_id = o.appliance_id
    LEFT JOIN site si ON si.operator_id = a.operator_id AND si.site_id = a.site_id
    LEFT JOIN customer c ON c.operator_id = r.operator_id AND c.customer_id = r.customer_id
    LEFT JOIN session e ON e.operator_id = r.operator_id AND e.request_key = r.request_key
    LEFT JOIN LATERAL (
        SELECT tv.version, tv.body FROM tariff_version tv
        WHERE tv.operator_id = o.operator_id AND tv.tariff_id = o.tariff_id ORDER BY tv.version DESC LIMIT 1
    ) v ON true
    ORDER BY r.number
"""
_EARLIER = f"""
    SELECT {rows.SESSION_COLUMNS} FROM unnest($1::text[], $2::text[]) AS k(operator_id, session_id)
    JOIN session s USING (operator_id, session_id)
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
