"""Money that nobody had asked for, and money that was taken back: who it belongs to, or who bears it, said once, whole.

What each way does, and who may decide it alone, is settlement's (settlement/payments/suspense, operator_refunds).
"""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import FieldError, InputError, MissingError
from coinslot.ledger.errors import LedgerError
from coinslot.settlement.payments.operator_refunds import ask_refund, propose
from coinslot.settlement.payments.proposals import Proposal
from coinslot.settlement.payments.refund_requests import MOST_WORDS, Reason, RefundWish, Way, What
from coinslot.settlement.payments.suspense import Chargeback, Suspended, list_chargebacks, list_suspense
from coinslot.web.console import words
from coinslot.web.console.payments_store import search
from coinslot.web.console.refund_words import why_not
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.customer.visit import new_key
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked

WAYS: Final = {
    What.SUSPENSE: (Way.PAYER, Way.WALLET, Way.REVENUE),
    What.CHARGEBACK: (Way.LOSS, Way.WALLET, Way.SESSION),
}
_REFUSED: Final = (InputError, LedgerError)


@get("/console/suspense/{target:str}")
async def suspense_page(staffed: StaffedOf, target: FromPath[str]) -> Response[bytes]:
    """A payment that nobody had asked for."""
    return _show(staffed, What.SUSPENSE, await _suspended(staffed, target), key=new_key())


@post("/console/suspense/{target:str}", status_code=200)
async def explain(staffed: StaffedOf, target: FromPath[str]) -> Response[bytes]:
    """Say whose it is: shown first, then done or asked for."""
    return await _sent(staffed, What.SUSPENSE, target, await _suspended(staffed, target))


@get("/console/chargebacks/{target:str}")
async def chargeback_page(staffed: StaffedOf, target: FromPath[str]) -> Response[bytes]:
    """Money that was taken back from us."""
    return _show(staffed, What.CHARGEBACK, await _charged_back(staffed, target), key=new_key())


@post("/console/chargebacks/{target:str}", status_code=200)
async def bear(staffed: StaffedOf, target: FromPath[str]) -> Response[bytes]:
    """Say who bears it, likewise."""
    return await _sent(staffed, What.CHARGEBACK, target, await _charged_back(staffed, target))


async def _suspended(staffed: Staffed, target: str) -> Suspended:
    for one in await list_suspense(staffed.pool, staffed.operator):
        if one.suspense_id == target:
            return one
    raise MissingError("payment in suspense", target)


async def _charged_back(staffed: Staffed, target: str) -> Chargeback:
    for one in await list_chargebacks(staffed.pool, staffed.operator):
        if one.chargeback_id == target:
            return one
    raise MissingError("chargeback", target)


async def _sent(staffed: Staffed, what: What, target: str, about: Suspended | Chargeback) -> Response[bytes]:
    form = await staffed.form()
    proposal, problem = None, ""
    try:
        wish = await _wish(staffed, what, target, form)
        if form.text("confirmed"):
            request = await ask_refund(staffed.door, wish, staffed.who.staff_id)
            return staffed.go(f"/console/refunds/{request.request_id}")
        proposal = await propose(staffed.door, wish)
    except MissingError:
        problem = staffed.say(marked("There is no such customer or session."))
    except _REFUSED as error:
        problem = why_not(staffed, error, about.currency)
    key = form.text("key") if proposal is not None else new_key()
    return _show(staffed, what, about, key=key, form=form, proposal=proposal, problem=problem)


async def _wish(staffed: Staffed, what: What, target: str, form: Form) -> RefundWish:
    chosen = form.text("way")
    if chosen not in {way.value for way in WAYS[what]}:
        raise FieldError("way", "must be one of the list")
    return RefundWish(
        operator=staffed.operator,
        key=form.text("key") or new_key(),
        what=what,
        target=target,
        reason=Reason.EXPLAINED,
        words=form.text("words"),
        way=Way(chosen),
        beneficiary=await _beneficiary(staffed, Way(chosen), form.text("whose")),
    )


async def _beneficiary(staffed: Staffed, way: Way, text: str) -> str | None:
    """A customer's id by id or phone, a session's by its id; None where none is named."""
    if way not in (Way.WALLET, Way.SESSION) or not text:
        return None
    found = await search(staffed.pool, staffed.operator, text)
    # A session that a guest has paid for is found as its payment.
    return (found.customer if way is Way.WALLET else found.session or text) or text[:60]


def _show(
    staffed: Staffed,
    what: What,
    about: Suspended | Chargeback,
    *,
    key: str,
    form: Form | None = None,
    proposal: Proposal | None = None,
    problem: str = "",
) -> Response[bytes]:
    said = form or Form({})
    return staffed.show(
        "console/explain.html",
        status=422 if problem else 200,
        what=what,
        about=about,
        ways=WAYS[what],
        key=key,
        way=said.text("way"),
        whose=said.text("whose")[:60],
        said=said.text("words")[:MOST_WORDS],
        proposal=proposal,
        problem=problem,
        words=words,
    )
