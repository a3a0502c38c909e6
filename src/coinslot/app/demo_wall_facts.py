"""What the wall reads of the database: who is connected, and what people with a phone have done in this run."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from coinslot.audit import Connection
from coinslot.web.wall.port import Facts
from coinslot.wire.ids import OperatorId

_ONLINE = "SELECT terminal_id FROM terminal_link WHERE operator_id = $1 AND online"
_LOGINS = "SELECT count(*) FROM browser_login WHERE operator_id = $1 AND made_at >= $2"
# Who came with a phone: the crowd has none. What a code began is counted apart.
_SESSIONS = """
    SELECT count(s.started_at) AS starts, count(s.settled_at) FILTER (WHERE s.started_at IS NOT NULL) AS ends
    FROM customer c JOIN session s USING (operator_id, customer_id)
    WHERE c.operator_id = $1 AND c.phone IS NOT NULL AND s.created_at >= $2
      AND s.token IS NULL AND s.request_key NOT LIKE 'code:%'
"""
_CODES = """
    SELECT count(*) AS had, count(k.session_id) AS used,
           count(*) FILTER (WHERE k.session_id = ANY ($3::text[])) AS paused
    FROM keypad_code k JOIN customer c USING (operator_id, customer_id)
    WHERE k.operator_id = $1 AND k.made_at >= $2 AND (c.phone IS NOT NULL OR c.card_no IS NOT NULL)
"""
_OFFLINE = """
    SELECT count(*) AS had,
           count(*) FILTER (WHERE s.session_id = ANY ($3::text[])) AS used,
           count(*) FILTER (WHERE s.session_id = ANY ($3::text[]) AND s.settled_at IS NOT NULL) AS billed
    FROM customer c JOIN session s USING (operator_id, customer_id)
    WHERE c.operator_id = $1 AND s.created_at >= $2 AND s.token IS NOT NULL
      AND (c.phone IS NOT NULL OR c.card_no IS NOT NULL)
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


class Seen(NamedTuple):
    """What the demo itself knows: its own id, sessions that were paused, sessions that ran without a link."""

    run: str
    paused: Set[str]
    unlinked: Set[str]


async def facts(connection: Connection, operator: OperatorId, began_at: object, seen: Seen) -> Facts:
    """What has happened since then; what only the demo's own memory knows is left at 0."""
    logins = await connection.fetchval(_LOGINS, operator, began_at)
    used = await connection.fetchrow(_SESSIONS, operator, began_at)
    guests = await connection.fetchrow(_GUESTS, operator, began_at)
    codes = await connection.fetchrow(_CODES, operator, began_at, list(seen.paused))
    offline = await connection.fetchrow(_OFFLINE, operator, began_at, list(seen.unlinked))
    assert codes is not None
    assert offline is not None
    assert used is not None  # counts are always one row
    assert guests is not None
    return Facts(
        run=seen.run,
        logins=logins,
        starts=used["starts"],
        ends=used["ends"],
        orders=guests["orders"],
        guest_payments=guests["paid"],
        guest_starts=guests["starts"],
        cut_short=guests["cut_short"],
        refunds=guests["refunds"],
        keypad_codes=codes["had"],
        typed=codes["used"],
        pauses=codes["paused"],
        offline_codes=offline["had"],
        offline_uses=offline["used"],
        offline_bills=offline["billed"],
    )
