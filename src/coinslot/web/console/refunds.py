"""Refunds that somebody asked for: what waits for a second person, what it does, and that person's decision; and those
that a provider cannot deliver.
"""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import InputError, MissingError
from coinslot.ledger.errors import LedgerError
from coinslot.payments.states import IllegalEvent
from coinslot.settlement.payments.operator_refunds import approve, decline, request_of
from coinslot.settlement.payments.refund_requests import What, latest_requests, open_requests
from coinslot.settlement.payments.refunds import ask_again, give_up_refund
from coinslot.settlement.payments.rows import find_attempt, find_refund
from coinslot.web.console import words
from coinslot.web.console.refund_words import why_not
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.pages.languages import marked
from coinslot.wire.ids import is_id

_REFUSED: Final = (InputError, LedgerError)


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
        await approve(staffed.door, staffed.operator, _id(request_id), staffed.who.staff_id, said)
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
        await decline(staffed.door, staffed.operator, _id(request_id), staffed.who.staff_id, said)
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
    staffed.door.nudge()
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


async def _show_request(staffed: Staffed, request_id: str, *, problem: str = "") -> Response[bytes]:
    view = await request_of(staffed.door, staffed.operator, _id(request_id), staffed.who.staff_id)
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
