"""Money on its way back to payers: asked for once, never more than was paid, each end with its entry."""

from __future__ import annotations

from typing import Final

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from coinslot.audit import write_audit
from coinslot.fields import MissingError
from coinslot.ledger import accounts, events
from coinslot.ledger.entries import Entry
from coinslot.ledger.store import entries, post
from coinslot.payments.decide import refund_hears, refunded_event
from coinslot.payments.model import Attempt, Refund, Why
from coinslot.payments.numbers import refund_number
from coinslot.payments.states import INTENT, RefundEvent, RefundState
from coinslot.rows import one
from coinslot.settlement.payments.errors import KeyReused, TooMuch
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import (
    REFUND_COLUMNS,
    Locked,
    find_attempt,
    find_refund,
    lock_intent,
    save_intent,
    save_refund,
)
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import CustomerId, OperatorId

_OVER_REFUND: Final = "payment_attempt_over_refund"
_ADD = f"""
    INSERT INTO refund AS r (operator_id, number, request_key, attempt_number, merchant_id, withdrawal_id, why, currency,
        amount_minor, next_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
    ON CONFLICT (request_key, operator_id) DO NOTHING RETURNING {REFUND_COLUMNS}
"""
_EARLIER = f"SELECT {REFUND_COLUMNS} FROM refund r WHERE r.request_key = $2 AND r.operator_id = $1"
_WITHDRAWAL = """
    UPDATE withdrawal SET paid_minor = paid_minor + $3, back_minor = back_minor + $4,
        ended_at = CASE WHEN paid_minor + back_minor + $3 + $4 = amount_minor THEN now() END
    WHERE operator_id = $1 AND withdrawal_id = $2 RETURNING customer_id
"""
_WHOSE = "SELECT customer_id FROM withdrawal WHERE operator_id = $1 AND withdrawal_id = $2 FOR NO KEY UPDATE"


class RefundRequest(Struct, frozen=True, kw_only=True):
    """Money that is owed to the payer of one attempt. The same `key` twice is the same refund."""

    key: str
    amount_minor: int
    why: Why
    number: str = ""
    """Chosen by the caller where an entry is named after it; else a new one."""
    withdrawal: str | None = None


async def add_refund(connection: Connection, attempt: Attempt, wanted: RefundRequest) -> Refund:
    """Ask for it, in the caller's transaction, which holds the attempt's intent and has posted what is owed.

    TooMuch beyond what was paid and is not asked back already; KeyReused.
    """
    earlier = await _earlier(connection, attempt, wanted)
    if earlier is not None:
        return earlier
    now_known = await find_attempt(connection, attempt.operator_id, attempt.number)
    left_minor = 0 if now_known is None else now_known.refundable_minor
    if not 0 < wanted.amount_minor <= left_minor:
        raise TooMuch(attempt.number, wanted.amount_minor, left_minor)
    try:
        row = await connection.fetchrow(
            _ADD,
            attempt.operator_id,
            wanted.number or refund_number(),
            wanted.key,
            attempt.number,
            attempt.merchant_id,
            wanted.withdrawal,
            wanted.why.value,
            attempt.currency,
            wanted.amount_minor,
        )
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != _OVER_REFUND:
            raise
        raise TooMuch(attempt.number, wanted.amount_minor, left_minor) from error
    if row is None:
        found = await _earlier(connection, attempt, wanted)
        assert found is not None
        return found
    return one(row, Refund)


async def _earlier(connection: Connection, attempt: Attempt, wanted: RefundRequest) -> Refund | None:
    row = await connection.fetchrow(_EARLIER, attempt.operator_id, wanted.key)
    if row is None:
        return None
    found = one(row, Refund)
    if (found.attempt_number, found.amount_minor, found.why) != (
        attempt.number,
        wanted.amount_minor,
        wanted.why,
    ):
        raise KeyReused(wanted.key)
    return found


async def change_refund(connection: Connection, locked: Locked, refund: Refund, event: RefundEvent) -> Refund:
    """The event with all that follows from it, in the caller's transaction, which holds the intent. IllegalEvent."""
    after = refund_hears(refund, event, locked.now)
    await save_refund(connection, after, at_once=event is RefundEvent.ASKED_AGAIN)
    if after.state is refund.state:
        return after
    match after.state:
        case RefundState.SUCCEEDED:
            await _succeeded(connection, locked, refund)
        case RefundState.CLOSED:
            await _closed(connection, refund)
        case RefundState.ABNORMAL:
            await open_review(
                connection,
                refund.operator_id,
                PaymentReview.REFUND_ABNORMAL,
                _told(refund, "try again or give up"),
            )
        case RefundState.REQUESTED | RefundState.PROCESSING:
            pass
    return after


async def _succeeded(connection: Connection, locked: Locked, refund: Refund) -> None:
    operator = refund.operator_id
    if refund.state is RefundState.CLOSED and refund.withdrawal_id is not None:
        # The wallet has it back already: the money that left now is nobody's until a person has looked.
        entry = events.chargeback(
            operator,
            refund.number,
            refund.currency,
            merchant=refund.merchant_id,
            amount_minor=refund.amount_minor,
        )
        await post(connection, [entry])
        await open_review(
            connection, operator, PaymentReview.REFUND_AFTER_ALL, _told(refund, "it is in suspense")
        )
    elif refund.withdrawal_id is not None:
        await connection.fetchval(_WITHDRAWAL, operator, refund.withdrawal_id, refund.amount_minor, 0)
        entry = events.withdrawal_paid(
            operator,
            refund.number,
            refund.currency,
            paid_from=accounts.merchant_clearing(refund.merchant_id),
            amount_minor=refund.amount_minor,
        )
        await post(connection, [entry])
    else:
        entry = events.refund_done(
            operator,
            refund.number,
            refund.currency,
            merchant=refund.merchant_id,
            amount_minor=refund.amount_minor,
        )
        await post(connection, [entry])
    await _tell_intent(connection, locked, refund)


async def _tell_intent(connection: Connection, locked: Locked, refund: Refund) -> None:
    """What a late or duplicate payment gets back is nothing of the intent's."""
    intent = locked.intent
    attempt = await find_attempt(connection, refund.operator_id, refund.attempt_number)
    assert attempt is not None
    if intent.paid_by == attempt.number:
        event = refunded_event(attempt.amount_minor, attempt.refunded_minor)
        await save_intent(connection, replace(intent, state=INTENT.after(intent.state, event)))


async def _closed(connection: Connection, refund: Refund) -> None:
    operator = refund.operator_id
    if refund.withdrawal_id is None:
        detail = _told(refund, "the payer is still owed the money")
        await open_review(connection, operator, PaymentReview.REFUND_CLOSED, detail)
        return
    customer = await connection.fetchval(_WHOSE, operator, refund.withdrawal_id)
    undone = [events.reversal(withdrawal_entry(refund, CustomerId(customer)))]
    # A bonus that was taken back with this payment comes back with its principal.
    taken = await entries(connection, operator, key=events.bonus_taken_key(refund.number))
    await post(connection, [*undone, *(events.reversal(listed.entry) for listed in taken)])
    await connection.fetchval(_WITHDRAWAL, operator, refund.withdrawal_id, 0, refund.amount_minor)
    detail = _told(refund, f"of {refund.withdrawal_id}: pay it at the counter or by transfer")
    await open_review(connection, operator, PaymentReview.WITHDRAWAL_BACK, detail)


def withdrawal_entry(refund: Refund, customer: CustomerId) -> Entry:
    """What took this part of a withdrawal out of the wallet: an entry for each part, so that each can be undone."""
    return events.withdrawal_asked(
        refund.operator_id, refund.number, customer, refund.currency, amount_minor=refund.amount_minor
    )


async def ask_again(pool: Pool, operator: OperatorId, number: str, *, by: str = "") -> Refund:
    """A person wants an abnormal refund tried again, with the same number. MissingError, IllegalEvent."""
    return await _decide(pool, operator, number, RefundEvent.ASKED_AGAIN, by)


async def give_up_refund(pool: Pool, operator: OperatorId, number: str, *, by: str = "") -> Refund:
    """A person has decided that the provider will not do it: a withdrawal's part goes back to the wallet.

    MissingError, IllegalEvent.
    """
    return await _decide(pool, operator, number, RefundEvent.GIVEN_UP, by)


async def _decide(pool: Pool, operator: OperatorId, number: str, event: RefundEvent, by: str) -> Refund:
    async with transaction(pool, Purpose.DECIDE) as connection:
        locked, refund = await lock_refund(connection, operator, number)
        if by:
            await write_audit(connection, operator, by=by, action=f"refund.{event.value}", target=number)
        return await change_refund(connection, locked, refund, event)


async def lock_refund(connection: Connection, operator: OperatorId, number: str) -> tuple[Locked, Refund]:
    """A refund with its intent held. MissingError."""
    known = await find_refund(connection, operator, number)
    attempt = known and await find_attempt(connection, operator, known.attempt_number)
    locked = attempt and await lock_intent(connection, operator, attempt.intent_id)
    refund = await find_refund(connection, operator, number)
    if not locked or refund is None:
        raise MissingError("refund", number)
    return locked, refund


def _told(refund: Refund, what: str) -> str:
    return f"refund {refund.number} of {refund.attempt_number}, {refund.amount_minor} {refund.currency} minor units: {what}"
