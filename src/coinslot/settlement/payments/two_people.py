"""Who may give money back alone, and who may agree to what another has asked: the rules, and what they are told."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from coinslot.fields import MissingError
from coinslot.people.rules import Role
from coinslot.rows import one
from coinslot.settlement.payments.errors import Barred, NotAllowed
from coinslot.settlement.payments.refund_requests import RefundRequest, RequestState
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import OperatorId, StaffId

DECIDE: Final = frozenset({Role.OWNER, Role.MANAGER})
"""Who may give money back, and agree to what others have asked."""
ASK: Final = DECIDE | {Role.DESK}
"""Who may ask."""
MADE_DAYS: Final = 30
RULE_HOURS: Final = 24
SPENT_HOURS: Final = 24

# Held until the end: two refunds of one person take turns, and nobody is disabled meanwhile.
_PERSON: Final = """
    SELECT s.staff_id, s.role, s.disabled_at FROM staff s WHERE s.operator_id = $1 AND s.staff_id = $2 FOR NO KEY UPDATE
"""
_LIMIT: Final = """
    SELECT o.currency, o.refund_alone_minor,
        (SELECT coalesce(sum(q.amount_minor), 0) FROM refund_decision q
         WHERE q.operator_id = $1 AND q.asked_by = $2 AND q.alone
           AND q.decided_at > now() - make_interval(hours => $3))::bigint AS spent_minor,
        EXISTS (SELECT FROM audit x WHERE x.operator_id = $1 AND x.object = $1 AND x.action = 'operator.rules'
                AND x.at > now() - make_interval(hours => $4) AND position($2 IN x.actor) > 0
                AND position('refund_alone_minor' IN x.detail) > 0) AS changed_it
    FROM operator o WHERE o.operator_id = $1
"""
_MADE: Final = """
    SELECT EXISTS (SELECT FROM audit x WHERE x.operator_id = $1 AND x.object = $3
        AND x.action IN ('staff.add', 'staff.password', 'staff.role', 'staff.enable')
        AND x.at > now() - make_interval(days => $4) AND position($2 IN x.actor) > 0)
"""


class Person(Struct, frozen=True, kw_only=True):
    """A member of staff who asks or decides."""

    staff_id: StaffId
    role: Role
    disabled_at: datetime | None


class Allowance(Struct, frozen=True, kw_only=True):
    """What one person may give back alone, in the operator's currency."""

    currency: str
    refund_alone_minor: int
    """The operator's limit, for one refund and for all of a day."""
    spent_minor: int
    """What this person has given back alone within 24 hours."""
    changed_it: bool
    """Whether this person changed the limit within 24 hours: until then none counts for who has set it."""


def may_alone(person: Person, allowance: Allowance, currency: str, amount_minor: int) -> bool:
    """Whether no second person is needed. Many small refunds count as the large one that they are."""
    return (
        person.role in DECIDE
        and currency == allowance.currency
        and not allowance.changed_it
        and allowance.spent_minor + amount_minor <= allowance.refund_alone_minor
    )


def bar_to_asking(person: Person) -> Barred | None:
    """Why this person may not ask for a refund."""
    if person.disabled_at is not None:
        return Barred.DISABLED
    return None if person.role in ASK else Barred.ROLE


def bar_to_deciding(person: Person, request: RefundRequest, *, made_by_asker: bool) -> Barred | None:
    """Why this person may not decide about the request."""
    if person.disabled_at is not None:
        return Barred.DISABLED
    if person.role not in DECIDE:
        return Barred.ROLE
    if person.staff_id == request.asked_by:
        return Barred.OWN
    if made_by_asker:
        return Barred.MADE_BY_ASKER
    if request.state is RequestState.EXPIRED:
        return Barred.EXPIRED
    return None if request.state is RequestState.OPEN else Barred.DECIDED


async def hold_person(connection: Connection, operator: OperatorId, staff: StaffId) -> Person:
    """The person, held until the transaction ends. MissingError."""
    row = await connection.fetchrow(_PERSON, operator, staff)
    if row is None:
        raise MissingError("member of staff", staff)
    return one(row, Person)


async def hold_asker(connection: Connection, operator: OperatorId, staff: StaffId) -> Person:
    """Likewise, where the person may ask. NotAllowed."""
    person = await hold_person(connection, operator, staff)
    if barred := bar_to_asking(person):
        raise NotAllowed(barred)
    return person


async def allowance_of(connection: Connection, operator: OperatorId, person: Person) -> Allowance:
    """What the person, who is held, may still give back alone."""
    row = await connection.fetchrow(_LIMIT, operator, person.staff_id, SPENT_HOURS, RULE_HOURS)
    assert row is not None
    return one(row, Allowance)


async def bar_of(connection: Connection, person: Person, request: RefundRequest) -> Barred | None:
    """Why the person, who is held, may not decide about it."""
    made = await connection.fetchval(_MADE, request.operator_id, request.asked_by, person.staff_id, MADE_DAYS)
    return bar_to_deciding(person, request, made_by_asker=made is True)
