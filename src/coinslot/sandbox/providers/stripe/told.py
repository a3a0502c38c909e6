"""What the provider says of things, as JSON; and what it says wrongly when asked to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from coinslot.sandbox.providers.stripe.book import Charge, Refund, Session, Status, Transaction
from coinslot.sandbox.providers.switches import Armed, Failure

Content: TypeAlias = dict[str, object]
Take: TypeAlias = Callable[[Failure], Armed | None]

PAYER: Final = {"email": "jenny.rosen@example.com", "name": "Jenny Rosen", "phone": "+14155550100"}
"""The sandbox's payer, as the wire tells of one."""
NOBODYS: Final = "pzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
"""A number that is not what was asked for."""
STRANGER: Final = "acct_1SomebodyElse001"


def seconds(at: datetime) -> int:
    """Since 1970."""
    return int(at.timestamp())


def session_content(session: Session, url: str, expand: Sequence[str] = ()) -> Content:
    """A checkout session."""
    body = session.body
    intent: object = session.intent or None
    if intent and "payment_intent" in {each.split(".")[0] for each in expand}:
        intent = intent_content(session, is_deep=any("latest_charge" in each for each in expand))
    return {
        "id": session.id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": body.adaptive_pricing is None or body.adaptive_pricing.enabled},
        "amount_subtotal": body.total,
        "amount_total": body.total,
        "cancel_url": body.cancel_url or None,
        "client_reference_id": body.client_reference_id,
        "created": session.created,
        "currency": body.currency,
        "customer_details": dict(PAYER) if session.is_paid else None,
        "expires_at": session.expires_at,
        "livemode": False,
        "metadata": dict(body.metadata),
        "mode": body.mode,
        "payment_intent": intent,
        "payment_method_types": body.allowed_payment_method_types or ["card", "link"],
        "payment_status": "paid" if session.is_paid else "unpaid",
        "status": session.status.value,
        "success_url": body.success_url,
        "ui_mode": "hosted_page",
        "url": f"{url}/c/pay/{session.id}#fidkdWxOYHwnPyd1blpxYHZxWjA0"
        if session.status is Status.OPEN
        else None,
    }


def intent_content(session: Session, *, is_deep: bool = False) -> Content:
    """A payment intent."""
    charge, data = session.charge, session.body.payment_intent_data
    latest: object = None if charge is None else charge.id
    if is_deep and charge is not None:
        latest = charge_content(session, charge)
    return {
        "id": session.intent,
        "object": "payment_intent",
        "amount": session.body.total,
        "amount_received": 0 if charge is None else charge.amount,
        "created": session.created,
        "currency": session.body.currency,
        "latest_charge": latest,
        "livemode": False,
        "metadata": {} if data is None else dict(data.metadata),
        "status": "requires_payment_method" if charge is None else "succeeded",
    }


def charge_content(session: Session, charge: Charge) -> Content:
    """A charge: it has taken its metadata over from its payment's intent."""
    data = session.body.payment_intent_data
    return {
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_refunded": charge.refunded(),
        "billing_details": dict(PAYER),
        "created": seconds(charge.made_at),
        "currency": session.body.currency,
        "livemode": False,
        "metadata": {} if data is None else dict(data.metadata),
        "paid": True,
        "payment_intent": session.intent,
        "refunded": charge.refunded() == charge.amount,
        "status": "succeeded",
    }


def refund_content(session: Session, refund: Refund) -> Content:
    """A refund."""
    assert session.charge is not None
    return {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": session.charge.id,
        "created": seconds(refund.made_at),
        "currency": session.body.currency,
        "metadata": dict(refund.metadata),
        "payment_intent": session.intent,
        "reason": refund.reason,
        "status": refund.status.value,
    }


def transaction_content(moved: Transaction, expand: Sequence[str] = ()) -> Content:
    """A movement of the balance."""
    source: object = moved.id
    if moved.session is not None and moved.session.charge is not None:
        told = (
            charge_content(moved.session, moved.session.charge)
            if moved.refund is None
            else refund_content(moved.session, moved.refund)
        )
        source = told if "source" in expand else told["id"]
    return {
        "id": moved.id,
        "object": "balance_transaction",
        "amount": moved.amount,
        "available_on": seconds(moved.made_at) + 7 * 86_400,
        "created": seconds(moved.made_at),
        "currency": moved.currency,
        "exchange_rate": None,
        "fee": moved.fee,
        "net": moved.amount - moved.fee,
        "reporting_category": moved.kind,
        "source": source,
        "status": "pending",
        "type": moved.kind,
    }


def distorted(content: Content, take: Take) -> Content:
    """Something is wrong in it, if that was asked for: of a session or a refund."""
    told = dict(content)
    name = "amount_total" if told.get("object") == "checkout.session" else "amount"
    amount = told.get(name)
    if isinstance(amount, int) and (armed := take(Failure.WRONG_AMOUNT)):
        told[name] = armed.number(amount - 1)
    if "livemode" in told and take(Failure.WRONG_APP):
        told["livemode"] = not told["livemode"]
    metadata = told.get("metadata")
    if isinstance(metadata, Mapping) and metadata and take(Failure.WRONG_NUMBER):
        told["metadata"] = dict.fromkeys(metadata, NOBODYS)
        if "client_reference_id" in told:
            told["client_reference_id"] = NOBODYS
    return told
