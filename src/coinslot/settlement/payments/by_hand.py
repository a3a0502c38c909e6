"""What payers are owed and no refund carries: listed, and written down once a person has paid it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.audit import write_audit
from coinslot.fields import MissingError
from coinslot.ledger import events
from coinslot.ledger.store import post
from coinslot.money import format_amount
from coinslot.rows import many
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.errors import Barred, NotAllowed
from coinslot.settlement.payments.rows import Access, lock_intent
from coinslot.settlement.payments.two_people import DECIDE, hold_person
from coinslot.settlement.payments.unit import Connection, transaction
from coinslot.settlement.payments.withdrawals import note_paid_by_hand
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import OperatorId, StaffId

# A refund of a withdrawal that failed is in the wallet again, and owed no more.
_OWED: Final = """
    SELECT o.kind, o.ref, o.merchant_id, o.currency, o.amount_minor, o.since, o.intent_id FROM (
        SELECT 'refund' AS kind, r.number AS ref, r.merchant_id, r.currency, r.amount_minor, r.ended_at AS since,
            a.intent_id, 'refund:' || r.number || ':done' AS key
        FROM refund r JOIN payment_attempt a ON a.operator_id = r.operator_id AND a.number = r.attempt_number
        WHERE r.operator_id = $1 AND r.state = 'closed' AND r.withdrawal_id IS NULL
        UNION ALL
        SELECT 'suspense', q.target, p.merchant_id, q.currency, q.amount_minor, q.decided_at, NULL,
            'refund:' || q.target || ':done'
        FROM refund_decision q
        JOIN provider_payment p ON p.operator_id = q.operator_id AND p.suspense_id = q.target
        WHERE q.operator_id = $1 AND q.what = 'suspense' AND q.way = 'payer' AND q.state = 'done'
          AND (q.outcome::jsonb->>'by_hand_minor')::bigint > 0
        UNION ALL
        SELECT 'withdrawal', w.withdrawal_id, '', w.currency, w.by_hand_minor, w.asked_at, NULL,
            'withdrawal:' || w.withdrawal_id || ':paid'
        FROM withdrawal w WHERE w.operator_id = $1 AND w.by_hand_minor > 0 AND w.ended_at IS NULL
    ) o
    WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.operator_id = $1 AND e.key = o.key)
"""
_LOCK: Final = "SELECT FROM merchant WHERE operator_id = $1 AND merchant_id = $2 FOR NO KEY UPDATE"

_LOCK_WITHDRAWAL: Final = (
    "SELECT FROM withdrawal WHERE operator_id = $1 AND withdrawal_id = $2 FOR NO KEY UPDATE"
)


class OwedKind(StrEnum):
    """Where it comes from."""

    REFUND = "refund"
    """A refund that the provider will not do."""
    SUSPENSE = "suspense"
    """Money in suspense that is its payer's, and hangs on no payment of ours."""
    WITHDRAWAL = "withdrawal"
    """What a customer has withdrawn and no payment can take back: cash, or payments of more than a year ago."""


class Owed(Struct, frozen=True, kw_only=True):
    """What one payer is owed through one account, in minor units."""

    kind: OwedKind
    ref: str
    """The refund's number, or the suspense's or the withdrawal's id."""
    merchant_id: str
    """Empty for a withdrawal."""
    currency: str
    amount_minor: int
    since: datetime
    intent_id: str | None


async def list_owed(access: Access, operator: OperatorId) -> list[Owed]:
    """Everything that waits to be paid by hand, oldest first."""
    return many(await access.fetch(f"{_OWED} ORDER BY o.since, o.ref", operator), Owed)


async def pay_owed(
    door: PaymentDoor, operator: OperatorId, staff: StaffId, ref: str, *, paid_from: str
) -> Owed:
    """It was paid, out of `paid_from`: a ledger account, `operator/cash`, `bank/…` or the merchant's own clearing where
    somebody did it in the provider's console. Once.

    MissingError, also where it was paid before; NotAllowed; LedgerError for another account.
    """
    async with transaction(door.pool, Purpose.DECIDE) as connection:
        person = await hold_person(connection, operator, staff)
        if person.disabled_at is not None or person.role not in DECIDE:
            raise NotAllowed(Barred.ROLE if person.disabled_at is None else Barred.DISABLED)
        known = await _find(connection, operator, ref)
        if known.kind is OwedKind.WITHDRAWAL:
            await connection.fetchrow(_LOCK_WITHDRAWAL, operator, ref)
            owed = await _find(connection, operator, ref)
            await note_paid_by_hand(connection, operator, ref, paid_from=paid_from, by=staff)
            return owed
        # As for everything that moves a refund; suspense hangs on no intent.
        if known.intent_id is not None:
            await lock_intent(connection, operator, known.intent_id)
        await connection.fetchrow(_LOCK, operator, known.merchant_id)
        owed = await _find(connection, operator, ref)
        entry = events.refund_by_hand(
            operator,
            ref,
            owed.currency,
            merchant=owed.merchant_id,
            paid_from=paid_from,
            amount_minor=owed.amount_minor,
        )
        await post(connection, [entry])
        detail = f"{format_amount(owed.amount_minor, owed.currency)} {owed.currency} from {paid_from}"
        await write_audit(connection, operator, by=staff, action="refund.by_hand", target=ref, detail=detail)
    return owed


async def _find(connection: Connection, operator: OperatorId, ref: str) -> Owed:
    found = many(await connection.fetch(f"{_OWED} AND o.ref = $2", operator, ref), Owed)
    if not found:
        raise MissingError("refund to be paid by hand", ref)
    return found[0]
