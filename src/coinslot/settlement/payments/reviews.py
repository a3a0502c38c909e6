"""Why a person should look at a payment: reasons of `review` rows, with the numbers to look under."""

from __future__ import annotations

import logging
from enum import StrEnum

from coinslot.audit import write_audit
from coinslot.fields import FieldError, MissingError, plain_text
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import OperatorId

log = logging.getLogger(__name__)

_REVIEW = "INSERT INTO review (operator_id, reason, detail) VALUES ($1, $2, $3) RETURNING review_id"

_CLOSE = """
    UPDATE review SET closed_at = now(), closed_by = $4, resolution = $5
    WHERE operator_id = $1 AND review_id = $2 AND reason = ANY ($3) AND closed_at IS NULL RETURNING true
"""
_MOST_WORDS = 500


class PaymentReview(StrEnum):
    """What happened."""

    QUARANTINED = "payment_quarantined"
    """A provider said something that does not agree with what was ordered; it was not acted upon."""
    SUSPENSE = "payment_suspense"
    """Money arrived that nobody had asked for, or not like that: it is in the merchant's suspense."""
    REFUND_ABNORMAL = "refund_abnormal"
    """The payer's account cannot take a refund."""
    REFUND_CLOSED = "refund_closed"
    """A refund will not be done by the provider; the payer is still owed the money."""
    REFUND_STUCK = "refund_stuck"
    """A refund was asked for many times without an end."""
    REFUND_AFTER_ALL = "refund_after_all"
    """A refund that had been given up was done: the customer may have the money twice."""
    START_STUCK = "start_stuck"
    """A direct payment neither starts anything nor can be given back; it is tried again every day."""
    REST_STUCK = "rest_stuck"
    """What a use has left of a direct payment could not be asked back; the payer is still owed it."""
    WITHDRAWAL_BACK = "withdrawal_back"
    """Part of a withdrawal failed for good and is in the wallet again; it has to be paid otherwise."""
    WITHDRAWAL_BY_HAND = "withdrawal_by_hand"
    """Part of a withdrawal can be carried by no refund: to be paid at the counter or by transfer."""
    BILL = "provider_bill"
    """A provider's bill and our books do not agree about a payment or a refund."""
    BILL_MISSING = "provider_bill_missing"
    """A provider's bill cannot be had, or not read, for days."""


async def open_review(
    connection: Connection, operator: OperatorId, reason: PaymentReview, detail: str
) -> int:
    """Its id. In the caller's transaction. The detail holds ids and numbers only."""
    log.error("for review at %s: %s: %s", operator, reason.value, detail)
    review_id: int = await connection.fetchval(_REVIEW, operator, reason.value, detail[:500])
    return review_id


async def close_review(
    connection: Connection, operator: OperatorId, review_id: int, *, by: str, words: str
) -> None:
    """A person has looked, and says what was done. In the caller's transaction.

    MissingError for what is no open review of a payment, FieldError without words.
    """
    said = plain_text(words)
    if not 0 < len(said) <= _MOST_WORDS:
        raise FieldError(
            "words", f"say in 1 to {_MOST_WORDS} characters what was done, for whoever looks later"
        )
    reasons = [reason.value for reason in PaymentReview]
    if not await connection.fetchval(_CLOSE, operator, review_id, reasons, by, said):
        raise MissingError("open review", str(review_id))
    await write_audit(connection, operator, by=by, action="review.close", target=str(review_id))
