"""A top-up given back by the way it came: what of it is still in the wallet, and its bonus with it."""

from __future__ import annotations

from typing import Final

from coinslot.fields import MissingError
from coinslot.payments.model import GIVEN_BACK, Attempt, IntentPurpose
from coinslot.payments.states import AttemptState
from coinslot.payments.withdrawing import Part
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.bonuses import bonus_back, bonus_taken, hold_wallet, refuse_held
from coinslot.settlement.payments.crediting import is_forgotten_customer
from coinslot.settlement.payments.errors import NotRefundable, Unrefundable
from coinslot.settlement.payments.proposals import Proposal, figures_of, return_of
from coinslot.settlement.payments.refund_plans import (
    Leaving,
    Plan,
    choose_way,
    leaves_wallet,
)
from coinslot.settlement.payments.refund_requests import Way, What
from coinslot.settlement.payments.rows import Access, find_attempt, find_intent, lock_intent
from coinslot.settlement.payments.session_refunds import chosen, refuse_uncarried
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.payments.withdrawals import lock_payments
from coinslot.wire.ids import OperatorId, SessionId

_PAID_BY: Final = "SELECT paid_by FROM payment_intent WHERE operator_id = $1 AND intent_id = $2"
_SESSION: Final = "SELECT session_id FROM payment_start WHERE operator_id = $1 AND intent_id = $2"


async def find_payment(access: Access, operator: OperatorId, target: str) -> Attempt:
    """By its number, or by the intent that it has paid. MissingError."""
    number: str | None = await access.fetchval(_PAID_BY, operator, target) or target
    found = await find_attempt(access, operator, number or target)
    if found is None:
        raise MissingError("payment", target)
    return found


async def session_paid_by(access: Access, operator: OperatorId, attempt: Attempt) -> SessionId | None:
    """The session that a direct payment has paid for; None for a top-up.

    NotRefundable where there is none (yet, or for good): such a payment goes back by itself.
    """
    intent = await find_intent(access, operator, attempt.intent_id)
    if intent is None or intent.purpose is not IntentPurpose.DIRECT_SESSION:
        return None
    session: SessionId | None = await access.fetchval(_SESSION, operator, attempt.intent_id)
    if attempt.state is not AttemptState.SUCCEEDED:
        raise NotRefundable(Unrefundable.NOT_PAID, attempt.number)
    if session is None or intent.paid_by != attempt.number:
        raise NotRefundable(Unrefundable.BY_ITSELF, attempt.number)
    return session


async def plan_payment_refund(
    connection: Connection, operator: OperatorId, number: str, amount_minor: int | None, way: Way | None
) -> Plan:
    """What giving back so much of a top-up, or all that can be, comes to. MissingError, NotRefundable, TooMuch,
    BonusHeld.
    """
    known = await find_payment(connection, operator, number)
    choose_way(known.number, way, Way.PAYER)
    intent = await find_intent(connection, operator, known.intent_id)
    if known.state is not AttemptState.SUCCEEDED or intent is None or intent.customer_id is None:
        raise NotRefundable(Unrefundable.NOT_PAID, known.number, known.state.value)
    if known.mark in GIVEN_BACK or intent.paid_by != known.number:
        raise NotRefundable(Unrefundable.BY_ITSELF, known.number)
    if await is_forgotten_customer(connection, operator, intent.customer_id):
        raise NotRefundable(Unrefundable.FORGOTTEN, known.number)
    purse = Purse(operator, intent.customer_id, known.currency)
    # All of the customer's, in order, since the withdrawal that follows holds them too.
    await lock_payments(connection, purse)
    await lock_intent(connection, operator, intent.intent_id)
    attempt = await find_attempt(connection, operator, known.number)
    assert attempt is not None
    await refuse_uncarried(connection, attempt)
    wallet = await hold_wallet(connection, purse)
    most_minor = min(attempt.refundable_minor, wallet.free_minor)
    wanted_minor = chosen(attempt.number, amount_minor, most_minor)
    back = await bonus_back(connection, purse, [Part(attempt.number, wanted_minor)], wallet.bonus_minor)
    await refuse_held(connection, purse, back)
    entries = [leaves_wallet(purse, wanted_minor)]
    if back.taken_minor:
        entries.append(bonus_taken(purse, "proposed", back.taken_minor))
    proposal = Proposal(
        what=What.PAYMENT,
        target=attempt.number,
        way=Way.PAYER,
        currency=attempt.currency,
        amount_minor=wanted_minor,
        whole_minor=attempt.amount_minor,
        before_minor=attempt.refunding_minor,
        most_minor=most_minor,
        figures=figures_of(entries),
        returns=(return_of(attempt, wanted_minor),),
        bonus_back_minor=back.taken_minor,
        bonus_spent_minor=back.short_minor,
    )
    leaving = Leaving(purse=purse, amount_minor=wanted_minor, only=attempt.number)
    return Plan(proposal=proposal, entries=(), leaving=leaving)
