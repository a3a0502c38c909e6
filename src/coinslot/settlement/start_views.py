"""What authorizing a start has to know of its outlet, tariff and customer, for many starts at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from coinslot import tariffs
from coinslot.fleet.operator_rules import RealNameRule
from coinslot.fleet.quotas import Quotas
from coinslot.sessions.model import Session
from coinslot.settlement import rows
from coinslot.settlement.changes import Batch, Purse
from coinslot.settlement.quotas import Key
from coinslot.settlement.quotas import known as known_quotas
from coinslot.settlement.requests import StartRequest, StartView
from coinslot.sharing import Agreements
from coinslot.sharing.loading import Known
from coinslot.wire.ids import ApplianceId, OperatorId, SessionId, SiteId
from coinslot.wire.records import FaultCode

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

SHUTTING_FAULTS = [code.value for code in FaultCode if code is not FaultCode.SENSOR]
"""A broken thermometer stops nobody; all else keeps an outlet from being sold."""

# Each join is pinned to a keyed look-up a request (see settlement/store.py): left free, the planner looked up
# every appliance of the fleet for each batch (9.9 of 11.2 ms at 512). `|| ''` keeps it to the one index that finds a single row.
#
# The terminals are locked in the same statement, in the order of their keys like everywhere: a round trip less on
# the way from a finger to the valve. What is read beside the lock may be older than it; a session or key that came
# in between is refused by a unique index, and the start is tried again by itself.
_VIEWS = f"""
    WITH t AS MATERIALIZED (
        SELECT {rows.TERMINAL_COLUMNS}, clock_timestamp() AS now FROM terminal_link t
        WHERE t.terminal_id = ANY($3::text[]) ORDER BY t.operator_id, t.terminal_id FOR UPDATE
    )
    SELECT {rows.TERMINAL_COLUMNS}, t.now, l.busy,
           o.appliance_id, o.closed, o.tariff_id, v.version, v.body, o.meter_spec, o.timezone,
           c.customer_id IS NOT NULL AS customer_found, c.asks_name AND n.known IS NULL AS name_missing,
           al.faults, e.session_id AS earlier,
           o.site_id, o.kind, o.pause_s, o.hours, o.site_hours, o.quotas_at, c.agreements_at, c.language
    FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[])
         WITH ORDINALITY AS r(operator_id, customer_id, terminal_id, outlet, request_key, number)
    LEFT JOIN t ON t.terminal_id = r.terminal_id
    LEFT JOIN LATERAL (
        SELECT true AS busy FROM session x
        WHERE x.terminal_id = r.terminal_id AND x.outlet = r.outlet AND x.live
          AND x.state <> 'promised' LIMIT 1
    ) l ON true
    LEFT JOIN LATERAL (
        SELECT x.appliance_id, a.closed, x.tariff_id, x.meter_spec, si.timezone, a.site_id, a.kind,
               CASE WHEN a.keypad THEN w.pause_s ELSE 0 END AS pause_s,
               a.hours, si.hours AS site_hours, w.quotas_at
        FROM outlet x
        JOIN operator w ON w.operator_id = x.operator_id
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
        SELECT x.customer_id, w.real_name <> '{RealNameRule.NOT_ASKED.value}' AS asks_name, w.agreements_at,
               x.language
        FROM customer x JOIN operator w ON w.operator_id = x.operator_id
        WHERE x.operator_id = r.operator_id AND x.customer_id = r.customer_id AND x.blocked_at IS NULL OFFSET 0
    ) c ON true
    LEFT JOIN LATERAL (
        SELECT true AS known FROM real_name x
        WHERE c.asks_name AND x.operator_id = r.operator_id AND x.customer_id = r.customer_id
          AND x.state <> 'rejected' AND x.state = 'approved' OFFSET 0
    ) n ON true
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
_known = Known()


class Loaded(NamedTuple):
    """What many requests have to know."""

    batch: Batch
    """With the locked terminals."""
    views: list[StartView]
    """One for each request, in order."""
    purses: list[Purse]
    """What holds may be taken from."""
    quotas: dict[Key, Quotas]
    """Of customers whose use is limited; empty where no operator limits any."""


async def load_views(connection: Connection, requests: Sequence[StartRequest]) -> Loaded:
    """Everything but balances, and what has been used of quotas."""
    arguments = [
        [request.operator for request in requests],
        [request.customer for request in requests],
        [request.terminal for request in requests],
        [request.outlet for request in requests],
        [request.key for request in requests],
        SHUTTING_FAULTS,
    ]
    found = await connection.fetch(_VIEWS, *arguments)
    if any(row["terminal_id"] is None and row["appliance_id"] is not None for row in found):
        await connection.execute(rows.FIRST_SIGHT, [request.terminal for request in requests])
        found = await connection.fetch(_VIEWS, *arguments)
    earlier = await _earlier(connection, requests, found)
    agreements = await _agreements(connection, requests, found)
    moments = [row["now"] for row in found if row["now"] is not None]
    batch = Batch(now=max(moments) if moments else await connection.fetchval("SELECT clock_timestamp()"))
    views, purses = [], []
    for request, row in zip(requests, found, strict=True):
        if row["terminal_id"] is not None:
            terminal = rows.terminal_of(row)
            batch.terminals[terminal.id] = terminal
        views.append(_view(row, earlier, agreements.get(request.operator)))
        if row["body"] is not None and row["customer_found"] and request.customer is not None:
            purses.append(Purse(request.operator, request.customer, _currency(row["body"])))
    quotas = await _quotas(connection, requests, found)
    return Loaded(batch, views, list(dict.fromkeys(purses)), quotas)


async def _earlier(
    connection: Connection, requests: Sequence[StartRequest], found: Sequence[asyncpg.Record]
) -> dict[SessionId, Session]:
    """The sessions that these requests' keys made before."""
    pairs = zip(requests, found, strict=True)
    again = [(request.operator, row["earlier"]) for request, row in pairs if row["earlier"]]
    if not again:
        return {}
    repeated = await connection.fetch(_EARLIER, [key[0] for key in again], [key[1] for key in again])
    return {session.id: session for session in map(rows.session_of, repeated)}


async def _agreements(
    connection: Connection, requests: Sequence[StartRequest], found: Sequence[asyncpg.Record]
) -> Mapping[OperatorId, Agreements]:
    """Those of operators that have any: no question to the database but after a change."""
    changed = {
        request.operator: row["agreements_at"]
        for request, row in zip(requests, found, strict=True)
        if row["agreements_at"] is not None
    }
    return await _known.of(connection, changed) if changed else {}


async def _quotas(
    connection: Connection, requests: Sequence[StartRequest], found: Sequence[asyncpg.Record]
) -> dict[Key, Quotas]:
    """Whose uses are to be counted: likewise no question where no operator has quotas."""
    changed = {
        request.operator: row["quotas_at"]
        for request, row in zip(requests, found, strict=True)
        if row["quotas_at"] is not None
    }
    if not changed:
        return {}
    rules = await known_quotas.of(connection, changed)
    return {
        (request.operator, request.customer): rules[request.operator]
        for request, row in zip(requests, found, strict=True)
        if request.customer is not None
        and row["customer_found"]
        and row["earlier"] is None
        and row["quotas_at"] is not None
        and any(rule.counts(row["site_id"], row["kind"]) for rule in rules[request.operator].rules)
    }


def _view(
    row: asyncpg.Record, earlier: Mapping[SessionId, Session], agreements: Agreements | None
) -> StartView:
    return StartView(
        outlet_found=row["appliance_id"] is not None,
        appliance=ApplianceId(row["appliance_id"] or ""),
        site=SiteId(row["site_id"] or ""),
        kind=row["kind"] or "",
        agreements=agreements,
        closed=bool(row["closed"]),
        hours=row["hours"] or "",
        site_hours=row["site_hours"] or "",
        faults=tuple(row["faults"] or ()),
        timezone=row["timezone"] or "UTC",
        tariff=row["tariff_id"] if row["body"] is not None else None,
        tariff_version=row["version"] or 0,
        tariff_body=row["body"] or "",
        meter_spec=row["meter_spec"] or "{}",
        busy=bool(row["busy"]),
        customer_found=bool(row["customer_found"]),
        name_missing=bool(row["name_missing"]),
        earlier=earlier.get(row["earlier"]),
        language=row["language"],
        pause_s=row["pause_s"] or 0,
    )


@lru_cache(maxsize=1024)
def _currency(body: str) -> str:
    return tariffs.parse_tariff(body).currency
