"""Asking for money back: the form, what it would do, and the request.

What may be given back, by whom alone and by whom together is decided by settlement/payments/operator_refunds.
"""

from __future__ import annotations

import re
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import FieldError, InputError, MissingError
from coinslot.ledger.errors import LedgerError
from coinslot.money import MoneyError, format_amount, parse_amount
from coinslot.settlement.payments.operator_refunds import ask_refund, propose
from coinslot.settlement.payments.proposals import Proposal
from coinslot.settlement.payments.refund_requests import MOST_WORDS, Reason, RefundWish, What
from coinslot.settlement.payments.rows import find_intent
from coinslot.web import reading
from coinslot.web.console import words
from coinslot.web.console.refund_words import why_not
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.customer.visit import new_key
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.wire.ids import is_id

REASONS: Final = tuple(reason for reason in Reason if reason is not Reason.EXPLAINED)
_REFUSED: Final = (InputError, LedgerError)
_THOUSANDS: Final = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
"""As in 1,000.00. Any other comma may be somebody's decimal one: 5,00 is no amount, and never 500.00."""


@get("/console/payments/{intent_id:str}/refund")
async def payment_refund(staffed: StaffedOf, intent_id: FromPath[str]) -> Response[bytes]:
    """The form for giving back a payment, or part of it."""
    number, currency = await _payment(staffed, intent_id)
    return await _form(staffed, What.PAYMENT, number, currency, f"/console/payments/{intent_id}")


@post("/console/payments/{intent_id:str}/refund", status_code=200)
async def refund_payment(staffed: StaffedOf, intent_id: FromPath[str]) -> Response[bytes]:
    """Show what it comes to, or do it."""
    number, currency = await _payment(staffed, intent_id)
    return await _sent(staffed, What.PAYMENT, number, currency, f"/console/payments/{intent_id}")


@get("/console/sessions/{session_id:str}/refund")
async def session_refund(staffed: StaffedOf, session_id: FromPath[str]) -> Response[bytes]:
    """The form for giving back a session's charge, or part of it."""
    currency = await _session(staffed, session_id)
    return await _form(staffed, What.SESSION, session_id, currency, f"/console/sessions/{session_id}")


@post("/console/sessions/{session_id:str}/refund", status_code=200)
async def refund_session(staffed: StaffedOf, session_id: FromPath[str]) -> Response[bytes]:
    """Show what it comes to, or do it."""
    currency = await _session(staffed, session_id)
    return await _sent(staffed, What.SESSION, session_id, currency, f"/console/sessions/{session_id}")


async def _payment(staffed: Staffed, intent_id: str) -> tuple[str, str]:
    intent = await find_intent(staffed.pool, staffed.operator, intent_id) if is_id(intent_id) else None
    if intent is None or intent.paid_by is None:
        raise MissingError("payment", intent_id)
    return intent.paid_by, intent.currency


async def _session(staffed: Staffed, session_id: str) -> str:
    session = await reading.find_sold(staffed.pool, staffed.operator, session_id)
    if session is None:
        raise MissingError("session", session_id)
    return session.currency


async def _form(staffed: Staffed, what: What, target: str, currency: str, back: str) -> Response[bytes]:
    """Empty, with the most that can be given back."""
    wish = _wish(staffed, what, target, key=new_key(), reason=Reason.OTHER, said=".", amount_minor=None)
    try:
        most = await propose(staffed.door, wish)
    except MissingError:
        raise
    except _REFUSED as error:
        return _show_form(
            staffed, back, currency, key=wish.key, most=None, problem=why_not(staffed, error, currency)
        )
    amount = format_amount(most.most_minor, currency)
    return _show_form(staffed, back, currency, key=wish.key, most=most, amount=amount)


async def _sent(staffed: Staffed, what: What, target: str, currency: str, back: str) -> Response[bytes]:
    form = await staffed.form()
    try:
        amount_minor = parse_amount(_THOUSANDS.sub("", form.text("amount")), currency)
        if not amount_minor:
            raise FieldError("amount_minor", "must be above zero")
        wish = _wish(
            staffed,
            what,
            target,
            key=form.text("key") or new_key(),
            reason=_reason(form),
            said=form.text("words"),
            amount_minor=amount_minor,
        )
        if not form.text("confirmed"):
            shown = await propose(staffed.door, wish)
            return _again(staffed, form, back, currency, key=wish.key, most=shown, proposal=shown)
        request = await ask_refund(staffed.door, wish, staffed.who.staff_id)
    except MissingError:
        raise
    except MoneyError:
        problem = staffed.say(marked("The amount must be a plain number such as 5.00."))
        return _again(staffed, form, back, currency, key=form.text("key"), problem=problem)
    except _REFUSED as error:
        problem = why_not(staffed, error, currency)
        return _again(staffed, form, back, currency, key=new_key(), problem=problem)
    return staffed.go(f"/console/refunds/{request.request_id}")


def _wish(
    staffed: Staffed,
    what: What,
    target: str,
    *,
    key: str,
    reason: Reason,
    said: str,
    amount_minor: int | None,
) -> RefundWish:
    return RefundWish(
        operator=staffed.operator,
        key=key,
        what=what,
        target=target,
        reason=reason,
        words=said,
        amount_minor=amount_minor,
    )


def _reason(form: Form) -> Reason:
    chosen = form.text("reason")
    if chosen not in {reason.value for reason in REASONS}:
        raise FieldError("reason", "must be one of the list")
    return Reason(chosen)


def _again(
    staffed: Staffed,
    form: Form,
    back: str,
    currency: str,
    *,
    key: str,
    most: Proposal | None = None,
    proposal: Proposal | None = None,
    problem: str = "",
) -> Response[bytes]:
    return _show_form(
        staffed,
        back,
        currency,
        key=key,
        most=most,
        proposal=proposal,
        problem=problem,
        amount=form.text("amount")[:30],
        reason=form.text("reason"),
        said=form.text("words")[:MOST_WORDS],
    )


def _show_form(
    staffed: Staffed,
    back: str,
    currency: str,
    *,
    key: str,
    most: Proposal | None = None,
    proposal: Proposal | None = None,
    problem: str = "",
    amount: str = "",
    reason: str = "",
    said: str = "",
) -> Response[bytes]:
    return staffed.show(
        "console/refund_form.html",
        status=422 if problem else 200,
        back=back,
        currency=currency,
        key=key,
        most=most,
        proposal=proposal,
        problem=problem,
        amount=amount,
        reason=reason,
        said=said,
        reasons=REASONS,
        words=words,
    )
