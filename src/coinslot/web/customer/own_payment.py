"""A top-up of the visitor's own, with everything that was tried for it. Anything else is not found."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from litestar.response import Response
from msgspec import Struct

from coinslot.payments.model import Attempt, Intent, IntentPurpose, Refund
from coinslot.payments.standing import Stand, stand
from coinslot.rows import many
from coinslot.settlement.payments.rows import REFUND_COLUMNS, attempts_of, find_intent
from coinslot.web.pages.page import Page
from coinslot.wire.ids import OperatorId, is_id

# Attempts that end without anything having been paid change nothing that the page says.
_SIGN: Final = """
    SELECT md5(concat_ws('|', i.state, i.expires_at <= now(),
        (SELECT string_agg(concat_ws(',', a.number, a.state, a.mark, a.created IS NOT NULL, a.expires_at <= now()), ';'
                           ORDER BY a.number)
         FROM payment_attempt a WHERE a.intent_id = i.intent_id AND a.operator_id = i.operator_id
           AND (a.state NOT IN ('closing', 'closed') OR a.mark <> '')),
        (SELECT string_agg(concat_ws(',', r.number, r.state), ';' ORDER BY r.number)
         FROM payment_attempt a JOIN refund r ON r.attempt_number = a.number AND r.operator_id = a.operator_id
         WHERE a.intent_id = i.intent_id AND a.operator_id = i.operator_id)))
    FROM payment_intent i
    WHERE i.operator_id = $1 AND i.intent_id = $2 AND i.customer_id = $3 AND i.purpose = 'topup'
"""
_REFUNDS: Final = f"""
    SELECT {REFUND_COLUMNS} FROM refund r
    WHERE r.operator_id = $1 AND r.attempt_number = ANY($2::text[]) ORDER BY r.requested_at, r.number
"""


class OwnPayment(Struct, frozen=True, kw_only=True):
    """A top-up, its attempts and what of them went back, at one moment of the database's clock."""

    intent: Intent
    stand: Stand
    refunds: tuple[Refund, ...]
    now: datetime
    sign: str
    """A short hash of what its page shows."""

    @property
    def operator(self) -> OperatorId:
        """Whose it is."""
        return self.intent.operator_id

    @property
    def attempt(self) -> Attempt | None:
        """The one it is about."""
        return self.stand.attempt


async def find_own_payment(page: Page, intent_id: str) -> OwnPayment | None:
    """The visitor's; None for another's, and for any other text whatever."""
    sign = await sign_of(page, intent_id)
    if sign is None:
        return None
    pool = page.services.pool
    for login in page.logins:
        intent = await find_intent(pool, login.operator_id, intent_id)
        if (
            intent is None
            or intent.customer_id != login.customer_id
            or intent.purpose is not IntentPurpose.TOPUP
        ):
            continue
        attempts = await attempts_of(pool, intent)
        rows = await pool.fetch(_REFUNDS, intent.operator_id, [one.number for one in attempts])
        now: datetime = await pool.fetchval("SELECT clock_timestamp()")
        return OwnPayment(
            intent=intent,
            stand=stand(intent, attempts, now),
            refunds=tuple(many(rows, Refund)),
            now=now,
            sign=sign,
        )
    return None


async def sign_of(page: Page, intent_id: str) -> str | None:
    """What changes when the page would; None for what is not the visitor's."""
    if not is_id(intent_id):
        return None
    for login in page.logins:
        found = await page.services.pool.fetchval(_SIGN, login.operator_id, intent_id, login.customer_id)
        if isinstance(found, str):
            return found
    return None


def not_your_payment(page: Page) -> Response[bytes]:
    """The one answer to whatever payment is not the visitor's, or is none at all. Most who see it came back from
    their payment in another browser than the one where they began: the words are for them."""
    return page.show("pay/not_yours.html", status=404)
