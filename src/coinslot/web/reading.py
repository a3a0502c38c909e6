"""What is read for display and never to decide: sessions, their reviews, balances."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.ledger import accounts
from coinslot.ledger.events import session_points_key
from coinslot.ledger.store import balance
from coinslot.rows import many, one
from coinslot.sessions.model import Session
from coinslot.sessions.states import LIVE, State
from coinslot.settlement import rows
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, SiteId, TerminalId, is_id

if TYPE_CHECKING:
    Reader: TypeAlias = "asyncpg.Pool[asyncpg.Record] | asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

_SESSION = f"SELECT {rows.SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND s.session_id = $2"

# Ids begin with the time of their making, so their order is the sessions' and a page needs no other cursor.
_SESSIONS = f"""
    SELECT {rows.SESSION_COLUMNS} FROM session s
    WHERE s.operator_id = $1 AND ($2::text IS NULL OR s.session_id < $2) AND s.flush_by IS NULL
"""
_PAGE = " ORDER BY s.session_id DESC LIMIT $3"

_LIVE = ", ".join(f"'{state.value}'" for state in sorted(LIVE))
_BALANCE = f"""
    SELECT c.customer_id, o.currency,
           COALESCE(sum(b.amount_minor) FILTER (WHERE b.account = $3), 0)::bigint AS principal_minor,
           COALESCE(sum(b.amount_minor) FILTER (WHERE b.account = $4), 0)::bigint AS bonus_minor,
           COALESCE(sum(b.amount_minor) FILTER (WHERE b.account = $5), 0)::bigint AS arrears_minor,
           (SELECT COALESCE(sum(s.hold_principal_minor + s.hold_bonus_minor), 0)::bigint FROM session s
            WHERE s.operator_id = $1 AND s.customer_id = $2 AND s.currency = o.currency
              AND s.state IN ({_LIVE})) AS held_minor
    FROM customer c JOIN operator o USING (operator_id)
    LEFT JOIN ledger_balance b ON b.operator_id = c.operator_id AND b.currency = o.currency
                              AND b.account IN ($3, $4, $5)
    WHERE c.operator_id = $1 AND c.customer_id = $2
    GROUP BY c.customer_id, o.currency
"""


class Balance(Struct, frozen=True, kw_only=True):
    """A customer's wallet, minor units of `currency`. What is held is in neither principal nor bonus."""

    customer_id: CustomerId
    currency: str
    principal_minor: int
    bonus_minor: int
    held_minor: int
    arrears_minor: int


class ReviewNote(Struct, frozen=True, kw_only=True):
    """Why somebody should look, or has looked, at a session."""

    reason: str
    detail: str
    opened_at: datetime
    closed_at: datetime | None


async def find_session(reader: Reader, operator: OperatorId, session: str) -> Session | None:
    """One of the operator's sessions; None for any other text whatever."""
    if not is_id(session):
        return None
    row = await reader.fetchrow(_SESSION, operator, session)
    return None if row is None else rows.session_of(row)


async def find_sold(reader: Reader, operator: OperatorId, session: str) -> Session | None:
    """The same of what was sold: None for a technician's flush, which is nobody's bill."""
    found = await find_session(reader, operator, session)
    return None if found is None or found.flush_by is not None else found


async def list_sessions(
    reader: Reader,
    operator: OperatorId,
    *,
    customer: CustomerId | None = None,
    state: State | None = None,
    before: SessionId | None = None,
    limit: int = 50,
) -> list[Session]:
    """What was sold at the operator's, the newest first, at most `limit` of those made before `before`.

    A technician's flush is none of them.
    """
    sql = _SESSIONS
    values: list[str | int | None] = [operator, before, limit]
    if customer is not None:
        sql += " AND s.customer_id = $4"
        values.append(customer)
    if state is not None:
        # Spelt out, not a parameter: only so can the planner use the index of live sessions.
        sql += f" AND s.state = '{state.value}'"
    return [rows.session_of(row) for row in await reader.fetch(sql + _PAGE, *values)]


async def find_balance(reader: Reader, operator: OperatorId, customer: str) -> Balance | None:
    """A customer's wallet; None when the operator has no such customer."""
    if not is_id(customer):
        return None
    row = await reader.fetchrow(
        _BALANCE,
        operator,
        customer,
        accounts.customer_principal(customer),
        accounts.customer_bonus(customer),
        accounts.customer_arrears(customer),
    )
    return None if row is None else one(row, Balance)


async def list_reviews(reader: Reader, operator: OperatorId, session: SessionId) -> list[ReviewNote]:
    """What was noted for review about a session, the oldest first."""
    found = await reader.fetch(
        "SELECT reason, detail, opened_at, closed_at FROM review"
        " WHERE operator_id = $1 AND session_id = $2 ORDER BY review_id",
        operator,
        session,
    )
    return many(found, ReviewNote)


async def terminals_of_appliance(
    reader: Reader, operator: OperatorId, code: str, outlet: int
) -> list[TerminalId]:
    """The terminals that drive this outlet of the appliance with this public code: none, one, seldom two."""
    found = await reader.fetch(
        "SELECT o.terminal_id FROM appliance a JOIN outlet o USING (operator_id, appliance_id)"
        " WHERE a.operator_id = $1 AND a.code = $2 AND o.outlet = $3 LIMIT 2",
        operator,
        code,
        outlet,
    )
    return [TerminalId(row[0]) for row in found]


class Place(Struct, frozen=True):
    """Where an appliance stands."""

    appliance: ApplianceId
    site: SiteId
    room: str


async def place_of_code(reader: Reader, operator: OperatorId, code: str) -> Place | None:
    """Of the operator's appliance with this public code."""
    found = await reader.fetchrow(
        "SELECT appliance_id AS appliance, site_id AS site, room FROM appliance"
        " WHERE code = $2 AND operator_id || '' = $1",
        operator,
        code,
    )
    return None if found is None else one(found, Place)


async def points_of_session(reader: Reader, operator: OperatorId, session: str) -> int | None:
    """Points that a session has earned its customer; None where there are none, or not yet."""
    if not is_id(session):
        return None
    points: int | None = await reader.fetchval(
        "SELECT -p.amount_minor FROM ledger_entry e JOIN ledger_posting p USING (operator_id, entry_id)"
        " WHERE e.operator_id = $1 AND e.key = $2 AND p.currency = $3 AND p.account <> $4",
        operator,
        session_points_key(session),
        accounts.POINTS,
        accounts.operator_points_issued(),
    )
    return points


async def points_balance(reader: Reader, operator: OperatorId, customer: str) -> int:
    """Points that a customer has; 0 for whoever never had any."""
    if not is_id(customer):
        return 0
    return await balance(reader, operator, accounts.customer_points(customer), accounts.POINTS)
