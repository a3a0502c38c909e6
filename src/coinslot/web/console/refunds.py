"""Money given back by somebody's decision: asked for, shown in figures, agreed to by a second person.

What may be given back, by whom alone and by whom together is decided by settlement/payments/operator_refunds.
"""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import FieldError, InputError, MissingError
from coinslot.ledger.errors import LedgerError
from coinslot.money import MoneyError, format_amount, parse_amount
from coinslot.payments.states import IllegalEvent
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.operator_refunds import approve, ask_refund, decline, propose, request_of
from coinslot.settlement.payments.proposals import Proposal
from coinslot.settlement.payments.refund_requests import (
    MOST_WORDS,
    Reason,
    RefundWish,
    What,
    latest_requests,
    open_requests,
)
from coinslot.settlement.payments.refunds import ask_again, give_up_refund
from coinslot.settlement.payments.rows import find_attempt, find_intent, find_refund
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


@get("/console/refunds")
async def refunds_page(staffed: StaffedOf) -> Response[bytes]:
    """What waits for a second person, and what was decided lately."""
    waiting = await open_requests(staffed.pool, staffed.operator)
    known = {request.request_id for request in waiting}
    latest = await latest_requests(staffed.pool, staffed.operator)
    return staffed.show(
        "console/refunds.html",
        waiting=waiting,
        latest=[one for one in latest if one.request_id not in known],
        words=words,
    )


@get("/console/refunds/{request_id:str}")
async def request_page(staffed: StaffedOf, request_id: FromPath[str]) -> Response[bytes]:
    """A request with what it does, and for whoever may decide, how."""
    return await _show_request(staffed, request_id)


@post("/console/refunds/{request_id:str}/approve", status_code=200)
async def approve_request(staffed: StaffedOf, request_id: FromPath[str]) -> Response[bytes]:
    """Agree: it is done now."""
    said = (await staffed.form()).text("words")
    try:
        await approve(door_of(staffed), staffed.operator, _id(request_id), staffed.who.staff_id, said)
    except MissingError:
        raise
    except _REFUSED as error:
        return await _show_request(staffed, request_id, problem=why_not(staffed, error))
    return staffed.go(f"/console/refunds/{request_id}")


@post("/console/refunds/{request_id:str}/decline", status_code=200)
async def decline_request(staffed: StaffedOf, request_id: FromPath[str]) -> Response[bytes]:
    """Disagree, and say why."""
    said = (await staffed.form()).text("words")
    try:
        await decline(door_of(staffed), staffed.operator, _id(request_id), staffed.who.staff_id, said)
    except MissingError:
        raise
    except _REFUSED as error:
        return await _show_request(staffed, request_id, problem=why_not(staffed, error))
    return staffed.go(f"/console/refunds/{request_id}")


@post("/console/provider-refunds/{number:str}/again")
async def again(staffed: StaffedOf, number: FromPath[str]) -> Response[bytes]:
    """Have the provider try an abnormal refund again, with the same number."""
    await staffed.form()
    path = await _path_of_refund(staffed, number)
    try:
        await ask_again(staffed.pool, staffed.operator, number, by=staffed.by)
    except IllegalEvent:
        return staffed.go(path)  # somebody else has decided, or the provider has
    door_of(staffed).nudge()
    return staffed.go(path)


@post("/console/provider-refunds/{number:str}/give-up")
async def give_up(staffed: StaffedOf, number: FromPath[str]) -> Response[bytes]:
    """The provider will not do it: the money stays due, or goes back to the wallet."""
    await staffed.form()
    path = await _path_of_refund(staffed, number)
    try:
        await give_up_refund(staffed.pool, staffed.operator, number, by=staffed.by)
    except IllegalEvent:
        return staffed.go(path)
    return staffed.go(path)


def door_of(staffed: Staffed) -> PaymentDoor:
    """Where money is given back; without a cashier in this process another one looks every second."""
    return staffed.page.services.payments or PaymentDoor(pool=staffed.pool)


async def _payment(staffed: Staffed, intent_id: str) -> tuple[str, str]:
    intent = await find_intent(staffed.pool, staffed.operator, _id(intent_id))
    if intent is None or intent.paid_by is None:
        raise MissingError("payment", intent_id)
    return intent.paid_by, intent.currency


async def _session(staffed: Staffed, session_id: str) -> str:
    session = await reading.find_session(staffed.pool, staffed.operator, session_id)
    if session is None:
        raise MissingError("session", session_id)
    return session.currency


async def _path_of_refund(staffed: Staffed, number: str) -> str:
    refund = await find_refund(staffed.pool, staffed.operator, _id(number))
    attempt = refund and await find_attempt(staffed.pool, staffed.operator, refund.attempt_number)
    if not attempt:
        raise MissingError("refund", number)
    return f"/console/payments/{attempt.intent_id}"


def _id(text: str) -> str:
    if not is_id(text):
        raise MissingError("thing", "")
    return text


async def _form(staffed: Staffed, what: What, target: str, currency: str, back: str) -> Response[bytes]:
    """Empty, with the most that can be given back."""
    wish = _wish(staffed, what, target, key=new_key(), reason=Reason.OTHER, said=".", amount_minor=None)
    try:
        most = await propose(door_of(staffed), wish)
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
        amount_minor = parse_amount(form.text("amount").replace(",", ""), currency)
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
            shown = await propose(door_of(staffed), wish)
            return _again(staffed, form, back, currency, key=wish.key, most=shown, proposal=shown)
        request = await ask_refund(door_of(staffed), wish, staffed.who.staff_id)
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


async def _show_request(staffed: Staffed, request_id: str, *, problem: str = "") -> Response[bytes]:
    view = await request_of(door_of(staffed), staffed.operator, _id(request_id), staffed.who.staff_id)
    about = ""
    match view.request.what:
        case What.SESSION:
            about = f"/console/sessions/{view.request.target}"
        case What.PAYMENT:
            attempt = await find_attempt(staffed.pool, staffed.operator, view.request.target)
            about = "" if attempt is None else f"/console/payments/{attempt.intent_id}"
        case What.SUSPENSE | What.CHARGEBACK:
            about = "/console/reviews"
    return staffed.show(
        "console/refund_request.html",
        about=about,
        status=422 if problem else 200,
        request=view.request,
        proposal=view.proposal,
        # What the store says is for a log; a page says it in the reader's language.
        problem=problem
        or (staffed.say(marked("As things stand now, it would be refused.")) if view.problem else ""),
        barred=None if view.barred is None else staffed.say(words.BARRED[view.barred]),
        may_decide=view.barred is None and staffed.may("POST", "/console/refunds/{request_id}/approve"),
        words=words,
    )
