"""What Stripe's answers and events mean in the port's words. Pure. Whoever paid is never read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from coinslot.money import MAX_MINOR
from coinslot.payments.port import PaymentSeen, PaymentState, RefundSeen, RefundState
from coinslot.providers.stripe.amounts import NotExact, from_wire
from coinslot.providers.stripe.calls import PAYMENT, REFUND

_T = TypeVar("_T")

_REFUND_STATES: Final = {
    "pending": RefundState.PROCESSING,
    "requires_action": RefundState.PROCESSING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.ABNORMAL,
    "canceled": RefundState.CLOSED,
}
OVER: Final = ("failed", "canceled")
"""A refund that will never move money: the merchant has it again, and another one may be made."""
_TRIED_IN_VAIN: Final = ("requires_payment_method", "canceled")


class Unreadable(Exception):
    """Something of Stripe's that is not as documented. Holds no value of it."""


_Moment = Annotated[int, Meta(ge=0, le=2**40)]
_Id = Annotated[str, Meta(min_length=1, max_length=255)]


class Charge(Struct, frozen=True):
    """What took the money."""

    created: _Moment


class Intent(Struct, frozen=True):
    """A payment as such."""

    id: _Id
    status: str
    latest_charge: Charge | str | None = None


class Session(Struct, frozen=True):
    """A page to pay on. Others of the same account may lack what ours have."""

    id: _Id
    object: str
    livemode: bool
    mode: str
    payment_status: str
    status: str | None = None
    amount_total: int | None = None
    currency: str | None = None
    client_reference_id: str | None = None
    metadata: dict[str, str] | None = None
    payment_intent: Intent | str | None = None
    url: str | None = None

    @property
    def number(self) -> str:
        """Ours; empty for a page that somebody else has made. Unreadable when it has two."""
        told = (self.metadata or {}).get(PAYMENT, "")
        if told and told != self.client_reference_id:
            raise Unreadable("a session has two numbers")
        return told

    @property
    def intent_id(self) -> str:
        """Stripe's own id of the payment; there once somebody has tried to pay."""
        if isinstance(self.payment_intent, Intent):
            return self.payment_intent.id
        return self.payment_intent or ""


class Refund(Struct, frozen=True):
    """Money on its way back."""

    id: _Id
    object: str
    amount: int
    currency: str
    status: str
    created: _Moment
    payment_intent: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def number(self) -> str:
        """Ours; empty for one that was made elsewhere."""
        return (self.metadata or {}).get(REFUND, "")


class Page(Struct, Generic[_T], frozen=True):
    """Part of a list."""

    object: str
    data: list[_T]
    has_more: bool


def read(text: str | bytes, kind: type[_T], what: str) -> _T:
    """JSON of Stripe's, the object that was asked for. Unreadable."""
    try:
        found = msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable("the answer is not as documented") from None
    if getattr(found, "object", what) != what:
        raise Unreadable("the answer is about another kind of thing")
    return found


def payment_seen(session: Session, merchant: str, *, is_live: bool) -> PaymentSeen:
    """Unreadable when it is none of ours, of the other mode, or not as documented."""
    if not session.number:
        raise Unreadable("a session that is none of ours")
    if session.livemode is not is_live:
        raise Unreadable("test and live are mixed up")
    if session.mode != "payment" or session.amount_total is None or not session.currency:
        raise Unreadable("a session that is no payment")
    currency = session.currency.upper()
    return PaymentSeen(
        number=session.number,
        state=_state(session),
        provider_id=session.intent_id,
        amount_minor=_amount(session.amount_total, currency),
        currency=currency,
        merchant=merchant,
        paid_at=_paid_at(session),
    )


def refund_seen(refund: Refund, payment_number: str, merchant: str) -> RefundSeen:
    """Unreadable when it is not as documented."""
    state = _REFUND_STATES.get(refund.status)
    if state is None:
        raise Unreadable("a refund's state is none that is documented")
    currency = refund.currency.upper()
    return RefundSeen(
        number=refund.number,
        payment_number=payment_number,
        state=state,
        provider_id=refund.id,
        amount_minor=_amount(refund.amount, currency),
        currency=currency,
        merchant=merchant,
    )


def of_number(refunds: Sequence[Refund], number: str) -> Refund | None:
    """The one that stands for a number of ours: that which moves money, or else the last that was tried."""
    ours = sorted((each for each in refunds if each.number == number), key=lambda each: each.created)
    under_way = [each for each in ours if each.status not in OVER]
    return next(iter(under_way or reversed(ours)), None)


def at(moment: int) -> datetime:
    """Seconds since 1970."""
    return datetime.fromtimestamp(moment, UTC)


def _state(session: Session) -> PaymentState:
    intent = session.payment_intent
    told = intent.status if isinstance(intent, Intent) else ""
    # The money decides: a page may lag behind it.
    if session.payment_status == "paid" or told == "succeeded":
        return PaymentState.PAID
    match session.status, session.payment_status:
        case "open", "unpaid":
            return PaymentState.WAITING
        case "complete", "unpaid":
            # By a way to pay that takes days, which we do not offer.
            return PaymentState.FAILED if told in _TRIED_IN_VAIN else PaymentState.WAITING
        case "expired", "unpaid":
            return PaymentState.WAITING if told == "processing" else PaymentState.CLOSED
    raise Unreadable("a session's state is none that is documented")


def _paid_at(session: Session) -> datetime | None:
    intent = session.payment_intent
    charge = intent.latest_charge if isinstance(intent, Intent) else None
    if session.payment_status != "paid" or not isinstance(charge, Charge):
        return None
    return at(charge.created)


def _amount(told: int, currency: str) -> int:
    if not 0 <= told <= MAX_MINOR:
        raise Unreadable("an amount that no payment has")
    try:
        return from_wire(told, currency)
    except NotExact:
        raise Unreadable("an amount that the currency does not have") from None
