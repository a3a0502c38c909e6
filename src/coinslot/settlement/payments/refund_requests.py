"""What members of staff ask to be given back, as it is stored: asked once, decided once, by the right people."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.fields import FieldError, MissingError, plain_text
from coinslot.money import MAX_MINOR
from coinslot.rows import many, one
from coinslot.settlement.payments.errors import KeyReused
from coinslot.settlement.payments.rows import Access
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import OperatorId, StaffId, new_id

MOST_WORDS: Final = 500
LIVES_DAYS: Final = 7
_MOST_KEY: Final = 100


class What(StrEnum):
    """What a request is about."""

    SESSION = "session"
    """A settled session's charge."""
    PAYMENT = "payment"
    """A top-up, by the number of the attempt that paid it. A direct payment's is its session's."""
    SUSPENSE = "suspense"
    """Money that nobody had asked for: whose it is."""
    CHARGEBACK = "chargeback"
    """Money that was taken back from us: who bears it."""


class Way(StrEnum):
    """Where the money goes; of a chargeback, who bears it."""

    WALLET = "wallet"
    """The customer's, principal and bonus apart."""
    PAYER = "payer"
    """Back through the provider, to whoever paid."""
    REVENUE = "revenue"
    """The operator's own."""
    LOSS = "loss"
    """Nobody's any more: the operator writes it off."""
    SESSION = "session"
    """Those who shared in a session."""


class Reason(StrEnum):
    """Why, as far as a list can say."""

    NO_SERVICE = "no_service"
    """Nothing came, or it stopped."""
    POOR_SERVICE = "poor_service"
    """Cold, dirty, weak."""
    CHARGED_WRONG = "charged_wrong"
    """More was charged than was used."""
    PAID_TWICE = "paid_twice"
    NOT_WANTED = "not_wanted"
    """The customer thought better of a top-up."""
    GOODWILL = "goodwill"
    EXPLAINED = "explained"
    """It was found out whose money it is, or why it left."""
    OTHER = "other"


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    """It waits for a second person."""
    DONE = "done"
    DECLINED = "declined"
    EXPIRED = "expired"
    """Nobody decided in time; it can be asked anew."""


class RefundWish(Struct, frozen=True, kw_only=True):
    """What somebody wants given back. The same `key` twice is the same request."""

    operator: OperatorId
    key: str
    what: What
    target: str
    """The id of the session, the number of the payment, the id of the suspense or the chargeback."""
    reason: Reason
    words: str
    """Why, for whoever decides and for later; it names nobody."""
    amount_minor: int | None = None
    """None: all that is left. Suspense and chargebacks are explained whole."""
    way: Way | None = None
    """None: where it came from."""
    beneficiary: str | None = None
    """Whose wallet gets money from suspense, or bears a chargeback; the session whose holders bear it."""

    def digest(self) -> bytes:
        """Of what is asked for under the key."""
        amount = "" if self.amount_minor is None else str(self.amount_minor)
        parts = (
            self.what,
            self.target,
            amount,
            self.way or "",
            self.beneficiary or "",
            self.reason,
            self.words,
        )
        return hashlib.sha256("\0".join(parts).encode()).digest()


class RefundRequest(Struct, frozen=True, kw_only=True):
    """One request, as it stands."""

    operator_id: OperatorId
    request_id: str
    what: What
    target: str
    way: Way
    beneficiary: str | None
    currency: str
    amount_minor: int
    reason: Reason
    words: str
    asked_by: StaffId
    asked_by_name: str
    asked_at: datetime
    expires_at: datetime
    state: RequestState
    alone: bool
    """Whether it was within the limit, and so done at once by who asked."""
    decided_by: StaffId | None
    decided_by_name: str | None
    decided_at: datetime | None
    decision_words: str
    outcome: str | None
    """What was done, as `proposals.read_outcome` reads it."""


_COLUMNS: Final = """
    q.operator_id, q.request_id, q.what, q.target, q.way, q.beneficiary, q.currency, q.amount_minor, q.reason, q.words,
    q.asked_by, a.name AS asked_by_name, q.asked_at, q.expires_at,
    CASE WHEN q.state = 'open' AND q.expires_at <= now() THEN 'expired' ELSE q.state END AS state,
    q.alone, q.decided_by, d.name AS decided_by_name, q.decided_at, q.decision_words, q.outcome
"""
_FROM: Final = f"""
    SELECT {_COLUMNS} FROM refund_decision q
    JOIN staff a ON a.operator_id = q.operator_id AND a.staff_id = q.asked_by
    LEFT JOIN staff d ON d.operator_id = q.operator_id AND d.staff_id = q.decided_by
    WHERE q.operator_id = $1
"""
_ADD: Final = f"""
    INSERT INTO refund_decision (operator_id, request_id, request_key, request_hash, what, target, way, beneficiary, currency,
        amount_minor, reason, words, asked_by, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + make_interval(days => {LIVES_DAYS}))
    ON CONFLICT (request_key, operator_id) DO NOTHING RETURNING request_id
"""
_EARLIER = "SELECT request_id, request_hash FROM refund_decision WHERE request_key = $2 AND operator_id = $1"
_LOCK = "SELECT FROM refund_decision WHERE operator_id = $1 AND request_id = $2 FOR NO KEY UPDATE"
_DECIDE = """
    UPDATE refund_decision SET state = $3, alone = $4, decided_by = $5, decided_at = now(), decision_words = $6, outcome = $7
    WHERE operator_id = $1 AND request_id = $2
"""


def check_wish(wish: RefundWish) -> RefundWish:
    """The wish with its words as they are kept. FieldError."""
    if not 1 <= len(wish.key) <= _MOST_KEY or not wish.key.isascii() or not wish.key.isprintable():
        raise FieldError("key", f"must be 1 to {_MOST_KEY} plain characters")
    if wish.amount_minor is not None and not 0 < wish.amount_minor <= MAX_MINOR:
        raise FieldError("amount_minor", f"must be above zero, this is {wish.amount_minor}")
    return RefundWish(
        operator=wish.operator,
        key=wish.key,
        what=wish.what,
        target=wish.target,
        reason=wish.reason,
        words=check_words("words", wish.words),
        amount_minor=wish.amount_minor,
        way=wish.way,
        beneficiary=wish.beneficiary,
    )


def check_words(field: str, text: str) -> str:
    """Why somebody decides something: said, and not too long. FieldError."""
    words = plain_text(text)
    if not words:
        raise FieldError(field, "must not be empty: say why, for whoever looks at it later")
    if len(words) > MOST_WORDS:
        raise FieldError(field, f"may be at most {MOST_WORDS} characters, this is {len(words)}")
    return words


async def earlier_request(access: Access, wish: RefundWish) -> RefundRequest | None:
    """What was asked for under this key before. KeyReused for something else."""
    row = await access.fetchrow(_EARLIER, wish.operator, wish.key)
    if row is None:
        return None
    if row["request_hash"] != wish.digest():
        raise KeyReused(wish.key)
    return await find_request(access, wish.operator, row["request_id"])


async def add_request(
    connection: Connection, wish: RefundWish, *, way: Way, currency: str, amount_minor: int, by: StaffId
) -> RefundRequest:
    """Note it, open. Conflict where somebody else took the key a moment ago: the next try finds what for."""
    request_id = await connection.fetchval(
        _ADD,
        wish.operator,
        new_id("rfr"),
        wish.key,
        wish.digest(),
        wish.what.value,
        wish.target,
        way.value,
        wish.beneficiary,
        currency,
        amount_minor,
        wish.reason.value,
        wish.words,
        by,
    )
    if request_id is None:
        raise Conflict("the key was taken meanwhile")
    return await find_request(connection, wish.operator, request_id)


async def find_request(access: Access, operator: OperatorId, request_id: str) -> RefundRequest:
    """One of the operator's. MissingError."""
    row = await access.fetchrow(f"{_FROM} AND q.request_id = $2", operator, request_id)
    if row is None:
        raise MissingError("refund request", request_id)
    return one(row, RefundRequest)


async def lock_request(connection: Connection, operator: OperatorId, request_id: str) -> RefundRequest:
    """The same, held, as it is once it is held: two who decide take turns. MissingError."""
    await connection.fetchrow(_LOCK, operator, request_id)
    return await find_request(connection, operator, request_id)


async def save_decision(
    connection: Connection,
    request: RefundRequest,
    *,
    state: RequestState,
    by: StaffId,
    words: str = "",
    outcome: str | None = None,
) -> RefundRequest:
    """How it was decided, for ever."""
    alone = by == request.asked_by
    await connection.fetchrow(
        _DECIDE, request.operator_id, request.request_id, state.value, alone, by, words, outcome
    )
    return await find_request(connection, request.operator_id, request.request_id)


async def open_requests(access: Access, operator: OperatorId) -> list[RefundRequest]:
    """Those that wait for a second person, the longest waiting first."""
    query = f"{_FROM} AND q.state = 'open' AND q.expires_at > now() ORDER BY q.asked_at, q.request_id"
    return many(await access.fetch(query, operator), RefundRequest)


async def requests_about(
    access: Access, operator: OperatorId, what: What, target: str
) -> list[RefundRequest]:
    """All there ever were about one thing, oldest first."""
    query = f"{_FROM} AND q.what = $2 AND q.target = $3 ORDER BY q.asked_at, q.request_id"
    return many(await access.fetch(query, operator, what.value, target), RefundRequest)


async def latest_requests(access: Access, operator: OperatorId, limit: int = 100) -> list[RefundRequest]:
    """Whatever became of them, the newest first."""
    query = f"{_FROM} ORDER BY q.asked_at DESC, q.request_id DESC LIMIT $2"
    return many(await access.fetch(query, operator, limit), RefundRequest)
