"""What follows a session's end, once: points for what was captured, and the message that tells its customer.

A message goes to whoever was charged, or owes for use after a release. Nothing is sent where nothing was charged:
a start that failed, or a use that cost nothing, was seen on the session's page, and the whole hold is back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.ledger import events
from coinslot.ledger import store as ledger
from coinslot.money import exponent
from coinslot.rows import many
from coinslot.settlement.changes import ReviewReason
from coinslot.settlement.messages import BILL, queue
from coinslot.settlement.points import Purpose, point
from coinslot.settlement.ports import UNDECIDABLE
from coinslot.wire.ids import CustomerId, OperatorId, SessionId

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# The terminal is locked, as before every change of a session: settlement changes rows at the place where it found
# them, and would lose its change of one that moves meanwhile. A terminal that is busy is left to the next round, and
# those behind it in the queue are taken in its place. Pinned to look-ups, see settlement/store.py: left to itself the
# planner read and sorted all sessions there are.
_LOCK = """
    SELECT s.operator_id, s.session_id
    FROM (SELECT operator_id, terminal_id, session_id FROM session
          WHERE settled_at IS NOT NULL AND told_at IS DISTINCT FROM settled_at
          ORDER BY settled_at LIMIT 1000) s
    CROSS JOIN LATERAL (SELECT FROM terminal_link x
        WHERE x.operator_id = s.operator_id AND x.terminal_id = s.terminal_id
        FOR NO KEY UPDATE SKIP LOCKED) t
    LIMIT $1
"""
# Read only now: what was read while the lock was awaited may be older than the lock.
_ENDED = """
    SELECT s.operator_id, s.session_id, s.customer_id, s.currency, s.captured_minor, s.arrears_minor,
           o.points_per_major
    FROM unnest($1::text[], $2::text[]) AS k(operator_id, session_id)
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.operator_id = k.operator_id AND x.session_id = k.session_id
          AND x.settled_at IS NOT NULL AND x.told_at IS DISTINCT FROM x.settled_at OFFSET 0) s
    CROSS JOIN LATERAL (SELECT points_per_major FROM operator x WHERE x.operator_id = k.operator_id OFFSET 0) o
    ORDER BY s.settled_at, s.operator_id, s.session_id
"""
_TOLD = """
    UPDATE session s SET told_at = s.settled_at
    FROM (SELECT x.place FROM unnest($1::text[], $2::text[]) AS k(operator_id, session_id)
          CROSS JOIN LATERAL (SELECT o.ctid AS place FROM session o
              WHERE o.operator_id = k.operator_id AND o.session_id = k.session_id OFFSET 0) x OFFSET 0) u
    WHERE s.ctid = u.place
"""
_SET_ASIDE = "INSERT INTO review (operator_id, reason, session_id, detail) VALUES ($1, $2, $3, $4)"


class Ended(Struct, frozen=True, kw_only=True):
    """A session whose end nobody was told of. Amounts are minor units."""

    operator_id: OperatorId
    session_id: SessionId
    customer_id: CustomerId | None
    """None for a guest: nobody earns points, and the appliance itself has told what there was to tell."""
    currency: str
    captured_minor: int | None
    arrears_minor: int
    points_per_major: int


def points_earned(captured_minor: int, currency: str, per_major: int) -> int:
    """`per_major` points for each major unit captured, parts of a point left out. MoneyError on an unknown code."""
    minor_in_major: int = 10 ** exponent(currency)
    return captured_minor * per_major // minor_in_major


async def tell_ended(connection: Connection, limit: int = 100) -> int:
    """Do what follows for at most `limit` sessions, the oldest end first; how many there were.

    One transaction of its own, so call it outside of any: points, message and the note of it are one. What cannot
    be done for one session is set aside for a person and holds up no other.
    """
    async with connection.transaction():
        ended = await _lock(connection, limit)
        groups = [ended] if ended else []
        while groups:
            group = groups.pop()
            try:
                async with connection.transaction():
                    await _follow(connection, group)
            except UNDECIDABLE as error:
                if len(group) > 1:
                    groups += [[one] for one in group]
                else:
                    await _set_aside(connection, group[0], error)
        point(f"commit.{Purpose.TELL.value}.before")
    point(f"commit.{Purpose.TELL.value}.after")
    return len(ended)


async def _lock(connection: Connection, limit: int) -> list[Ended]:
    found = await connection.fetch(_LOCK, limit)
    if not found:
        return []
    return many(await connection.fetch(_ENDED, [row[0] for row in found], [row[1] for row in found]), Ended)


async def _follow(connection: Connection, group: Sequence[Ended]) -> None:
    entries = [
        events.session_points(each.operator_id, each.session_id, each.customer_id, granted=granted)
        for each in group
        if each.customer_id is not None
        and (granted := points_earned(each.captured_minor or 0, each.currency, each.points_per_major))
    ]
    await ledger.post(connection, entries)
    charged = [
        (each.operator_id, each.customer_id, each.session_id)
        for each in group
        if each.customer_id is not None and (each.captured_minor or each.arrears_minor)
    ]
    if charged:
        await queue(connection, BILL, charged)
    await _note(connection, group)


async def _set_aside(connection: Connection, each: Ended, error: Exception) -> None:
    detail = f"{type(error).__name__}: {error}"[:500]
    await connection.execute(
        _SET_ASIDE, each.operator_id, ReviewReason.NOT_TOLD.value, each.session_id, detail
    )
    await _note(connection, [each])


async def _note(connection: Connection, group: Sequence[Ended]) -> None:
    await connection.execute(_TOLD, [each.operator_id for each in group], [each.session_id for each in group])
