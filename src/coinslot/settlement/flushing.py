"""A technician lets water run: for hygiene, after a repair, to calibrate. A session like any other, that nobody pays.

What is asked for, by whom and why, is stored first; then the start goes through the same door as a customer's. A wish
alone has no effect: the same key again finds it, and the session that followed, if one did.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError, plain_text
from coinslot.people.rules import Role
from coinslot.rows import many
from coinslot.settlement.requests import Flush, StartAnswer, StartRequest
from coinslot.settlement.starter import Starter
from coinslot.wire.ids import ApplianceId, OperatorId, StaffId, TerminalId, new_id

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

MOST_ML: Final = 100_000
MOST_S: Final = 300
LEAST_ML: Final = 100
LEAST_S: Final = 5
MOST_WORDS: Final = 200
_MOST_OUTLET: Final = 255
MAY_FLUSH: Final = frozenset({Role.OWNER, Role.MANAGER, Role.TECHNICIAN})

_STAFF = "SELECT role, disabled_at FROM staff WHERE operator_id = $1 AND staff_id = $2"
_OUTLET = """
    SELECT o.terminal_id FROM outlet o JOIN terminal t USING (operator_id, terminal_id)
    WHERE o.operator_id = $1 AND o.appliance_id = $2 AND o.outlet = $3 AND t.revoked_at IS NULL
      AND ($4::text IS NULL OR o.terminal_id = $4) ORDER BY o.terminal_id LIMIT 2
"""
_ADD = """
    INSERT INTO flush (operator_id, flush_id, request_key, appliance_id, terminal_id, outlet, staff_id, reason, words,
        limit_ml, limit_s)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (request_key, operator_id) DO NOTHING RETURNING true
"""
_BY_KEY = """
    SELECT flush_id, terminal_id, limit_ml, limit_s,
        (appliance_id, outlet, staff_id, reason, words, limit_ml, limit_s::bigint) = ($3, $4, $5, $6, $7, $8, $9) AS same
    FROM flush WHERE operator_id = $1 AND request_key = $2
"""
_LIST = """
    SELECT f.flush_id, f.appliance_id, a.name AS appliance, f.outlet, f.staff_id, coalesce(p.name, '') AS name, f.reason,
        f.words, f.limit_ml, f.limit_s, f.made_at, s.session_id, s.state, s.stop_reason, s.settled_at,
        coalesce(s.registers::jsonb->>'ml', '0')::bigint AS ml, coalesce(s.registers::jsonb->>'s', '0')::bigint AS s
    FROM flush f
    JOIN appliance a ON a.operator_id = f.operator_id AND a.appliance_id = f.appliance_id
    LEFT JOIN staff p ON p.operator_id = f.operator_id AND p.staff_id = f.staff_id
    LEFT JOIN LATERAL (SELECT * FROM session x
        WHERE x.request_key = 'flush:' || f.flush_id AND x.operator_id || '' = f.operator_id OFFSET 0) s ON true
    WHERE f.operator_id = $1 AND ($2::text IS NULL OR f.appliance_id = $2) ORDER BY f.made_at DESC LIMIT $3
"""


class FlushReason(StrEnum):
    """Why water is let run."""

    HYGIENE = "hygiene"
    """Nobody used it for days: what stands in the pipe goes."""
    REPAIR = "repair"
    """To see whether it works again."""
    CALIBRATION = "calibration"
    """To hold its meter against a measure."""
    CLEANING = "cleaning"
    OTHER = "other"


class FlushNotAllowed(FieldError):
    """This member of staff lets no water run."""

    def __init__(self) -> None:
        super().__init__(
            "by", "owners, managers and technicians let water run; this login is none, or is disabled"
        )


class FlushWish(Struct, frozen=True, kw_only=True):
    """What a technician asks for. The same `key` twice is the same flush."""

    operator: OperatorId
    currency: str
    appliance: ApplianceId
    outlet: int
    terminal: TerminalId | None = None
    """Needed only where two terminals of the appliance have the same outlet number."""
    reason: FlushReason
    words: str = ""
    limit_ml: int
    limit_s: int
    key: str


class FlushLine(Struct, frozen=True, kw_only=True):
    """One flush with what became of it."""

    flush_id: str
    appliance_id: ApplianceId
    appliance: str
    outlet: int
    staff_id: StaffId
    name: str
    reason: FlushReason
    words: str
    limit_ml: int
    limit_s: int
    made_at: datetime
    session_id: str | None
    """None: it did not start."""
    state: str | None
    stop_reason: str | None
    settled_at: datetime | None
    ml: int
    s: int


async def flush(access: Pool | Connection, starter: Starter, wish: FlushWish, by: StaffId) -> StartAnswer:
    """Start it, or why not. FieldError, MissingError, FlushNotAllowed: nothing was stored then.

    What `starter.start` raises: the wish stands, and the same key may be asked again.
    """
    words = _check(wish)
    if isinstance(access, asyncpg.Pool):
        async with access.acquire() as connection:
            flush_id, terminal, limits = await _keep(connection, wish, words, by)
    else:
        flush_id, terminal, limits = await _keep(access, wish, words, by)
    return await starter.start(
        StartRequest(
            operator=wish.operator,
            customer=None,
            terminal=terminal,
            outlet=wish.outlet,
            key=f"flush:{flush_id}",
            flush=Flush(by=by, currency=wish.currency, limit_ml=limits[0], limit_s=limits[1]),
        )
    )


async def list_flushes(
    connection: Connection, operator: OperatorId, appliance: ApplianceId | None = None, *, limit: int = 50
) -> list[FlushLine]:
    """The operator's, or one appliance's, the newest first."""
    return many(await connection.fetch(_LIST, operator, appliance, limit), FlushLine)


def _check(wish: FlushWish) -> str:
    if not LEAST_ML <= wish.limit_ml <= MOST_ML:
        raise FieldError("litres", f"must be {LEAST_ML / 1000:g} to {MOST_ML // 1000}")
    if not LEAST_S <= wish.limit_s <= MOST_S:
        raise FieldError("seconds", f"must be {LEAST_S} to {MOST_S}")
    if not 8 <= len(wish.key) <= 64 or not wish.key.isascii() or not wish.key.isprintable():
        raise FieldError("key", "must be 8 to 64 plain characters")
    words = plain_text(wish.words)
    if len(words) > MOST_WORDS:
        raise FieldError("words", f"may be at most {MOST_WORDS} characters, this is {len(words)}")
    if wish.reason is FlushReason.OTHER and not words:
        raise FieldError("words", "say why, where none of the reasons fits")
    return words


async def _keep(
    connection: Connection, wish: FlushWish, words: str, by: StaffId
) -> tuple[str, TerminalId, tuple[int, int]]:
    """The stored wish: its id, its terminal, its limits."""
    async with connection.transaction():
        person = await connection.fetchrow(_STAFF, wish.operator, by)
        if person is None or person["disabled_at"] is not None or Role(person["role"]) not in MAY_FLUSH:
            raise FlushNotAllowed
        asked = (wish.reason.value, words, wish.limit_ml, wish.limit_s)
        terminal = await _terminal(connection, wish)
        flush_id = new_id("flu")
        fresh = await connection.fetchval(
            _ADD, wish.operator, flush_id, wish.key, wish.appliance, terminal, wish.outlet, by, *asked
        )
        if fresh is None:
            row = await connection.fetchrow(
                _BY_KEY, wish.operator, wish.key, wish.appliance, wish.outlet, by, *asked
            )
            assert row is not None  # the conflict says so
            if not row["same"]:
                raise FieldError("key", "was used for another flush; load the page again")
            return row["flush_id"], TerminalId(row["terminal_id"]), (row["limit_ml"], row["limit_s"])
        detail = f"{wish.reason.value} outlet={wish.outlet} ml={wish.limit_ml} s={wish.limit_s} {flush_id}"
        await write_audit(
            connection,
            wish.operator,
            by=by,
            action="appliance.flush",
            target=wish.appliance,
            detail=f"{detail} {words}".strip(),
        )
    return flush_id, terminal, (wish.limit_ml, wish.limit_s)


async def _terminal(connection: Connection, wish: FlushWish) -> TerminalId:
    if not 0 <= wish.outlet <= _MOST_OUTLET:
        raise MissingError("outlet", str(wish.outlet))
    rows = await connection.fetch(_OUTLET, wish.operator, wish.appliance, wish.outlet, wish.terminal)
    if not rows:
        raise MissingError("outlet", str(wish.outlet))
    if len(rows) > 1:
        raise FieldError("outlet", "two terminals of the appliance have it; choose one of them")
    return TerminalId(rows[0]["terminal_id"])
