"""An event's bytes: composed of the rows it is about the first time it is sent, and stored, so that they never change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import asyncpg
import msgspec
from msgspec import Struct

from coinslot.rows import one
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement import rows
from coinslot.settlement.ports import UNDECIDABLE
from coinslot.settlement.shares import captured_payables, late_payables
from coinslot.settlement.webhooks.events import (
    ApplianceTold,
    Message,
    Named,
    Package,
    PaymentReceived,
    PaymentTold,
    RefundDone,
    SessionSettled,
    Share,
    Test,
    Told,
)
from coinslot.webhooks.model import EventKind
from coinslot.wire.ids import OperatorId

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

T = TypeVar("T")

OPERATOR: Final = "operator"
"""The party of what is left to the operator."""
_EVENT: Final = """
    SELECT v.event_id, v.kind, v.about, v.at, v.body, o.name AS operator_name
    FROM webhook_event v JOIN operator o USING (operator_id) WHERE v.operator_id = $1 AND v.event_id = $2
"""
_KEEP: Final = "UPDATE webhook_event SET body = coalesce(body, $3) WHERE operator_id = $1 AND event_id = $2 RETURNING body"
_SESSION: Final = (
    f"SELECT {rows.SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND s.session_id = $2"
)
_PLACE: Final = """
    SELECT a.appliance_id, a.code, a.name, a.kind, a.room, y.site_id, y.name AS site_name
    FROM appliance a JOIN site y USING (operator_id, site_id) WHERE a.operator_id = $1 AND a.appliance_id = $2
"""
_ORDER: Final = """
    SELECT o.appliance_id, o.package, o.title, p.session_id
    FROM direct_order o LEFT JOIN payment_start p USING (operator_id, intent_id)
    WHERE o.operator_id = $1 AND o.intent_id = $2
"""
_PAID: Final = """
    SELECT p.number, p.provider, coalesce(p.provider_id, '') AS provider_number, p.merchant_id AS merchant, p.channel,
           p.amount_minor, p.paid_at, p.currency, p.mark, i.intent_id, i.purpose
    FROM payment_attempt p JOIN payment_intent i USING (operator_id, intent_id)
    WHERE p.operator_id = $1
"""
_REFUND: Final = """
    SELECT number, attempt_number, provider_id, why, currency, amount_minor, requested_at, ended_at
    FROM refund WHERE operator_id = $1 AND number = $2
"""
_PARTIES: Final = "SELECT party_id, name FROM party WHERE operator_id = $1 AND party_id = ANY ($2::text[])"


class NotComposed(Exception):
    """What the event is about cannot be put into words; nobody else's event can be the cause."""


class _Place(Struct, frozen=True, kw_only=True):
    appliance_id: str
    code: str
    name: str
    kind: str
    room: str
    site_id: str
    site_name: str

    @property
    def site(self) -> Named:
        return Named(id=self.site_id, name=self.site_name)

    @property
    def appliance(self) -> ApplianceTold:
        return ApplianceTold(
            id=self.appliance_id, code=self.code, name=self.name, kind=self.kind, room=self.room
        )


class _Order(Struct, frozen=True, kw_only=True):
    appliance_id: str
    package: str
    title: str
    session_id: str | None

    @property
    def told(self) -> Package:
        return Package(id=self.package, title=self.title)


class _Paid(Struct, frozen=True, kw_only=True):
    number: str
    provider: str
    provider_number: str
    merchant: str
    channel: str
    amount_minor: int
    paid_at: datetime | None
    currency: str
    mark: str
    intent_id: str
    purpose: str

    @property
    def told(self) -> PaymentTold:
        return msgspec.convert(self, PaymentTold, from_attributes=True)


async def body_of(pool: Pool, operator: OperatorId, event_id: str) -> bytes:
    """What is sent of this event, the same each time. NotComposed."""
    event = await pool.fetchrow(_EVENT, operator, event_id)
    if event is None:
        raise NotComposed("it was forgotten")
    stored: bytes | None = event["body"]
    if stored is not None:
        return stored
    try:
        told = await _tell(pool, operator, EventKind(event["kind"]), event["about"])
    except (*UNDECIDABLE, msgspec.MsgspecError) as error:
        raise NotComposed(f"{type(error).__name__}: {error}"[:200]) from error
    message = Message(
        type=event["kind"],
        id=event["event_id"],
        timestamp=event["at"],
        operator=Named(id=operator, name=event["operator_name"]),
        data=told,
    )
    kept: bytes = await pool.fetchval(_KEEP, operator, event_id, msgspec.json.encode(message))
    return kept


async def _tell(pool: Pool, operator: OperatorId, kind: EventKind, about: str) -> Told:
    match kind:
        case EventKind.SESSION_SETTLED:
            return await _session(pool, operator, about)
        case EventKind.PAYMENT_RECEIVED:
            return await _payment(pool, operator, about)
        case EventKind.REFUND_DONE:
            return await _refund(pool, operator, about)
        case EventKind.TEST:
            return Test(endpoint=about)


async def _session(pool: Pool, operator: OperatorId, session_id: str) -> SessionSettled:
    session = rows.session_of(_there(await pool.fetchrow(_SESSION, operator, session_id)))
    place = await _place(pool, operator, session.appliance)
    order = paid = None
    if session.intent is not None:
        order = await _order(pool, operator, session.intent)
        paid = await _paid(pool, operator, "AND i.intent_id = $2 AND i.paid_by = p.number", session.intent)
    captured_minor = session.captured_minor or 0
    assert session.settled_at is not None
    return SessionSettled(
        session=session.id,
        state=session.state.value,
        site=place.site,
        appliance=place.appliance,
        outlet=session.outlet,
        package=None if order is None else order.told,
        created_at=session.created_at,
        started_at=session.started_at,
        stopped_at=session.stopped_at,
        settled_at=session.settled_at,
        duration_ms=session.duration_ms,
        stop_reason=session.stop_reason,
        usage={} if session.registers is None else _usage.decode(session.registers),
        currency=session.currency,
        held_minor=session.hold_minor,
        charge_minor=session.charge_minor or 0,
        captured_minor=captured_minor,
        refund_minor=session.hold_minor - captured_minor,
        owed_minor=session.arrears_minor,
        shares=await _shares(pool, operator, session),
        payment=None if paid is None else paid.told,
    )


async def _shares(pool: Pool, operator: OperatorId, session: Session) -> tuple[Share, ...]:
    if session.state is State.LATE:
        whole_minor = min(session.charge_minor or 0, session.hold_minor)
        parts = late_payables(session, whole_minor)
    else:
        whole_minor = session.captured_minor or 0
        parts = captured_payables(session, whole_minor)
    if not whole_minor:
        return ()
    names = await _names(pool, operator, [part.party for part in parts])
    left_minor = whole_minor - sum(part.amount_minor for part in parts)
    return (
        *(
            Share(party=part.party, name=names.get(part.party, ""), amount_minor=part.amount_minor)
            for part in parts
        ),
        Share(party=OPERATOR, name="", amount_minor=left_minor),
    )


async def _payment(pool: Pool, operator: OperatorId, number: str) -> PaymentReceived:
    paid = _there(await _paid(pool, operator, "AND p.number = $2", number))
    order, place = await _bought(pool, operator, paid.intent_id)
    return PaymentReceived(
        payment=paid.told,
        purpose=paid.purpose,
        mark=paid.mark,
        currency=paid.currency,
        site=None if place is None else place.site,
        appliance=None if place is None else place.appliance,
        package=None if order is None else order.told,
        session=None if order is None else order.session_id,
    )


async def _refund(pool: Pool, operator: OperatorId, number: str) -> RefundDone:
    row = _there(await pool.fetchrow(_REFUND, operator, number))
    paid = _there(await _paid(pool, operator, "AND p.number = $2", row["attempt_number"]))
    order, place = await _bought(pool, operator, paid.intent_id)
    return RefundDone(
        refund=row["number"],
        provider_number=row["provider_id"],
        why=row["why"],
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        requested_at=row["requested_at"],
        done_at=row["ended_at"],
        payment=paid.told,
        site=None if place is None else place.site,
        appliance=None if place is None else place.appliance,
        session=None if order is None else order.session_id,
    )


async def _bought(pool: Pool, operator: OperatorId, intent: str) -> tuple[_Order | None, _Place | None]:
    order = await _order(pool, operator, intent)
    return order, None if order is None else await _place(pool, operator, order.appliance_id)


async def _order(pool: Pool, operator: OperatorId, intent: str) -> _Order | None:
    row = await pool.fetchrow(_ORDER, operator, intent)
    return None if row is None else one(row, _Order)


async def _place(pool: Pool, operator: OperatorId, appliance: str) -> _Place:
    return one(_there(await pool.fetchrow(_PLACE, operator, appliance)), _Place)


async def _paid(pool: Pool, operator: OperatorId, which: str, value: str) -> _Paid | None:
    row = await pool.fetchrow(f"{_PAID} {which}", operator, value)
    return None if row is None else one(row, _Paid)


async def _names(pool: Pool, operator: OperatorId, parties: Sequence[str]) -> dict[str, str]:
    if not parties:
        return {}
    return {row["party_id"]: row["name"] for row in await pool.fetch(_PARTIES, operator, list(parties))}


def _there(found: T | None) -> T:
    if found is None:
        raise NotComposed("what it is about is not there")
    return found


_usage = msgspec.json.Decoder(dict[str, int])
