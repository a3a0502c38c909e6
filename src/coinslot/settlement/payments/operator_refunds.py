"""Money given back by the operator's own decision: proposed, asked for, done at once or agreed to by a second person.

    shown = await propose(door, wish)
    request = await ask_refund(door, wish, staff)      # DONE within the limit, else OPEN
    request = await approve(door, operator, request.request_id, other, "seen the meter")

Each decision is one transaction, in which everything is worked out anew: what changed meanwhile changes what is done,
or refuses it, and what was shown before is never carried out blindly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from coinslot.audit import write_audit
from coinslot.fields import InputError
from coinslot.ledger.errors import LedgerError
from coinslot.money import format_amount
from coinslot.settlement.payments import suspense
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.errors import Barred, NotAllowed, NotRefundable, Unrefundable
from coinslot.settlement.payments.payment_refunds import (
    find_payment,
    plan_payment_refund,
    session_paid_by,
)
from coinslot.settlement.payments.proposals import (
    Proposal,
    read_outcome,
    with_names,
    write_outcome,
)
from coinslot.settlement.payments.refund_deeds import carry_out
from coinslot.settlement.payments.refund_plans import Plan
from coinslot.settlement.payments.refund_requests import (
    RefundRequest,
    RefundWish,
    RequestState,
    What,
    add_request,
    check_wish,
    check_words,
    earlier_request,
    find_request,
    lock_request,
    save_decision,
)
from coinslot.settlement.payments.session_refunds import plan_session_refund
from coinslot.settlement.payments.two_people import (
    allowance_of,
    bar_of,
    hold_asker,
    hold_person,
    may_alone,
)
from coinslot.settlement.payments.unit import Connection, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import OperatorId, StaffId

T = TypeVar("T")

_TRIES: Final = 5


class RequestView(Struct, frozen=True, kw_only=True):
    """A request as a page shows it to one person."""

    request: RefundRequest
    proposal: Proposal | None
    """What was done; of an open one what would be done now. None where that is refused."""
    problem: str
    """Why it would be refused now."""
    barred: Barred | None
    """Why this person may not decide about it; None where she may."""


async def propose(door: PaymentDoor, wish: RefundWish) -> Proposal:
    """What it would come to now; nothing is changed. MissingError, NotRefundable, TooMuch, FieldError."""

    async def work(connection: Connection) -> Proposal:
        plan = await _plan(connection, await _about(connection, wish))
        return await with_names(connection, wish.operator, plan.proposal)

    return await _again(door, work)


async def ask_refund(door: PaymentDoor, wish: RefundWish, staff: StaffId) -> RefundRequest:
    """Within the person's limit it is done at once; above it somebody else has to agree. The same key is the same
    request.

    MissingError, NotRefundable, TooMuch, FieldError, NotAllowed, KeyReused; LedgerError where the wallet has less.
    """

    async def work(connection: Connection) -> RefundRequest:
        person = await hold_asker(connection, wish.operator, staff)
        wanted = await _about(connection, check_wish(wish))
        if (earlier := await earlier_request(connection, wanted)) is not None:
            return earlier
        plan = await _plan(connection, wanted)
        shown = plan.proposal
        request = await add_request(
            connection,
            wanted,
            way=shown.way,
            currency=shown.currency,
            amount_minor=shown.amount_minor,
            by=staff,
        )
        allowance = await allowance_of(connection, wish.operator, person)
        if not may_alone(person, allowance, shown.currency, shown.amount_minor):
            await _audit(connection, request, staff, "refund.ask")
            return request
        return await _carry_out(connection, request, plan, staff, "", "refund.do")

    return await _again(door, work, nudge=True)


async def approve(
    door: PaymentDoor, operator: OperatorId, request_id: str, staff: StaffId, words: str = ""
) -> RefundRequest:
    """A second person agrees: it is checked anew and done, in one transaction.

    MissingError, NotAllowed; NotRefundable, TooMuch or LedgerError for what has changed: then it stays open.
    """
    said = check_words("words", words) if words.strip() else ""

    async def work(connection: Connection) -> RefundRequest:
        request = await _lock_for(connection, operator, request_id, staff)
        plan = await _plan(connection, _wish_of(request))
        return await _carry_out(connection, request, plan, staff, said, "refund.approve")

    return await _again(door, work, nudge=True)


async def decline(
    door: PaymentDoor, operator: OperatorId, request_id: str, staff: StaffId, words: str
) -> RefundRequest:
    """A second person does not agree, and says why. MissingError, NotAllowed, FieldError."""
    said = check_words("words", words)

    async def work(connection: Connection) -> RefundRequest:
        request = await _lock_for(connection, operator, request_id, staff)
        declined = await save_decision(connection, request, state=RequestState.DECLINED, by=staff, words=said)
        await _audit(connection, declined, staff, "refund.decline")
        return declined

    return await _again(door, work)


async def request_of(door: PaymentDoor, operator: OperatorId, request_id: str, staff: StaffId) -> RequestView:
    """A request with its figures, and whether this person may decide about it. MissingError."""

    async def bar(connection: Connection) -> tuple[RefundRequest, Barred | None]:
        person = await hold_person(connection, operator, staff)
        request = await find_request(connection, operator, request_id)
        return request, await bar_of(connection, person, request)

    async def figures(connection: Connection) -> Proposal:
        plan = await _plan(connection, _wish_of(request))
        return await with_names(connection, operator, plan.proposal)

    request, barred = await _again(door, bar)
    if request.outcome is not None:
        done = await with_names(door.pool, operator, read_outcome(request.outcome))
        return RequestView(request=request, proposal=done, problem="", barred=barred)
    if request.state is not RequestState.OPEN:
        return RequestView(request=request, proposal=None, problem="", barred=barred)
    try:
        proposal = await _again(door, figures)
    except (InputError, LedgerError) as error:
        return RequestView(request=request, proposal=None, problem=str(error), barred=barred)
    return RequestView(request=request, proposal=proposal, problem="", barred=barred)


async def _lock_for(
    connection: Connection, operator: OperatorId, request_id: str, staff: StaffId
) -> RefundRequest:
    person = await hold_person(connection, operator, staff)
    request = await lock_request(connection, operator, request_id)
    if barred := await bar_of(connection, person, request):
        raise NotAllowed(barred, request_id)
    return request


async def _about(connection: Connection, wish: RefundWish) -> RefundWish:
    """A direct payment is given back as the session it has paid for; other payments have one name."""
    if wish.what is not What.PAYMENT:
        return wish
    attempt = await find_payment(connection, wish.operator, wish.target)
    session = await session_paid_by(connection, wish.operator, attempt)
    if session is None:
        return replace(wish, target=attempt.number)
    return replace(wish, what=What.SESSION, target=session)


def _wish_of(request: RefundRequest) -> RefundWish:
    return RefundWish(
        operator=request.operator_id,
        key=request.request_id,
        what=request.what,
        target=request.target,
        reason=request.reason,
        words=request.words,
        amount_minor=request.amount_minor,
        way=request.way,
        beneficiary=request.beneficiary,
    )


async def _plan(connection: Connection, wish: RefundWish) -> Plan:
    if wish.what in (What.SESSION, What.PAYMENT) and wish.beneficiary is not None:
        raise NotRefundable(Unrefundable.WAY, wish.target, "it goes to whoever has paid")
    amount_minor, way, operator = wish.amount_minor, wish.way, wish.operator
    match wish.what:
        case What.SESSION:
            return await plan_session_refund(connection, operator, wish.target, amount_minor, way)
        case What.PAYMENT:
            return await plan_payment_refund(connection, operator, wish.target, amount_minor, way)
        case What.SUSPENSE:
            return await suspense.plan_explained(connection, wish)
        case What.CHARGEBACK:
            return await suspense.plan_borne(connection, wish)


async def _carry_out(
    connection: Connection, request: RefundRequest, plan: Plan, staff: StaffId, words: str, action: str
) -> RefundRequest:
    proposal = await carry_out(connection, request, plan, staff)
    done = await save_decision(
        connection,
        request,
        state=RequestState.DONE,
        by=staff,
        words=words,
        outcome=write_outcome(proposal),
    )
    await _audit(connection, done, staff, action)
    return done


async def _audit(connection: Connection, request: RefundRequest, staff: StaffId, action: str) -> None:
    amount = f"{format_amount(request.amount_minor, request.currency)} {request.currency}"
    detail = f"{request.what.value} {request.target} {amount} {request.way.value} {request.reason.value}"
    await write_audit(
        connection, request.operator_id, by=staff, action=action, target=request.request_id, detail=detail
    )


async def _again(door: PaymentDoor, work: Callable[[Connection], Awaitable[T]], *, nudge: bool = False) -> T:
    """In one transaction, once more where another one got in the way."""
    for left in reversed(range(_TRIES)):
        try:
            async with transaction(door.pool, Purpose.DECIDE) as connection:
                done = await work(connection)
        except Conflict:
            if not left:
                raise
            continue
        if nudge:
            door.nudge()
        return done
    raise AssertionError("the last try returns or raises")
