"""Principal that a customer wants back: out of the wallet at once, then to the payments it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from coinslot.audit import write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.ledger import events
from coinslot.ledger.store import post
from coinslot.money import MAX_MINOR
from coinslot.payments.model import Attempt, Why, Withdrawal
from coinslot.payments.numbers import refund_number
from coinslot.payments.withdrawing import Refundable, WithdrawalPlan, plan_withdrawal
from coinslot.rows import many, one
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.bonuses import bonus_back, bonus_taken, hold_wallet, refuse_held
from coinslot.settlement.payments.errors import KeyReused, TooMuch
from coinslot.settlement.payments.refunds import RefundRequest, add_refund
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import ATTEMPT_COLUMNS, WITHDRAWAL_COLUMNS
from coinslot.settlement.payments.unit import Connection, Pool, clock, transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import OperatorId, new_id

_ADD: Final = f"""
    INSERT INTO withdrawal AS w (operator_id, withdrawal_id, request_key, request_hash, customer_id, currency, amount_minor)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (request_key, operator_id) DO NOTHING RETURNING {WITHDRAWAL_COLUMNS}
"""
_EARLIER: Final = f"""
    SELECT {WITHDRAWAL_COLUMNS}, w.request_hash FROM withdrawal w WHERE w.request_key = $2 AND w.operator_id = $1
"""
_CUSTOMER = "SELECT true FROM customer WHERE operator_id = $1 AND customer_id = $2 FOR KEY SHARE"
_LOCK_INTENTS = """
    SELECT i.intent_id FROM payment_intent i
    WHERE i.customer_id = $2 AND i.operator_id = $1 AND i.currency = $3 AND i.purpose = 'topup'
      AND i.state IN ('paid', 'partly_refunded') AND i.paid_at > now() - interval '366 days'
    ORDER BY i.intent_id FOR NO KEY UPDATE
"""
# Read once they are held: what an attempt has left may have changed while that was awaited.
_PAYMENTS = f"""
    SELECT {ATTEMPT_COLUMNS} FROM unnest($2::text[]) AS k(intent_id)
    JOIN payment_intent i ON i.operator_id = $1 AND i.intent_id = k.intent_id
    JOIN payment_attempt a ON a.operator_id = i.operator_id AND a.number = i.paid_by
"""
_REFUNDS = """
    SELECT attempt_number, count(*) FROM refund WHERE operator_id = $1 AND attempt_number = ANY ($2::text[]) GROUP BY 1
"""
_BY_HAND = f"""
    UPDATE withdrawal w SET by_hand_minor = $3 WHERE w.operator_id = $1 AND w.withdrawal_id = $2
    RETURNING {WITHDRAWAL_COLUMNS}
"""
_LOCK = f"""
    SELECT {WITHDRAWAL_COLUMNS} FROM withdrawal w WHERE w.operator_id = $1 AND w.withdrawal_id = $2 FOR NO KEY UPDATE
"""
_PAID = f"""
    UPDATE withdrawal w SET paid_minor = w.paid_minor + $3,
        ended_at = CASE WHEN w.paid_minor + w.back_minor + $3 = w.amount_minor THEN now() END
    WHERE w.operator_id = $1 AND w.withdrawal_id = $2 RETURNING {WITHDRAWAL_COLUMNS}
"""


class WithdrawalRequest(Struct, frozen=True, kw_only=True):
    """A customer wants principal back. The same `key` twice is the same withdrawal."""

    purse: Purse
    key: str
    amount_minor: int
    by: str
    """Who asked, for the audit."""

    def digest(self) -> bytes:
        """Of what is asked for under the key."""
        parts = (self.purse.customer, self.purse.currency, str(self.amount_minor))
        return hashlib.sha256("\0".join(parts).encode()).digest()


async def withdraw(pool: Pool, wanted: WithdrawalRequest) -> Withdrawal:
    """Take it out of the wallet and ask for the refunds, all or nothing.

    Its part of their bonuses leaves with them. TooMuch beyond the principal that nothing is owed against; BonusHeld;
    MissingError; FieldError; KeyReused.
    """
    async with transaction(pool, Purpose.WITHDRAW) as connection:
        return await ask_withdrawal(connection, wanted)


async def ask_withdrawal(
    connection: Connection, wanted: WithdrawalRequest, *, only: str | None = None
) -> Withdrawal:
    """The same in the caller's transaction, which holds no balance before the payments (`lock_payments`).

    `only`: the one payment that it goes back to; TooMuch where that cannot take all of it.
    """
    if not 0 < wanted.amount_minor <= MAX_MINOR:
        raise FieldError("amount_minor", f"must be above zero, this is {wanted.amount_minor}")
    purse = wanted.purse
    if not await connection.fetchval(_CUSTOMER, purse.operator, purse.customer):
        raise MissingError("customer", purse.customer)
    row = await connection.fetchrow(
        _ADD,
        purse.operator,
        new_id("wdr"),
        wanted.key,
        wanted.digest(),
        purse.customer,
        purse.currency,
        wanted.amount_minor,
    )
    if row is None:
        earlier = await connection.fetchrow(_EARLIER, purse.operator, wanted.key)
        assert earlier is not None
        if earlier["request_hash"] != wanted.digest():
            raise KeyReused(wanted.key)
        return one(earlier, Withdrawal)
    made = await _carry_out(connection, purse, one(row, Withdrawal), only)
    await write_audit(
        connection, purse.operator, by=wanted.by, action="withdrawal.ask", target=made.withdrawal_id
    )
    return made


async def plan_parts(
    connection: Connection, purse: Purse, payments: Sequence[Attempt], amount_minor: int
) -> WithdrawalPlan:
    """Which of these payments, held by the caller, so much would go back to."""
    numbers = [payment.number for payment in payments]
    refunds = {row[0]: row[1] for row in await connection.fetch(_REFUNDS, purse.operator, numbers)}
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
    return plan_withdrawal(refundable, amount_minor, await clock(connection))


async def _carry_out(connection: Connection, purse: Purse, made: Withdrawal, only: str | None) -> Withdrawal:
    held = await lock_payments(connection, purse)
    payments = [payment for payment in held if only in (None, payment.number)]
    wallet = await hold_wallet(connection, purse)
    if made.amount_minor > wallet.free_minor:
        raise TooMuch("the wallet", made.amount_minor, wallet.free_minor)
    plan = await plan_parts(connection, purse, payments, made.amount_minor)
    if only is not None and plan.by_hand_minor:
        raise TooMuch(only, made.amount_minor, made.amount_minor - plan.by_hand_minor)
    parts = [(refund_number(), part) for part in plan.parts]
    asked = [(number, part.amount_minor) for number, part in parts]
    if plan.by_hand_minor:
        asked.append((made.withdrawal_id, plan.by_hand_minor))
    back = await bonus_back(connection, purse, plan.parts, wallet.bonus_minor)
    await refuse_held(connection, purse, back)
    leaving = [
        events.withdrawal_asked(
            purse.operator, name, purse.customer, purse.currency, amount_minor=amount_minor
        )
        for name, amount_minor in asked
    ]
    for (number, _), bonus_minor in zip(parts, back.taken, strict=True):
        if bonus_minor:
            leaving.append(bonus_taken(purse, number, bonus_minor))
    await post(connection, leaving)
    by_number = {payment.number: payment for payment in payments}
    for number, part in parts:
        request = RefundRequest(
            key=f"withdrawal:{made.withdrawal_id}:{part.number}",
            amount_minor=part.amount_minor,
            why=Why.WITHDRAWAL,
            number=number,
            withdrawal=made.withdrawal_id,
        )
        await add_refund(connection, by_number[part.number], request)
    if not plan.by_hand_minor:
        return made
    detail = f"withdrawal {made.withdrawal_id}: {plan.by_hand_minor} {made.currency} minor units"
    await open_review(connection, purse.operator, PaymentReview.WITHDRAWAL_BY_HAND, detail)
    row = await connection.fetchrow(_BY_HAND, purse.operator, made.withdrawal_id, plan.by_hand_minor)
    assert row is not None
    return one(row, Withdrawal)


async def lock_payments(connection: Connection, purse: Purse) -> list[Attempt]:
    """The payments that filled the wallet, their intents held."""
    intents = await connection.fetch(_LOCK_INTENTS, purse.operator, purse.customer, purse.currency)
    return many(await connection.fetch(_PAYMENTS, purse.operator, [row[0] for row in intents]), Attempt)


async def pay_by_hand(
    pool: Pool, operator: OperatorId, withdrawal_id: str, *, paid_from: str, by: str
) -> Withdrawal:
    """The part that no refund carries was paid at the counter (`operator/cash`) or from a bank account, once.

    MissingError where there is no such part; LedgerError for another account.
    """
    async with transaction(pool, Purpose.DECIDE) as connection:
        return await note_paid_by_hand(connection, operator, withdrawal_id, paid_from=paid_from, by=by)


async def note_paid_by_hand(
    connection: Connection, operator: OperatorId, withdrawal_id: str, *, paid_from: str, by: str
) -> Withdrawal:
    """The same in the caller's transaction."""
    row = await connection.fetchrow(_LOCK, operator, withdrawal_id)
    if row is None or not row["by_hand_minor"]:
        raise MissingError("withdrawal to be paid by hand", withdrawal_id)
    found = one(row, Withdrawal)
    paid = events.withdrawal_paid(
        operator, withdrawal_id, found.currency, paid_from=paid_from, amount_minor=found.by_hand_minor
    )
    [posted] = await post(connection, [paid])
    if not posted.fresh:
        return found
    await write_audit(connection, operator, by=by, action="withdrawal.pay", target=withdrawal_id)
    row = await connection.fetchrow(_PAID, operator, withdrawal_id, found.by_hand_minor)
    assert row is not None
    return one(row, Withdrawal)
