"""One code, as its provider makes it, and for how long it may be shown."""

from __future__ import annotations

import logging
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from coinslot.payments.model import Attempt, Merchant
from coinslot.payments.port import Created
from coinslot.payments.states import AttemptState
from coinslot.settlement.payments.attempts import OrderDetails
from coinslot.settlement.payments.collecting import create
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.patience import PATIENCE_S, with_patience
from coinslot.settlement.payments.unit import Pool, clock
from coinslot.wire.messages import Note

log = logging.getLogger(__name__)

_MARGIN_S: Final = 3
"""The screen gives up so much before the provider does: nobody is to scan what cannot be paid any more."""
_LEAST_S: Final = 10
"""A code with less to live is not shown again."""
_MAX_QR: Final = 512


class QrShown(Struct, frozen=True, kw_only=True):
    """A code to be paid."""

    qr: str
    amount_minor: int
    currency: str
    life_s: int
    """From now."""


OrderAnswer: TypeAlias = QrShown | Note


async def ask_code(
    door: PaymentDoor, attempt: Attempt, merchant: Merchant, subject: str, patience_s: float = PATIENCE_S
) -> OrderAnswer:
    """The code itself, from its provider, or why there is none. The same attempt again gives the same code."""
    provider = door.find(merchant)
    if provider is None:
        return Note.UNAVAILABLE
    details = OrderDetails(subject=subject, notify_url=door.notify_url(merchant))
    made = await with_patience(create(door.pool, provider, attempt, details), patience_s)
    return Note.TRY_AGAIN if made is None else await _shown(door.pool, made)


async def _shown(pool: Pool, attempt: Attempt) -> OrderAnswer:
    match attempt.state:
        case AttemptState.SUCCEEDED:
            return Note.PAID
        case AttemptState.NEW | AttemptState.CREATE_UNKNOWN:
            return Note.TRY_AGAIN
        case AttemptState.FAILED:
            return Note.UNAVAILABLE
        case AttemptState.CLOSING | AttemptState.CLOSED:
            return Note.EXPIRED
        case AttemptState.PENDING:
            pass
    if attempt.created is None:
        return Note.TRY_AGAIN
    async with pool.acquire() as connection:
        left_s = int((attempt.expires_at - await clock(connection)).total_seconds()) - _MARGIN_S
    if left_s < _LEAST_S:
        return Note.EXPIRED
    qr = msgspec.json.decode(attempt.created, type=Created).qr
    if not 0 < len(qr) <= _MAX_QR:
        log.error(
            "%s made a code of %d characters; a terminal shows 1 to %d",
            attempt.provider,
            len(qr),
            _MAX_QR,
        )
        return Note.UNAVAILABLE
    return QrShown(qr=qr, amount_minor=attempt.amount_minor, currency=attempt.currency, life_s=left_s)
