"""What the wall reads of the database: who is connected, and what people with a phone have done in this run."""

from __future__ import annotations

from coinslot.audit import Connection
from coinslot.web.wall.port import Facts
from coinslot.wire.ids import OperatorId

_ONLINE = "SELECT terminal_id FROM terminal_link WHERE operator_id = $1 AND online"
_LOGINS = "SELECT count(*) FROM browser_login WHERE operator_id = $1 AND made_at >= $2"
# Who came with a phone: the crowd has none.
_SESSIONS = """
    SELECT count(s.started_at) AS starts, count(s.settled_at) FILTER (WHERE s.started_at IS NOT NULL) AS ends
    FROM customer c JOIN session s USING (operator_id, customer_id)
    WHERE c.operator_id = $1 AND c.phone IS NOT NULL AND s.created_at >= $2
"""


# Guests have no account: what they paid for hangs together by its payment.
_GUESTS = """
    SELECT count(*) AS orders,
           count(*) FILTER (WHERE i.state IN ('paid', 'partly_refunded', 'refunded')) AS paid,
           count(s.started_at) AS starts,
           count(*) FILTER (WHERE s.stop_reason IN ('fault', 'power_loss')) AS cut_short,
           count(*) FILTER (WHERE i.state IN ('partly_refunded', 'refunded')) AS refunds
    FROM direct_order o
    JOIN payment_intent i USING (operator_id, intent_id)
    LEFT JOIN session s ON s.operator_id = o.operator_id AND s.intent_id = o.intent_id
    WHERE o.operator_id = $1 AND o.made_at >= $2
"""


async def online(connection: Connection, operator: OperatorId) -> frozenset[str]:
    """The terminals that the server hears."""
    found = await connection.fetch(_ONLINE, operator)
    return frozenset(row["terminal_id"] for row in found)


async def facts(connection: Connection, operator: OperatorId, began_at: object, run: str) -> Facts:
    """What has happened since then; what only the demo's own memory knows is left at 0."""
    logins = await connection.fetchval(_LOGINS, operator, began_at)
    used = await connection.fetchrow(_SESSIONS, operator, began_at)
    guests = await connection.fetchrow(_GUESTS, operator, began_at)
    assert used is not None  # counts are always one row
    assert guests is not None
    return Facts(
        run=run,
        logins=logins,
        starts=used["starts"],
        ends=used["ends"],
        orders=guests["orders"],
        guest_payments=guests["paid"],
        guest_starts=guests["starts"],
        cut_short=guests["cut_short"],
        refunds=guests["refunds"],
    )
