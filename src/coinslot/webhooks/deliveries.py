"""Deliveries on their way: taken when due, marked with the outcome, looked at, sent again by hand.

Whoever takes one puts off its next try at once and writes the try down: that is the lease. A sender that dies
leaves a try without an outcome, and another one tries again: a receiver may get a message twice, with one id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError
from coinslot.rows import many, one
from coinslot.webhooks.model import Attempt, Delivery, DeliveryState, Endpoint, EventKind
from coinslot.webhooks.schedule import LEASE, Verdict, verdict
from coinslot.wire.ids import OperatorId, new_id

if TYPE_CHECKING:
    Access: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record] | asyncpg.Pool[asyncpg.Record]"

KEEP: Final = timedelta(days=30)
"""What has ended is forgotten then: the books have it all."""
ANSWER_KEPT: Final = 1024
_ENDPOINT: Final = ", ".join(
    f"e.{name}"
    for name in (
        *("operator_id", "endpoint_id", "name", "url", "site_id", "kinds", "generation", "rotated_at"),
        *("off_since", "off_why", "created_at"),
    )
)
# Of each endpoint that is not busy here the longest due, so that none waits for another.
_TAKE: Final = f"""
    WITH due AS MATERIALIZED (
        SELECT d.place FROM webhook_endpoint e CROSS JOIN LATERAL (
            SELECT x.ctid AS place FROM webhook_delivery x
            WHERE x.endpoint_id = e.endpoint_id AND x.operator_id = e.operator_id AND x.state = 'waiting'
              AND x.next_at <= now()
            ORDER BY x.next_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED) d
        WHERE e.removed_at IS NULL AND e.off_since IS NULL AND e.endpoint_id <> ALL ($1::text[])
        LIMIT $2
    ), taken AS (
        UPDATE webhook_delivery d SET tries = d.tries + 1, round_tries = d.round_tries + 1, next_at = now() + $4
        FROM due WHERE d.ctid = due.place
        RETURNING d.operator_id, d.endpoint_id, d.event_id, d.tries, d.round_tries, d.round_at
    ), noted AS (
        INSERT INTO webhook_attempt (operator_id, endpoint_id, event_id, attempt)
        SELECT operator_id, endpoint_id, event_id, tries FROM taken
    )
    SELECT t.event_id, t.tries, t.round_tries, t.round_at, {_ENDPOINT}
    FROM taken t JOIN webhook_endpoint e USING (operator_id, endpoint_id)
"""
_OUTCOME: Final = """
    UPDATE webhook_attempt SET took_ms = $5, status = $6, error = $7, answer = $8
    WHERE operator_id = $1 AND endpoint_id = $2 AND event_id = $3 AND attempt = $4
"""
# Delivered is delivered, whoever notices; another outcome counts only while nobody has taken it since.
_DELIVERED: Final = """
    UPDATE webhook_delivery SET state = 'delivered', next_at = NULL, ended_at = now(), status = $4, error = ''
    WHERE operator_id = $1 AND endpoint_id = $2 AND event_id = $3
"""
_NOT_DELIVERED: Final = """
    UPDATE webhook_delivery SET status = $5, error = $6,
        state = CASE WHEN $7::interval IS NULL THEN 'dead' ELSE 'waiting' END,
        next_at = now() + $7::interval, ended_at = CASE WHEN $7::interval IS NULL THEN now() END
    WHERE operator_id = $1 AND endpoint_id = $2 AND event_id = $3 AND tries = $4 AND state = 'waiting'
"""
_AGAIN: Final = """
    UPDATE webhook_delivery d SET state = 'waiting', next_at = now(), ended_at = NULL, round_at = now(), round_tries = 0
    FROM webhook_endpoint e
    WHERE d.operator_id = $1 AND d.endpoint_id = $2 AND e.operator_id = d.operator_id
      AND e.endpoint_id = d.endpoint_id AND e.removed_at IS NULL AND e.off_since IS NULL
"""
_COLUMNS: Final = (
    "d.operator_id, d.endpoint_id, d.event_id, v.kind, v.about, d.state, d.tries, d.next_at, d.status, d.error,"
    " d.made_at, d.ended_at"
)
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM webhook_delivery d JOIN webhook_event v USING (operator_id, event_id)
    WHERE d.operator_id = $1 AND ($2::text IS NULL OR d.endpoint_id = $2) AND ($3::text IS NULL OR d.state = $3)
    ORDER BY d.made_at DESC, d.event_id LIMIT $4
"""


class Taken(Struct, frozen=True, kw_only=True):
    """A delivery taken for one try."""

    event_id: str
    endpoint: Endpoint
    tries: int
    """This one included, of all rounds."""
    round_tries: int
    round_at: datetime
    """When this round of tries began."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a try."""

    status: int | None
    """None: no answer."""
    error: str
    """Why it does not count, for people; empty when it does."""
    answer: str
    took_ms: int

    @property
    def verdict(self) -> Verdict:
        """What it means."""
        return verdict(self.status)


async def take(access: Access, busy: Sequence[str], most: int, most_each: int) -> list[Taken]:
    """Deliveries that are due, at most `most_each` of an endpoint, none of the `busy` ones; each is leased for a minute."""
    rows = await access.fetch(_TAKE, list(busy), most, most_each, LEASE)
    return [
        Taken(
            event_id=row["event_id"],
            tries=row["tries"],
            round_tries=row["round_tries"],
            round_at=row["round_at"],
            endpoint=one(row, Endpoint),
        )
        for row in rows
    ]


async def mark(connection: Connection, taken: Taken, outcome: Outcome, again: timedelta | None) -> None:
    """Write the outcome down. `again`: when to try once more where it does not count; None: never."""
    key = (taken.endpoint.operator_id, taken.endpoint.endpoint_id, taken.event_id)
    async with connection.transaction():
        answer = outcome.answer[:ANSWER_KEPT]
        await connection.execute(
            _OUTCOME, *key, taken.tries, outcome.took_ms, outcome.status, outcome.error[:300], answer
        )
        if outcome.verdict is Verdict.DELIVERED:
            await connection.execute(_DELIVERED, *key, outcome.status)
        else:
            await connection.execute(
                _NOT_DELIVERED, *key, taken.tries, outcome.status, outcome.error[:300], again
            )


async def list_deliveries(
    access: Access,
    operator_id: OperatorId,
    *,
    endpoint_id: str | None = None,
    state: DeliveryState | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """The operator's deliveries, the newest first."""
    rows = await access.fetch(_LIST, operator_id, endpoint_id, None if state is None else state.value, limit)
    return many(rows, Delivery)


async def count_deliveries(access: Access, operator_id: OperatorId) -> dict[tuple[str, DeliveryState], int]:
    """How many of each endpoint's deliveries stand how."""
    rows = await access.fetch(
        "SELECT endpoint_id, state, count(*) AS n FROM webhook_delivery WHERE operator_id = $1 GROUP BY 1, 2",
        operator_id,
    )
    return {(row["endpoint_id"], DeliveryState(row["state"])): row["n"] for row in rows}


async def find_delivery(
    access: Access, operator_id: OperatorId, endpoint_id: str, event_id: str
) -> tuple[Delivery, list[Attempt], bytes | None]:
    """One delivery, its tries, the first first, and what is sent (None before the first). MissingError."""
    row = await access.fetchrow(
        f"SELECT {_COLUMNS}, v.body FROM webhook_delivery d JOIN webhook_event v USING (operator_id, event_id)"
        " WHERE d.operator_id = $1 AND d.endpoint_id = $2 AND d.event_id = $3",
        operator_id,
        endpoint_id,
        event_id,
    )
    if row is None:
        raise MissingError("webhook event", event_id)
    tries = await access.fetch(
        "SELECT attempt, at, took_ms, status, error, answer FROM webhook_attempt"
        " WHERE operator_id = $1 AND endpoint_id = $2 AND event_id = $3 ORDER BY attempt",
        operator_id,
        endpoint_id,
        event_id,
    )
    return one(row, Delivery), many(tries, Attempt), row["body"]


async def replay(connection: Connection, endpoint: Endpoint, event_id: str, *, by: str) -> bool:
    """Send one again, whatever became of it: a new try under the same id. False where the endpoint is off; MissingError."""
    await find_delivery(connection, endpoint.operator_id, endpoint.endpoint_id, event_id)
    return await _replay(connection, endpoint, "AND d.event_id = $3", event_id, by=by, detail=event_id) == 1


async def replay_dead(connection: Connection, endpoint: Endpoint, since: datetime, *, by: str) -> int:
    """Send all again that were given up since then; how many. None where the endpoint is off."""
    return await _replay(
        connection,
        endpoint,
        "AND d.state = 'dead' AND d.ended_at >= $3",
        since,
        by=by,
        detail=f"dead since {since:%Y-%m-%dT%H:%MZ}",
    )


async def _replay(
    connection: Connection, endpoint: Endpoint, which: str, value: str | datetime, *, by: str, detail: str
) -> int:
    async with connection.transaction():
        rows = await connection.fetch(
            f"{_AGAIN} {which} RETURNING d.event_id", endpoint.operator_id, endpoint.endpoint_id, value
        )
        if rows:
            await write_audit(
                connection,
                endpoint.operator_id,
                by=by,
                action="webhook.replay",
                target=endpoint.endpoint_id,
                detail=f"{detail}: {len(rows)}",
            )
    return len(rows)


async def queue_test(connection: Connection, endpoint: Endpoint, *, by: str) -> str:
    """An event for this endpoint alone, to see whether messages arrive; its id. It waits while the endpoint is off."""
    event_id, own = new_id("evt"), (endpoint.operator_id, endpoint.endpoint_id)
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO webhook_event (operator_id, event_id, kind, about, at) VALUES ($1, $2, $3, $4, now())",
            endpoint.operator_id,
            event_id,
            EventKind.TEST.value,
            endpoint.endpoint_id,
        )
        await connection.execute(
            "INSERT INTO webhook_delivery (operator_id, endpoint_id, event_id, state, next_at)"
            " VALUES ($1, $2, $3, 'waiting', now())",
            *own,
            event_id,
        )
        await write_audit(connection, own[0], by=by, action="webhook.test", target=own[1], detail=event_id)
    return event_id


async def forget_old_deliveries(connection: Connection) -> int:
    """Delete what ended long ago, and events that nobody is told of any more; how many deliveries."""
    gone = await connection.fetch(
        "DELETE FROM webhook_delivery WHERE ended_at < now() - $1::interval RETURNING 1", KEEP
    )
    await connection.execute(
        "DELETE FROM webhook_event v WHERE v.made_at < now() - $1::interval AND NOT EXISTS ("
        "SELECT FROM webhook_delivery d WHERE d.operator_id = v.operator_id AND d.event_id = v.event_id)",
        KEEP,
    )
    return len(gone)
