"""Cash put down at the desk by somebody who shows no code: the desk makes the top-up, its code, and the receipt at once.

The same ways as a customer's own top-up at the counter, one after the other, so that books, till and refunds know no
difference. The same key again, after whatever failed, goes on where it stopped: cash is received once.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from coinslot.fields import FieldError, MissingError
from coinslot.payments.model import Attempt, Merchant
from coinslot.payments.port import Channel, Created
from coinslot.payments.states import IntentState
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.counter import PROVIDER, CashSlip, receive
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.errors import NotPayable, Unpayable
from coinslot.settlement.payments.merchants import list_merchants
from coinslot.settlement.payments.offering import Offer, ask_now, offer
from coinslot.settlement.payments.rows import find_intent
from coinslot.settlement.payments.topups import TopupWish, open_topup
from coinslot.wire.ids import OperatorId, StaffId

_created: Final = msgspec.json.Decoder(Created)


class DeskTopup(Struct, frozen=True, kw_only=True):
    """Cash that is in the drawer."""

    slip: CashSlip
    bonus_minor: int
    credited: bool
    """Whether it is on the wallet already; else it will be within a second or two."""


async def top_up_at_desk(
    door: PaymentDoor, staff: StaffId, purse: Purse, *, amount_minor: int, key: str, about: str
) -> DeskTopup:
    """The customer has put down exactly this. MissingError, FieldError, AmountRefused, NotAllowed, KeyReused, TooManyOpen,
    NotPayable: nothing was received then, as far as the answer goes, and the same key may be used again."""
    merchant = await _drawer(door, purse.operator)
    intent = await open_topup(
        door.pool, TopupWish(purse=purse, key=f"desk:{key}", amount_minor=amount_minor, about="")
    )
    attempt = await offer(
        door,
        Offer(intent=intent, merchant=merchant, channel=Channel.COUNTER, key=f"desk:{key}", subject=about),
    )
    slip = await receive(
        door, purse.operator, staff, code=_code(attempt, intent.intent_id), amount_minor=amount_minor
    )
    if slip.at is not None:
        await ask_now(door, attempt, slip.at)
    now_known = await find_intent(door.pool, purse.operator, intent.intent_id)
    paid = now_known is not None and now_known.state not in (IntentState.OPEN, IntentState.EXPIRED)
    return DeskTopup(slip=slip, bonus_minor=intent.bonus_minor, credited=paid)


async def _drawer(door: PaymentDoor, operator: OperatorId) -> Merchant:
    async with door.pool.acquire() as connection:
        merchants = await list_merchants(connection, operator)
    drawers = [each for each in merchants if each.provider == PROVIDER and each.active]
    if not drawers:
        raise MissingError("drawer", "for cash")
    if len(drawers) > 1:
        raise FieldError("drawer", "there are several; receive the cash by the code that the customer shows")
    return drawers[0]


def _code(attempt: Attempt, intent: str) -> str:
    if attempt.created is None:
        raise NotPayable(Unpayable.OVER, intent)
    code = _created.decode(attempt.created).code
    if not code:
        raise NotPayable(Unpayable.OVER, intent)
    return code
