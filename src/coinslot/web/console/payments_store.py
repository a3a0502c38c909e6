"""What the console reads of payments: lists, searches, one payment with all that belongs to it. Nothing is changed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.fields import FieldError, storable
from coinslot.payments.model import Attempt, IntentPurpose, Mark, Refund
from coinslot.payments.states import IntentState
from coinslot.people.rules import normal_phone
from coinslot.rows import many
from coinslot.settlement.payments.rows import ATTEMPT_COLUMNS, REFUND_COLUMNS
from coinslot.wire.ids import OperatorId

if TYPE_CHECKING:
    Reader: TypeAlias = "asyncpg.Pool[asyncpg.Record] | asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

PER_PAGE: Final = 50
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PLACES: Final = 24

# Ids begin with the time of their making, so their order is the payments' own and the primary key is all it takes.
_LIST = """
    SELECT i.intent_id, i.purpose, i.customer_id, i.currency, i.amount_minor, i.state, i.opened_at,
           coalesce(a.provider, '') AS provider, coalesce(a.mark, '') AS mark, coalesce(a.refunding_minor, 0) AS refunding_minor,
           coalesce(d.title, '') AS title, coalesce(p.name, '') AS appliance, coalesce(p.room, '') AS room, c.phone
    FROM payment_intent i
    LEFT JOIN LATERAL (SELECT x.provider, x.mark, x.refunding_minor FROM payment_attempt x
                       WHERE x.intent_id = i.intent_id AND x.operator_id = i.operator_id
                       ORDER BY x.number = i.paid_by DESC NULLS LAST, x.mark DESC, x.made_at DESC LIMIT 1) a ON true
    LEFT JOIN direct_order d ON d.operator_id = i.operator_id AND d.intent_id = i.intent_id
    LEFT JOIN appliance p ON p.operator_id = d.operator_id AND p.appliance_id = d.appliance_id
    LEFT JOIN customer c ON c.operator_id = i.operator_id AND c.customer_id = i.customer_id
    WHERE i.operator_id = $1
"""
_ORDER: Final = " ORDER BY i.intent_id DESC LIMIT "
# Only what is asked for stands in the query: so the planner sees which index serves it.
_CLAUSES: Final = {
    "before": "i.intent_id < ",
    "least": "i.intent_id >= ",
    "begins": "i.opened_at >= ",
    "ends": "i.opened_at < ",
    "customer": "i.customer_id = ",
    "state": "i.state = ",
    "appliance": "d.appliance_id = ",
    "provider": "a.provider = ",
}
_SPECIAL: Final = {
    "odd": """ AND i.intent_id IN (SELECT x.intent_id FROM payment_attempt x WHERE x.operator_id = $1 AND x.mark <> '')""",
    # A refund has a next time exactly while it is not over.
    "refunding": """ AND i.intent_id IN (SELECT x.intent_id FROM refund r
        JOIN payment_attempt x ON x.operator_id = r.operator_id AND x.number = r.attempt_number
        WHERE r.operator_id = $1 AND r.next_at IS NOT NULL)""",
}
_BY_NUMBER = """
    SELECT intent_id FROM payment_intent WHERE operator_id = $1 AND intent_id = $2
    UNION SELECT intent_id FROM payment_attempt WHERE operator_id = $1 AND number = $2
    UNION SELECT intent_id FROM payment_attempt WHERE operator_id = $1 AND provider_id = $2
        AND provider IN (SELECT m.provider FROM merchant m WHERE m.operator_id = $1)
    UNION SELECT a.intent_id FROM refund r JOIN payment_attempt a ON a.operator_id = r.operator_id AND a.number = r.attempt_number
        WHERE r.operator_id = $1 AND (r.number = $2 OR r.provider_id = $2)
    UNION SELECT intent_id FROM session WHERE operator_id = $1 AND session_id = $2 AND intent_id IS NOT NULL
    UNION SELECT intent_id FROM payment_start WHERE operator_id = $1 AND session_id = $2
    LIMIT 2
"""
_BY_PHONE = "SELECT customer_id FROM customer WHERE operator_id = $1 AND phone = $2"
_BY_CUSTOMER = "SELECT customer_id FROM customer WHERE operator_id = $1 AND customer_id = $2"
_BY_CODE = "SELECT appliance_id FROM appliance WHERE operator_id = $1 AND code = $2"
_SESSION = "SELECT session_id FROM session WHERE operator_id = $1 AND session_id = $2"
_ATTEMPTS = f"""
    SELECT {ATTEMPT_COLUMNS} FROM payment_attempt a
    WHERE a.intent_id = $2 AND a.operator_id = $1 ORDER BY a.made_at, a.number
"""
_REFUNDS = f"""
    SELECT {REFUND_COLUMNS} FROM refund r
    WHERE r.attempt_number = ANY ($2) AND r.operator_id = $1 ORDER BY r.requested_at, r.number
"""
_NOTICES = """
    SELECT n.provider, n.notification_id, n.state, n.reason, n.received_at, n.done_at
    FROM payment_inbox n
    WHERE substring(n.event FROM '"number":"([0-9A-Za-z]{32})"') = ANY ($2) AND n.operator_id = $1
    ORDER BY n.received_at, n.notification_id LIMIT 200
"""
_TAKEN = """
    SELECT number, provider_id, at FROM provider_payment WHERE operator_id = $1 AND number = ANY ($2)
"""
_START = "SELECT session_id, decided_at FROM payment_start WHERE operator_id = $1 AND intent_id = $2"


class Shown(StrEnum):
    """Which payments a list shows, beside the states themselves."""

    ODD = "odd"
    """Those with something out of the ordinary."""
    REFUNDING = "refunding"
    """Those of which money is on its way back."""


STATES: Final = (*(state.value for state in IntentState), *(one.value for one in Shown))


class Filters(Struct, frozen=True, kw_only=True):
    """What a list of payments is of."""

    state: str = ""
    provider: str | None = None
    day: date | None = None
    customer: str | None = None
    appliance: str | None = None
    before: str | None = None


class PaymentRow(Struct, frozen=True, kw_only=True):
    """A payment as a line of the list."""

    intent_id: str
    purpose: IntentPurpose
    customer_id: str | None
    currency: str
    amount_minor: int
    state: IntentState
    opened_at: datetime
    provider: str
    mark: Mark
    refunding_minor: int
    title: str
    appliance: str
    room: str
    phone: str | None

    def __repr__(self) -> str:
        return f"PaymentRow({self.intent_id})"


class Notice(Struct, frozen=True, kw_only=True):
    """What a provider said, as it was kept."""

    provider: str
    notification_id: str
    state: str
    reason: str
    received_at: datetime
    done_at: datetime | None


class Found(Struct, frozen=True, kw_only=True):
    """Where a search leads; all empty when it leads nowhere."""

    intent: str = ""
    session: str = ""
    customer: str = ""
    appliance: str = ""


async def list_payments(
    reader: Reader, operator: OperatorId, wanted: Filters, timezone: str
) -> list[PaymentRow]:
    """The newest first; one more than a page, to know whether there are more."""
    asked: dict[str, str | datetime | None] = {
        "before": wanted.before,
        "customer": wanted.customer,
        "provider": wanted.provider,
    }
    if wanted.day is not None:
        zone = ZoneInfo(timezone)
        begins = datetime.combine(wanted.day, time(), zone)
        ends = datetime.combine(wanted.day + timedelta(days=1), time(), zone)
        # A day's ids lie together. A day's margin: an id is made a moment before its row, on whichever server's clock.
        most = _first_id(ends + timedelta(days=1))
        asked |= {"begins": begins, "ends": ends, "least": _first_id(begins - timedelta(days=1))}
        asked["before"] = most if wanted.before is None else min(wanted.before, most)
    if wanted.appliance is not None:
        asked["appliance"] = await reader.fetchval(_BY_CODE, operator, wanted.appliance) or ""
    special = _SPECIAL.get(wanted.state, "")
    if wanted.state and not special:
        asked["state"] = wanted.state
    sql = _LIST + special
    values: list[str | datetime] = [operator]
    for name, value in asked.items():
        if value is not None:
            values.append(value)
            sql += f" AND {_CLAUSES[name]}${len(values)}"
    rows = await reader.fetch(f"{sql}{_ORDER}{PER_PAGE + 1}", *values)
    return many(rows, PaymentRow)


def _first_id(at: datetime) -> str:
    """The least id that `wire.ids.new_id` could make at this moment."""
    value = (max(0, int(at.timestamp() * 100)) & (1 << 40) - 1) << 80
    return "pay_" + "".join(_ALPHABET[value >> 5 * (_PLACES - 1 - place) & 31] for place in range(_PLACES))


async def search(reader: Reader, operator: OperatorId, text: str) -> Found:
    """A payment by any of its numbers, a session, a customer by phone or id, an appliance by its code."""
    if not text or len(text) > 200 or not storable(text):
        return Found()
    rows = await reader.fetch(_BY_NUMBER, operator, text)
    if len(rows) == 1:
        return Found(intent=rows[0]["intent_id"])
    if await reader.fetchval(_SESSION, operator, text) is not None:
        return Found(session=text)
    if await reader.fetchval(_BY_CUSTOMER, operator, text) is not None:
        return Found(customer=text)
    for code in (text, text.upper()):
        if await reader.fetchval(_BY_CODE, operator, code) is not None:
            return Found(appliance=code)
    try:
        phone = normal_phone(text)
    except FieldError:
        return Found()
    return Found(customer=await reader.fetchval(_BY_PHONE, operator, phone) or "")


async def attempts_of(reader: Reader, operator: OperatorId, intent_id: str) -> list[Attempt]:
    """A payment's attempts, oldest first."""
    return many(await reader.fetch(_ATTEMPTS, operator, intent_id), Attempt)


async def refunds_of(reader: Reader, operator: OperatorId, numbers: list[str]) -> list[Refund]:
    """Of these attempts, oldest first."""
    return many(await reader.fetch(_REFUNDS, operator, numbers), Refund)


async def notices_of(reader: Reader, operator: OperatorId, numbers: list[str]) -> list[Notice]:
    """What providers said of these payments and refunds."""
    rows = await reader.fetch(_NOTICES, operator, numbers)
    return [
        Notice(
            provider=row["provider"],
            notification_id=row["notification_id"],
            state=row["state"],
            reason=row["reason"],
            received_at=row["received_at"],
            done_at=row["done_at"],
        )
        for row in rows
    ]


async def taken_at(reader: Reader, operator: OperatorId, numbers: list[str]) -> dict[str, datetime]:
    """When the books took each of these payments in."""
    return {row["number"]: row["at"] for row in await reader.fetch(_TAKEN, operator, numbers)}


async def start_of(
    reader: Reader, operator: OperatorId, intent_id: str
) -> tuple[str | None, datetime] | None:
    """What a direct payment was used for: the session, or nothing; None while that is not decided."""
    row = await reader.fetchrow(_START, operator, intent_id)
    return None if row is None else (row["session_id"], row["decided_at"])
