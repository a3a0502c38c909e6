"""An endpoint with a message that was given up, for the console to show and send again."""

from __future__ import annotations

from coinslot.engines.connect import Pool
from coinslot.webhooks.deliveries import queue_test
from coinslot.webhooks.endpoints import add_endpoint
from coinslot.webhooks.model import Endpoint
from coinslot.wire.ids import OperatorId

ERROR = "answered 500; only 2xx counts"
ANSWER = "<b>our fault</b>"


async def given_up(pool: Pool, operator: OperatorId) -> tuple[Endpoint, str]:
    """The endpoint and the event's id; it was given up an hour ago, after one try."""
    async with pool.acquire() as connection:
        made = await add_endpoint(
            connection, operator, name="Front office", url="https://pms.example/hooks", by="test"
        )
        event_id = await queue_test(connection, made, by="test")
        await connection.execute(
            "UPDATE webhook_delivery SET state = 'dead', next_at = NULL, ended_at = now() - interval '1 hour', tries = 1,"
            " error = $2 WHERE event_id = $1",
            event_id,
            ERROR,
        )
        await connection.execute(
            "INSERT INTO webhook_attempt (operator_id, endpoint_id, event_id, attempt, took_ms, status, error, answer)"
            " VALUES ($1, $2, $3, 1, 12, 500, $4, $5)",
            operator,
            made.endpoint_id,
            event_id,
            ERROR,
            ANSWER,
        )
    return made, event_id
