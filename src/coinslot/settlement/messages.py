"""Messages to customers on their way: queued with what they are about, taken when due, marked with the outcome.

The outcome is noted after the provider has answered, so a message leaves twice only when the process, or the
database, ends between the two. Whoever takes one puts off its next try at once: that is the lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.people.notices import BillNotice, Recipient
from coinslot.rows import many
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, new_id

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
    Access: TypeAlias = "Connection | asyncpg.Pool[asyncpg.Record]"

BILL: Final = "bill"
"""A session's bill; `about` is the session."""
NO_PHONE: Final = "the customer has no phone number"
TRIES: Final = 8
PAUSES_S: Final = (30, 90, 270, 810, 2_430, 7_290, 21_600, 21_600)
"""What passes from each try to the next, at least. The last one only lets a lost outcome be noticed."""

# A customer whose row is gone has nobody to be told: there, no message is made. Whoever has no phone is told nothing
# either, but it can be seen; such a message is made as it will end, which spares two writes for each.
_QUEUE = """
    INSERT INTO message (operator_id, message_id, customer_id, kind, about, state, error)
    SELECT n.operator_id, n.message_id, n.customer_id, $5, n.about,
           CASE WHEN c.phone IS NULL THEN 'failed' ELSE 'queued' END, CASE WHEN c.phone IS NULL THEN $6 END
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS n(operator_id, message_id, customer_id, about)
    CROSS JOIN LATERAL (SELECT x.phone FROM customer x
        WHERE x.operator_id = n.operator_id AND x.customer_id = n.customer_id OFFSET 0) c
    ON CONFLICT (operator_id, kind, about) DO NOTHING
"""
# Joins are pinned, see settlement/store.py.
_TAKE = """
    WITH due AS MATERIALIZED (
        SELECT ctid AS place FROM message
        WHERE state = 'queued' AND next_at <= now() AND kind = $2
        ORDER BY next_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE message m
        SET tries = m.tries + 1, next_at = now() + make_interval(secs => ($3::int[])[least(m.tries + 1, $4::int)])
        FROM due WHERE m.ctid = due.place
        RETURNING m.operator_id, m.message_id, m.customer_id, m.about, m.tries
    )
    SELECT m.operator_id, m.message_id, m.tries AS attempt, c.phone, c.language, k.erased, o.name AS operator_name,
           coalesce(a.site, '') AS site, coalesce(a.name, '') AS appliance, s.session_id, s.currency,
           coalesce(s.captured_minor, 0) AS captured_minor, s.arrears_minor,
           s.hold_principal_minor + s.hold_bonus_minor AS hold_minor
    FROM taken m
    CROSS JOIN LATERAL (SELECT * FROM customer x
        WHERE x.operator_id = m.operator_id AND x.customer_id = m.customer_id OFFSET 0) c
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM person_key x WHERE x.operator_id = m.operator_id
        AND x.customer_id = m.customer_id AND x.destroyed_at IS NOT NULL) AS erased OFFSET 0) k
    CROSS JOIN LATERAL (SELECT * FROM operator x WHERE x.operator_id = m.operator_id OFFSET 0) o
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.operator_id = m.operator_id AND x.session_id = m.about OFFSET 0) s
    LEFT JOIN LATERAL (SELECT x.name, y.name AS site FROM appliance x
        CROSS JOIN LATERAL (SELECT z.name FROM site z
            WHERE z.operator_id = x.operator_id AND z.site_id = x.site_id OFFSET 0) y
        WHERE x.operator_id = s.operator_id AND x.appliance_id = s.appliance_id OFFSET 0) a ON true
"""
# Sent is sent, whoever notices: also when another has taken it since.
_SENT = """
    UPDATE message SET state = 'sent', sent_at = now(), sent_by = $3, error = NULL
    WHERE operator_id = $1 AND message_id = $2 AND state = 'queued'
"""
_NOT_SENT = """
    UPDATE message SET state = CASE WHEN $5 THEN 'queued' ELSE 'failed' END, error = $4
    WHERE operator_id = $1 AND message_id = $2 AND tries = $3 AND state = 'queued'
"""


class Due(Struct, frozen=True, kw_only=True):
    """A message that was taken for its `attempt`-th try, with the recipient and the facts as they are now.

    Amounts are minor units of `currency`.
    """

    operator_id: OperatorId
    message_id: str
    attempt: int
    phone: str | None
    language: Literal["zh", "en"]
    erased: bool
    operator_name: str
    site: str
    appliance: str
    session_id: SessionId
    currency: str
    captured_minor: int
    arrears_minor: int
    hold_minor: int

    def __repr__(self) -> str:
        return f"Due({self.message_id}, attempt {self.attempt})"

    @property
    def unreachable(self) -> str | None:
        """Why nobody can be told, if so."""
        if self.attempt > TRIES:
            return f"tried {TRIES} times, the last without an outcome"
        if self.erased:
            return "the customer was erased"
        return None if self.phone is not None else NO_PHONE

    def recipient(self) -> Recipient:
        """To whom it goes."""
        return Recipient(phone=self.phone, language=self.language)

    def notice(self, public_url: str) -> BillNotice:
        """What it says; the link is empty where the installation has no public address."""
        return BillNotice(
            operator_name=self.operator_name,
            site=self.site,
            appliance=self.appliance,
            currency=self.currency,
            captured_minor=self.captured_minor,
            released_minor=self.hold_minor - self.captured_minor,
            owed_minor=self.arrears_minor,
            session=self.session_id,
            link=f"{public_url.rstrip('/')}/s/{self.session_id}/bill" if public_url else "",
        )


async def queue(
    connection: Connection, kind: str, wanted: Sequence[tuple[OperatorId, CustomerId, str]]
) -> None:
    """Queue a message for each operator, customer and what it is about; in the caller's transaction, once each."""
    await connection.execute(
        _QUEUE,
        [operator for operator, _, _ in wanted],
        [new_id("msg") for _ in wanted],
        [customer for _, customer, _ in wanted],
        [about for _, _, about in wanted],
        kind,
        NO_PHONE,
    )


async def take(connection: Access, limit: int) -> list[Due]:
    """Bills that are due, longest due first, at most `limit`; each is put off until its next try."""
    return many(await connection.fetch(_TAKE, limit, BILL, list(PAUSES_S), TRIES), Due)


async def mark_sent(connection: Access, due: Due, by: str) -> None:
    """The provider has it, under this channel and number."""
    await connection.execute(_SENT, due.operator_id, due.message_id, by)


async def mark_not_sent(connection: Access, due: Due, reason: str, *, again: bool) -> None:
    """It was not taken: tried again when its time comes, or failed. Nothing, if another has taken it since."""
    left = again and due.attempt < TRIES
    await connection.execute(_NOT_SENT, due.operator_id, due.message_id, due.attempt, reason, left)
