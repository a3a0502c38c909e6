"""What waits for a person: reviews of payments, what providers said that does not agree, money in suspense, codes that
nobody can prove."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.fields import FieldError, MissingError
from coinslot.rows import many
from coinslot.settlement.offline.unproved import list_unproved
from coinslot.settlement.payments.reviews import PaymentReview, close_review
from coinslot.settlement.payments.suspense import list_chargebacks, list_suspense
from coinslot.settlement.payments.unit import transaction
from coinslot.settlement.points import Purpose
from coinslot.web.console import words
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.pages.languages import marked

_REVIEWS: Final = """
    SELECT review_id, reason, detail, opened_at FROM review
    WHERE operator_id = $1 AND closed_at IS NULL AND reason = ANY ($2) ORDER BY opened_at, review_id LIMIT 200
"""
_QUARANTINED: Final = """
    SELECT provider, notification_id, reason, received_at FROM payment_inbox
    WHERE operator_id = $1 AND state = 'quarantined' ORDER BY received_at DESC LIMIT 50
"""
_INTENTS: Final = """
    SELECT number, intent_id FROM payment_attempt WHERE operator_id = $1 AND number = ANY ($2)
    UNION ALL
    SELECT r.number, a.intent_id FROM refund r
    JOIN payment_attempt a ON a.operator_id = r.operator_id AND a.number = r.attempt_number
    WHERE r.operator_id = $1 AND r.number = ANY ($2)
"""
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{32}(?![0-9A-Za-z])")
_LARGEST: Final = 2**63 - 1


class ReviewRow(Struct, frozen=True, kw_only=True):
    """Something to look at."""

    review_id: int
    reason: str
    detail: str
    """Ids, numbers and amounts; never who paid."""
    opened_at: datetime


class Quarantined(Struct, frozen=True, kw_only=True):
    """A notification that was not acted upon."""

    provider: str
    notification_id: str
    reason: str
    received_at: datetime


@get("/console/reviews")
async def reviews_page(staffed: StaffedOf) -> Response[bytes]:
    """All that is open."""
    return await show_reviews(staffed)


@post("/console/reviews/{review_id:str}/close", status_code=200)
async def close(staffed: StaffedOf, review_id: FromPath[str]) -> Response[bytes]:
    """Somebody has looked, and says what was done."""
    said = (await staffed.form()).text("words")
    if not (review_id.isascii() and review_id.isdigit()) or int(review_id) > _LARGEST:
        raise MissingError("review", review_id)
    try:
        async with transaction(staffed.pool, Purpose.DECIDE) as connection:
            await close_review(connection, staffed.operator, int(review_id), by=staffed.by, words=said)
    except FieldError:
        text = marked("Say what was done, in at most 500 characters, for whoever looks at it later.")
        return await show_reviews(staffed, problem=staffed.say(text))
    return staffed.go("/console/reviews")


async def open_reviews(staffed: Staffed) -> list[ReviewRow]:
    """Of payments, the longest waiting first."""
    reasons = [reason.value for reason in PaymentReview]
    return many(await staffed.pool.fetch(_REVIEWS, staffed.operator, reasons), ReviewRow)


async def show_reviews(staffed: Staffed, *, problem: str = "") -> Response[bytes]:
    """The page, with what was wrong with what was sent."""
    pool, operator = staffed.pool, staffed.operator
    reviews = await open_reviews(staffed)
    return staffed.show(
        "console/reviews.html",
        status=422 if problem else 200,
        problem=problem,
        reviews=reviews,
        payments=await _payments(staffed, reviews),
        quarantined=many(await pool.fetch(_QUARANTINED, operator), Quarantined),
        suspense=await list_suspense(pool, operator),
        chargebacks=await list_chargebacks(pool, operator),
        promises=await list_unproved(pool, operator),
        may_give_up=staffed.may("POST", "/console/promises/{session_id}/give-up"),
        may_close=staffed.may("POST", "/console/reviews/{review_id}/close"),
        words=words,
    )


async def _payments(staffed: Staffed, reviews: list[ReviewRow]) -> dict[int, str]:
    """The payment that each review is about, where it names one of ours."""
    named = {one.review_id: _NUMBER.findall(one.detail) for one in reviews}
    numbers = sorted({number for found in named.values() for number in found})
    rows = await staffed.pool.fetch(_INTENTS, staffed.operator, numbers)
    intents = {row["number"]: row["intent_id"] for row in rows}
    return {
        review: next(intents[number] for number in found if number in intents)
        for review, found in named.items()
        if any(number in intents for number in found)
    }
