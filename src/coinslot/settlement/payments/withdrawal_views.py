"""What a withdrawal would do, before anybody asks for it, and how far one is: read for display, never to decide."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from coinslot.ledger import accounts
from coinslot.payments.model import Attempt, Refund, Withdrawal
from coinslot.payments.states import RefundState
from coinslot.payments.withdrawing import Part, Refundable, WithdrawalPlan, plan_withdrawal
from coinslot.rows import many, one
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.bonuses import BonusBack, bonus_back, held_bonus
from coinslot.settlement.payments.rows import ATTEMPT_COLUMNS, REFUND_COLUMNS, WITHDRAWAL_COLUMNS, Access
from coinslot.wire.ids import CustomerId, OperatorId

# As withdrawals.py locks and reads them.
_PAYMENTS: Final = f"""
    SELECT {ATTEMPT_COLUMNS} FROM payment_intent i
    JOIN payment_attempt a ON a.operator_id = i.operator_id AND a.number = i.paid_by
    WHERE i.customer_id = $2 AND i.operator_id = $1 AND i.currency = $3 AND i.purpose = 'topup'
      AND i.state IN ('paid', 'partly_refunded') AND i.paid_at > now() - interval '366 days'
"""
_COUNTS: Final = """
    SELECT attempt_number, count(*) FROM refund WHERE operator_id = $1 AND attempt_number = ANY ($2::text[]) GROUP BY 1
"""
_FIND: Final = f"""
    SELECT {WITHDRAWAL_COLUMNS} FROM withdrawal w
    WHERE w.operator_id = $1 AND w.withdrawal_id = $2 AND ($3::text IS NULL OR w.customer_id = $3)
"""
_PARTS: Final = f"""
    SELECT {REFUND_COLUMNS}, a.provider AS of_provider, a.paid_at AS of_paid_at, c.code AS counter_code
    FROM refund r JOIN payment_attempt a ON a.operator_id = r.operator_id AND a.number = r.attempt_number
    LEFT JOIN counter_refund c ON c.operator_id = r.operator_id AND c.number = r.number AND c.receipt_id IS NULL
    WHERE r.operator_id = $1 AND r.withdrawal_id = $2 ORDER BY a.paid_at, r.number
"""
_BONUS: Final = """
    SELECT coalesce((SELECT amount_minor FROM ledger_balance
                     WHERE operator_id = $1 AND account = $2 AND currency = $3), 0)
"""
_LATELY: Final = """
    SELECT count(*) FROM withdrawal w
    WHERE w.customer_id = $2 AND w.operator_id = $1 AND w.asked_at > now() - interval '1 day'
"""


class Going(Struct, frozen=True, kw_only=True):
    """A part that would go back to one payment."""

    amount_minor: int
    provider: str
    paid_at: datetime


class Preview(Struct, frozen=True, kw_only=True):
    """Where an amount would go; minor units."""

    amount_minor: int
    parts: tuple[Going, ...]
    """Oldest payment first."""
    by_hand_minor: int
    """What is paid at the counter or by transfer."""
    bonus_back_minor: int
    """The part of the bonus that leaves the wallet with these payments."""
    bonus_held_minor: int
    """What of that a use that runs has set aside: while it does, so much cannot be withdrawn."""
    seal: str
    """A short hash of all that: another plan has another one."""


class PartView(Struct, frozen=True, kw_only=True):
    """A part of a withdrawal that was asked for."""

    refund: Refund
    provider: str
    paid_at: datetime | None
    """When the payment was made that it goes back to."""
    code: str | None = None
    """What to show at the counter, where it waits there to be fetched."""


class WithdrawalView(Struct, frozen=True, kw_only=True):
    """A withdrawal with its parts."""

    withdrawal: Withdrawal
    parts: tuple[PartView, ...]

    @property
    def sign(self) -> str:
        """A short hash of how far it is."""
        made = self.withdrawal
        told = [f"{made.paid_minor} {made.back_minor} {made.ended_at}"]
        told += [f"{one.refund.number} {one.refund.state.value}" for one in self.parts]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]

    @property
    def is_by_hand_paid(self) -> bool:
        """Whether what no refund carries has been paid: all that was paid, less what providers have done."""
        done = sum(one.refund.amount_minor for one in self.parts if one.refund.state is RefundState.SUCCEEDED)
        by_hand_minor = self.withdrawal.by_hand_minor
        return by_hand_minor > 0 and self.withdrawal.paid_minor >= done + by_hand_minor


async def preview_withdrawal(access: Access, purse: Purse, amount_minor: int) -> Preview:
    """What would become of so much, which has to be above zero."""
    payments = many(await access.fetch(_PAYMENTS, *purse), Attempt)
    by_number = {payment.number: payment for payment in payments}
    counted = await access.fetch(_COUNTS, purse.operator, list(by_number))
    refunds = {row[0]: row[1] for row in counted}
    refundable = [
        Refundable(
            number=payment.number,
            paid_at=payment.paid_at,
            left_minor=payment.refundable_minor,
            refunds=refunds.get(payment.number, 0),
        )
        for payment in payments
        if payment.paid_at is not None
    ]
    now: datetime = await access.fetchval("SELECT clock_timestamp()")
    plan = plan_withdrawal(refundable, amount_minor, now)
    bonus_minor: int = await access.fetchval(
        _BONUS, purse.operator, accounts.customer_bonus(purse.customer), purse.currency
    )
    back = await bonus_back(access, purse, plan.parts, bonus_minor)
    return Preview(
        amount_minor=amount_minor,
        parts=tuple(_going(by_number[part.number], part) for part in plan.parts),
        by_hand_minor=plan.by_hand_minor,
        bonus_back_minor=back.taken_minor,
        bonus_held_minor=await held_bonus(access, purse, back),
        seal=_seal(plan, back),
    )


async def find_withdrawal(
    access: Access, operator: OperatorId, withdrawal_id: str, customer: CustomerId | None = None
) -> WithdrawalView | None:
    """An operator's withdrawal, or none of another customer's where one is named."""
    row = await access.fetchrow(_FIND, operator, withdrawal_id, customer)
    if row is None:
        return None
    parts: Sequence[PartView] = [
        PartView(
            refund=one(each, Refund),
            provider=each["of_provider"],
            paid_at=each["of_paid_at"],
            code=each["counter_code"],
        )
        for each in await access.fetch(_PARTS, operator, withdrawal_id)
    ]
    return WithdrawalView(withdrawal=one(row, Withdrawal), parts=tuple(parts))


async def withdrawals_lately(access: Access, operator: OperatorId, customer: CustomerId) -> int:
    """How often the customer has asked for one in the last day."""
    asked: int = await access.fetchval(_LATELY, operator, customer)
    return asked


def _going(payment: Attempt, part: Part) -> Going:
    assert payment.paid_at is not None
    return Going(amount_minor=part.amount_minor, provider=payment.provider, paid_at=payment.paid_at)


def _seal(plan: WithdrawalPlan, back: BonusBack) -> str:
    parts = [f"{part.number} {part.amount_minor}" for part in plan.parts]
    told = "\n".join([*parts, str(plan.by_hand_minor), str(back.taken_minor)])
    return hashlib.sha256(told.encode()).hexdigest()[:16]
