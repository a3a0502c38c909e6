"""A settled session given back, whole or in part: every party then holds exactly its part of what is left."""

from __future__ import annotations

from typing import Final

import msgspec

from coinslot.fields import MissingError
from coinslot.ledger import accounts, events
from coinslot.ledger.entries import Entry
from coinslot.ledger.events import Charged
from coinslot.payments.model import Attempt, Why
from coinslot.payments.withdrawing import can_carry
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.bonuses import bonus_back, bonus_taken, hold_wallet, refuse_held
from coinslot.settlement.payments.crediting import is_forgotten_customer
from coinslot.settlement.payments.errors import NotRefundable, TooMuch, Unrefundable
from coinslot.settlement.payments.proposals import Proposal, Return, figures_of, return_of
from coinslot.settlement.payments.refund_plans import (
    Direct,
    Leaving,
    Plan,
    choose_way,
    leaves_wallet,
)
from coinslot.settlement.payments.refund_requests import Way, What
from coinslot.settlement.payments.rows import find_attempt, lock_intent
from coinslot.settlement.payments.unit import Connection, clock
from coinslot.settlement.payments.withdrawals import lock_payments, plan_parts
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.settlement.shares import charged_of
from coinslot.sharing import SharingError
from coinslot.wire.ids import CustomerId, OperatorId

_SESSION: Final = f"SELECT {SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND s.session_id = $2"
_REFUNDED: Final = """
    SELECT coalesce(sum(p.amount_minor), 0)::bigint
    FROM ledger_entry e JOIN ledger_posting p ON p.operator_id = e.operator_id AND p.entry_id = e.entry_id
    WHERE e.operator_id = $1 AND e.session_id = $2 AND e.kind = 'refund'
      AND (p.account = 'operator/revenue' OR p.account ^@ 'party/')
"""
_REFUNDS: Final = "SELECT count(*) FROM refund WHERE operator_id = $1 AND attempt_number = $2"


async def find_session(connection: Connection, operator: OperatorId, session_id: str) -> Session:
    """One of the operator's, as it stands. MissingError."""
    row = await connection.fetchrow(_SESSION, operator, session_id)
    if row is None:
        raise MissingError("session", session_id)
    return session_of(row)


async def refunded_of(connection: Connection, session: Session) -> int:
    """What of its charge has been given back, by the ledger; minor units."""
    refunded: int = await connection.fetchval(_REFUNDED, session.operator, session.id)
    return refunded


async def hold_charge(connection: Connection, session: Session) -> Charged:
    """Its charge as it was shared, with what was given back; nobody else refunds it until the transaction ends.

    NotRefundable where there is none, or where its agreement cannot be read.
    """
    await connection.fetchrow(f"{_SESSION} FOR NO KEY UPDATE", session.operator, session.id)
    refunded_minor = await refunded_of(connection, session)
    if session.state is State.LATE:
        raise NotRefundable(Unrefundable.OWED, session.id)
    if session.state is not State.SETTLED or not session.captured_minor:
        raise NotRefundable(Unrefundable.NOT_SETTLED, session.id, session.state.value)
    try:
        return charged_of(session, refunded_minor)
    except SharingError as error:
        raise NotRefundable(Unrefundable.UNREADABLE, session.id, str(error)) from error


async def plan_session_refund(
    connection: Connection, operator: OperatorId, session_id: str, amount_minor: int | None, way: Way | None
) -> Plan:
    """What giving back so much of it, or all that is left, comes to. MissingError, NotRefundable, TooMuch."""
    session = await find_session(connection, operator, session_id)
    if session.flush_by is not None:
        raise NotRefundable(Unrefundable.NOT_PAID, session.id)
    if session.customer is None:
        return await _to_guest(connection, session, amount_minor, way)
    return await _to_customer(connection, session, session.customer, amount_minor, way)


async def _to_guest(
    connection: Connection, session: Session, amount_minor: int | None, way: Way | None
) -> Plan:
    assert session.intent is not None
    assert session.merchant is not None
    choose_way(session.id, way, Way.PAYER)
    locked = await lock_intent(connection, session.operator, session.intent)
    assert locked is not None
    assert locked.intent.paid_by is not None
    attempt = await find_attempt(connection, session.operator, locked.intent.paid_by)
    assert attempt is not None
    charged = await hold_charge(connection, session)
    await refuse_uncarried(connection, attempt)
    most_minor = min(charged.left_minor, attempt.refundable_minor)
    wanted_minor = chosen(session.id, amount_minor, most_minor)
    due = accounts.merchant_refunds_due(session.merchant)
    entry = _refund(session, charged, wanted_minor, due)
    back = return_of(attempt, wanted_minor)
    proposal = _proposal(session, charged, Way.PAYER, wanted_minor, most_minor, (entry,), (back,))
    direct = Direct(attempt=attempt, amount_minor=wanted_minor, why=Why.SESSION)
    return Plan(proposal=proposal, entries=(entry,), direct=direct)


async def _to_customer(
    connection: Connection, session: Session, customer: CustomerId, amount_minor: int | None, way: Way | None
) -> Plan:
    chosen_way = choose_way(session.id, way, Way.WALLET, Way.PAYER)
    if await is_forgotten_customer(connection, session.operator, customer):
        raise NotRefundable(Unrefundable.FORGOTTEN, session.id)
    purse = Purse(session.operator, customer, session.currency)
    payments = await lock_payments(connection, purse) if chosen_way is Way.PAYER else []
    charged = await hold_charge(connection, session)
    wanted_minor = chosen(session.id, amount_minor, charged.left_minor)
    entry = _refund(session, charged, wanted_minor, None)
    if chosen_way is Way.WALLET:
        proposal = _proposal(session, charged, chosen_way, wanted_minor, charged.left_minor, (entry,))
        return Plan(proposal=proposal, entries=(entry,))
    principal = accounts.customer_principal(customer)
    out_minor = -sum(leg.amount_minor for leg in entry.postings if leg.account == principal)
    if not out_minor:
        raise NotRefundable(Unrefundable.WAY, session.id, "it was paid with bonus, which stays in the wallet")
    wallet = await hold_wallet(connection, purse)
    free_minor = max(0, wallet.principal_minor + out_minor - wallet.arrears_minor)
    if out_minor > free_minor:
        raise TooMuch("the wallet, where something is owed", out_minor, free_minor)
    parts = await plan_parts(connection, purse, payments, out_minor)
    by_number = {payment.number: payment for payment in payments}
    returns = tuple(return_of(by_number[part.number], part.amount_minor) for part in parts.parts)
    # The bonus that the session gives back is in the wallet by then.
    in_minor = -sum(
        leg.amount_minor for leg in entry.postings if leg.account == accounts.customer_bonus(customer)
    )
    back = await bonus_back(connection, purse, parts.parts, wallet.bonus_minor + in_minor)
    await refuse_held(connection, purse, back)
    leaves = [entry, leaves_wallet(purse, out_minor)]
    if back.taken_minor:
        leaves.append(bonus_taken(purse, "proposed", back.taken_minor))
    proposal = msgspec.structs.replace(
        _proposal(
            session,
            charged,
            chosen_way,
            wanted_minor,
            charged.left_minor,
            tuple(leaves),
            returns,
            parts.by_hand_minor,
        ),
        bonus_back_minor=back.taken_minor,
        bonus_spent_minor=back.short_minor,
    )
    leaving = Leaving(purse=purse, amount_minor=out_minor)
    return Plan(proposal=proposal, entries=(entry,), leaving=leaving)


async def refuse_uncarried(connection: Connection, attempt: Attempt) -> None:
    """NotRefundable where the provider takes no refund of this payment any more."""
    refunds = await connection.fetchval(_REFUNDS, attempt.operator_id, attempt.number)
    now = await clock(connection)
    if attempt.paid_at is None or can_carry(attempt.paid_at, refunds, now):
        return
    too_old = can_carry(now, refunds, now)
    raise NotRefundable(Unrefundable.TOO_OLD if too_old else Unrefundable.TOO_MANY, attempt.number)


def chosen(target: str, amount_minor: int | None, most_minor: int) -> int:
    """How much, where nobody said: all that is left. NotRefundable, TooMuch."""
    if not most_minor:
        raise NotRefundable(Unrefundable.NOTHING_LEFT, target)
    wanted_minor = most_minor if amount_minor is None else amount_minor
    if not 0 < wanted_minor <= most_minor:
        raise TooMuch(target, wanted_minor, most_minor)
    return wanted_minor


def _refund(session: Session, charged: Charged, amount_minor: int, return_to: str | None) -> Entry:
    return events.refund(
        session.operator,
        session.id,
        session.customer or "",
        session.currency,
        charged=charged,
        amount_minor=amount_minor,
        return_principal_to=return_to,
    )


def _proposal(
    session: Session,
    charged: Charged,
    way: Way,
    amount_minor: int,
    most_minor: int,
    entries: tuple[Entry, ...],
    returns: tuple[Return, ...] = (),
    by_hand_minor: int = 0,
) -> Proposal:
    return Proposal(
        what=What.SESSION,
        target=session.id,
        way=way,
        currency=session.currency,
        amount_minor=amount_minor,
        whole_minor=charged.principal_minor + charged.bonus_minor,
        before_minor=charged.refunded_minor,
        most_minor=most_minor,
        figures=figures_of(entries),
        returns=returns,
        by_hand_minor=by_hand_minor,
    )
