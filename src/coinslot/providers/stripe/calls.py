"""What the library is called with, made of the port's orders. Pure; Rejected for what could never be sent."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from coinslot.payments.numbers import made_at
from coinslot.payments.port import Channel, PaymentOrder, RefundOrder, Rejected, Unknown
from coinslot.providers.stripe.amounts import to_wire

if TYPE_CHECKING:
    from stripe.params._refund_create_params import RefundCreateParams
    from stripe.params.checkout._session_create_params import SessionCreateParams

PAYMENT: Final = "coinslot_payment"
REFUND: Final = "coinslot_refund"
"""Names in `metadata`, under which sessions, charges and refunds carry our numbers."""
MADE_WITHIN: Final = timedelta(hours=1)
"""After its number was made an order may be made so much later, and no later: it is looked for there."""
OUTLIVES: Final = timedelta(minutes=35)
"""Stripe's sessions live half an hour at least from when they are made, which may be at the end of ours; the rest is
for clocks that differ. What ends them in time is `close`."""
_MOST_LIFE: Final = timedelta(hours=23)
_MOST_SUBJECT: Final = 200


def session_parameters(order: PaymentOrder, now: datetime) -> SessionCreateParams:
    """For `checkout.sessions.create`; the same however often an order is asked for. Rejected; Unknown when it is too
    late to ask, since an earlier request may have been heard."""
    if order.channel not in (Channel.BROWSER, Channel.QR):
        raise Rejected("CHANNEL", "Stripe is paid on its own page, by link or code")
    amount = to_wire(order.amount_minor, order.currency)
    _check_time(order, now)
    back = order.return_url or _front_door(order.notify_url)
    return {
        "mode": "payment",
        "client_reference_id": order.number,
        "metadata": {PAYMENT: order.number},
        # Charges take over what their payment's intent has; bills are read by it.
        "payment_intent_data": {"metadata": {PAYMENT: order.number}},
        # Paid at once or not at all: an appliance does not wait for a bank's transfer.
        "allowed_payment_method_types": ["card"],
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": amount,
                    "product_data": {"name": _fit(order.subject) or order.number},
                },
            }
        ],
        # Exactly this amount in exactly this currency.
        "adaptive_pricing": {"enabled": False},
        "expires_at": int((order.expires_at + OUTLIVES).timestamp()),
        "success_url": back,
        "cancel_url": back,
    }


def refund_parameters(order: RefundOrder, intent: str) -> RefundCreateParams:
    """For `refunds.create`. Rejected."""
    return {
        "payment_intent": intent,
        "amount": to_wire(order.amount_minor, order.currency),
        "reason": "requested_by_customer",
        "metadata": {REFUND: order.number, PAYMENT: order.payment_number},
    }


def moment(number: str) -> datetime:
    """When a payment's number was made. Rejected for what is none: nobody could find it again."""
    at = made_at(number)
    if at is None:
        raise Rejected("NUMBER", "it is none of the numbers that payments have")
    return at


def _check_time(order: PaymentOrder, now: datetime) -> None:
    if order.expires_at > now + _MOST_LIFE:
        raise Rejected("EXPIRY", "a payment with Stripe lives at most 23 hours")
    if now >= order.expires_at or now - moment(order.number) > MADE_WITHIN:
        raise Unknown(
            "TOO_LATE", "nothing was sent: its time is over, and an earlier request may have been heard"
        )


def _front_door(notify_url: str) -> str:
    """Where a payer's phone goes afterwards when nobody has said: the server's first page."""
    parts = urlsplit(notify_url)
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise Rejected("RETURN_URL", "Stripe needs an address to lead back to: set `public_url`")
    return f"{parts.scheme}://{parts.netloc}/"


def _fit(text: str) -> str:
    plain = "".join(" " if unicodedata.category(each).startswith(("C", "Z")) else each for each in text)
    return " ".join(plain.split())[:_MOST_SUBJECT].strip()
