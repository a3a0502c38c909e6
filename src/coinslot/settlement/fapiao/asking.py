"""A fapiao asked for with a bill: one request for each, corrected until it was handed over, and how it stands since."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from coinslot.audit import Connection
from coinslot.fields import InputError
from coinslot.keyring import Keyring
from coinslot.ledger.events import take
from coinslot.rows import many, one
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.fapiao.rules import Wish
from coinslot.settlement.fapiao.sealing import opened, seal
from coinslot.settlement.payments.session_refunds import refunded_of
from coinslot.wire.ids import CustomerId, OperatorId, new_id

CURRENCY: Final = "CNY"
"""Fapiao exist in this one alone."""
KEEP_ISSUED: Final = timedelta(days=30)
"""Time to say that it never came; then what was given is erased."""
KEEP_WAITING: Final = timedelta(days=400)
"""What nobody has issued within a tax year is not waited for any more."""

_COLUMNS: Final = "r.request_id, r.sealed, r.asked_by, r.asked_at, r.exported_at"
_FIND: Final = f"SELECT {_COLUMNS} FROM fapiao_request r WHERE r.operator_id = $1 AND r.session_id = $2"
_LINES: Final = """
    SELECT l.amount_minor, l.number, l.issued_at FROM fapiao_line l
    WHERE l.operator_id = $1 AND l.request_id = $2 ORDER BY l.amount_minor DESC, l.line_id
"""
# What was erased before it was handed over may be asked for anew, by anybody.
_ASK: Final = """
    INSERT INTO fapiao_request AS r (operator_id, request_id, session_id, sealed, asked_by) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (operator_id, session_id) DO UPDATE
        SET sealed = excluded.sealed, asked_by = excluded.asked_by, changed_at = now(), erased_at = NULL
        WHERE r.exported_at IS NULL AND (r.sealed IS NULL OR r.asked_by IS NOT DISTINCT FROM excluded.asked_by)
    RETURNING true
"""
# Whoever forgets the person holds the row, too.
_LOCK: Final = "SELECT FROM customer WHERE operator_id = $1 AND customer_id = $2 FOR NO KEY UPDATE"
_FORGOTTEN: Final = """
    SELECT EXISTS (SELECT FROM person_key WHERE operator_id = $1 AND customer_id = $2 AND destroyed_at IS NOT NULL)
"""
_FORGET: Final = """
    UPDATE fapiao_request r SET sealed = NULL, asked_by = NULL, erased_at = now()
    FROM session s WHERE s.operator_id = $1 AND s.customer_id = $2
      AND r.operator_id = s.operator_id AND r.session_id = s.session_id AND r.sealed IS NOT NULL
"""
_OLD: Final = """
    UPDATE fapiao_request r SET sealed = NULL, asked_by = NULL, erased_at = now()
    WHERE r.sealed IS NOT NULL AND (greatest(r.changed_at, r.exported_at) < now() - $2::interval
        OR EXISTS (SELECT FROM fapiao_line l WHERE l.operator_id = r.operator_id AND l.request_id = r.request_id
                   AND l.amount_minor > 0 AND l.issued_at < now() - $1::interval))
    RETURNING true
"""


class NotNow(InputError):
    """It cannot be asked for: nothing is charged, or what was asked for is another's or handed over already."""


class Stage(StrEnum):
    """How far a request is."""

    OPEN = "open"
    """Kept; it can be corrected."""
    EXPORTED = "exported"
    """Handed over to whoever issues it."""
    ISSUED = "issued"


class Line(Struct, frozen=True, kw_only=True):
    """A fapiao, or, below zero, one in red for what was given back since."""

    amount_minor: int
    number: str | None
    issued_at: datetime | None


class Request(Struct, frozen=True, kw_only=True):
    """A request as it stands. `wish` is None once it is erased."""

    request_id: str
    wish: Wish | None
    asked_by: bytes | None
    asked_at: datetime
    lines: tuple[Line, ...]

    @property
    def stage(self) -> Stage:
        """How far it is."""
        if not self.lines:
            return Stage.OPEN
        return Stage.EXPORTED if self.lines[0].number is None else Stage.ISSUED


class _Row(Struct, frozen=True, kw_only=True):
    request_id: str
    sealed: bytes | None
    asked_by: bytes | None
    asked_at: datetime
    exported_at: datetime | None


class Captured(Protocol):
    """What a session has come to."""

    @property
    def state(self) -> State:
        """See `Session`; likewise the others."""

    @property
    def captured_minor(self) -> int | None: ...

    @property
    def hold_principal_minor(self) -> int: ...

    @property
    def hold_bonus_minor(self) -> int: ...


def invoiced_minor(session: Captured, refunded_minor: int) -> int:
    """What a fapiao may say: what was really paid for it. A bonus was never paid, and goes back before money does."""
    if session.state is not State.SETTLED or not session.captured_minor:
        return 0
    taken = take(session.captured_minor, session.hold_principal_minor, session.hold_bonus_minor)
    left_minor = session.captured_minor - refunded_minor
    return take(left_minor, taken.principal_minor, taken.bonus_minor).principal_minor


async def payable_of(connection: Connection, session: Session) -> int:
    """What a fapiao for this bill would say now; 0 where there is none to be had."""
    if session.currency != CURRENCY:
        return 0
    return invoiced_minor(session, await refunded_of(connection, session))


async def find_request(connection: Connection, keyring: Keyring, session: Session) -> Request | None:
    """What was asked for with a bill; None where nothing is, or no more is known of it."""
    found = await connection.fetchrow(_FIND, session.operator, session.id)
    if found is None:
        return None
    row = one(found, _Row)
    lines = many(await connection.fetch(_LINES, session.operator, row.request_id), Line)
    if row.sealed is None and not lines:
        return None
    wish = None if row.sealed is None else opened(keyring, session.operator, session.id, row.sealed)
    return Request(
        request_id=row.request_id,
        wish=wish,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        lines=tuple(lines),
    )


async def ask(
    connection: Connection, keyring: Keyring, session: Session, wish: Wish, asked_by: bytes | None
) -> None:
    """Keep what is asked for, or correct it. NotNow.

    `asked_by`: of a guest, a hash of the browser; only the same one corrects, as others may have seen the address of the
    bill on the appliance.
    """
    async with connection.transaction():
        if session.customer is not None:
            await connection.fetchrow(_LOCK, session.operator, session.customer)
            if await connection.fetchval(_FORGOTTEN, session.operator, session.customer):
                raise NotNow("the customer's personal data was erased")
        if not await payable_of(connection, session):
            raise NotNow("nothing is charged for this")
        sealed = seal(keyring, session.operator, session.id, wish)
        kept = await connection.fetchval(_ASK, session.operator, new_id("fpr"), session.id, sealed, asked_by)
        if kept is not True:
            raise NotNow("it was handed over already, or somebody else has asked for it")


async def forget_requests(connection: Connection, operator: OperatorId, customer: CustomerId) -> None:
    """Erase what a customer gave. To be called within the caller's transaction."""
    await connection.fetch(_FORGET, operator, customer)


async def forget_old_requests(connection: Connection) -> int:
    """Erase what has served, and what nobody issued for so long; how many."""
    return len(await connection.fetch(_OLD, KEEP_ISSUED, KEEP_WAITING))
