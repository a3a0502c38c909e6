"""Money in suspense, and money that was taken back: listed, and explained once, whole, by people."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from coinslot.fields import FieldError, MissingError
from coinslot.ledger import accounts, events
from coinslot.ledger.entries import Entry
from coinslot.payments.decide import hear
from coinslot.payments.model import Attempt, Mark, Why
from coinslot.payments.states import AttemptEvent, AttemptState
from coinslot.rows import many, one
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.bonuses import hold_wallet
from coinslot.settlement.payments.crediting import is_forgotten_customer
from coinslot.settlement.payments.errors import NotRefundable, TooMuch, Unrefundable
from coinslot.settlement.payments.proposals import Proposal, figures_of, return_of
from coinslot.settlement.payments.refund_plans import Direct, Plan, choose_way
from coinslot.settlement.payments.refund_requests import RefundWish, Way
from coinslot.settlement.payments.rows import Access, find_attempt, lock_intent
from coinslot.settlement.payments.session_refunds import find_session, hold_charge
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import CustomerId, OperatorId

# Which of our numbers the provider had named: kept with what it said, since nothing agreed with it.
_NAMED: Final = """
    (SELECT x.event::jsonb->'payment'->>'number' FROM payment_inbox x
     WHERE x.operator_id = p.operator_id AND x.merchant_id = p.merchant_id AND x.state = 'quarantined'
       AND x.event::jsonb->'payment'->>'provider_id' = p.provider_id
     ORDER BY x.received_at LIMIT 1)
"""
_SUSPENSE: Final = f"""
    SELECT p.suspense_id, p.merchant_id, m.name AS merchant, p.provider, p.provider_id, p.currency, p.amount_minor, p.at,
        {_NAMED} AS named,
        EXISTS (SELECT FROM ledger_entry e WHERE e.operator_id = p.operator_id
                AND e.key = 'payment:' || p.suspense_id || ':explained') AS explained
    FROM provider_payment p
    JOIN merchant m ON m.operator_id = p.operator_id AND m.merchant_id = p.merchant_id
    WHERE p.operator_id = $1 AND p.suspense_id IS NOT NULL
"""
_CHARGEBACKS: Final = """
    SELECT substr(e.key, 12) AS chargeback_id, split_part(p.account, '/', 2) AS merchant_id, p.currency, p.amount_minor,
        e.posted_at AS at, r.attempt_number AS payment, coalesce(i.customer_id, w.customer_id) AS customer,
        EXISTS (SELECT FROM ledger_entry x WHERE x.operator_id = e.operator_id AND x.key = e.key || ':explained')
        OR EXISTS (SELECT FROM refund_decision q WHERE q.operator_id = e.operator_id AND q.what = 'chargeback'
                   AND q.target = substr(e.key, 12) AND q.state = 'done') AS explained
    FROM ledger_entry e
    JOIN ledger_posting p ON p.operator_id = e.operator_id AND p.entry_id = e.entry_id
        AND p.account ^@ 'merchant/' AND split_part(p.account, '/', 3) = 'suspense'
    LEFT JOIN refund r ON r.operator_id = e.operator_id AND r.number = substr(e.key, 12)
    LEFT JOIN withdrawal w ON w.operator_id = r.operator_id AND w.withdrawal_id = r.withdrawal_id
    LEFT JOIN payment_attempt a ON a.operator_id = e.operator_id AND a.number = coalesce(r.attempt_number, substr(e.key, 12))
    LEFT JOIN payment_intent i ON i.operator_id = a.operator_id AND i.intent_id = a.intent_id
    WHERE e.operator_id = $1 AND e.kind = 'chargeback' AND e.key ^@ 'chargeback:' AND p.amount_minor > 0
      AND e.key !~ ':explained$'
"""
_LOCK: Final = "SELECT FROM merchant WHERE operator_id = $1 AND merchant_id = $2 FOR NO KEY UPDATE"
_SUCCEED: Final = """
    UPDATE payment_attempt SET state = 'succeeded', mark = $3, provider_id = $4, paid_at = now(), next_poll_at = NULL
    WHERE operator_id = $1 AND number = $2 AND state <> 'succeeded' RETURNING true
"""


class Suspended(Struct, frozen=True, kw_only=True):
    """A payment that agreed with nothing that was ordered."""

    suspense_id: str
    merchant_id: str
    merchant: str
    """The account's name."""
    provider: str
    provider_id: str
    """What the provider's own pages know it by."""
    currency: str
    amount_minor: int
    at: datetime
    named: str | None
    """The number under which the provider told of it, be it ours or not."""
    explained: bool


class Chargeback(Struct, frozen=True, kw_only=True):
    """Money that left our account without our having asked for it, or after we had taken that back."""

    chargeback_id: str
    merchant_id: str
    currency: str
    amount_minor: int
    at: datetime
    payment: str | None
    """The attempt that had brought it, where that is known."""
    customer: CustomerId | None
    """Whose wallet that had filled, or who had withdrawn it."""
    explained: bool


async def list_suspense(access: Access, operator: OperatorId, *, every: bool = False) -> list[Suspended]:
    """What waits to be explained, oldest first; what was explained too if `every`."""
    found = many(await access.fetch(f"{_SUSPENSE} ORDER BY p.at, p.suspense_id", operator), Suspended)
    return [each for each in found if every or not each.explained]


async def list_chargebacks(access: Access, operator: OperatorId, *, every: bool = False) -> list[Chargeback]:
    """Likewise of money that was taken back."""
    found = many(await access.fetch(f"{_CHARGEBACKS} ORDER BY e.entry_id", operator), Chargeback)
    return [each for each in found if every or not each.explained]


async def plan_explained(connection: Connection, wish: RefundWish) -> Plan:
    """Whose it is: a customer's (`beneficiary`), the payer's, or the operator's.

    MissingError, NotRefundable. The payer's goes back through the provider where the attempt it was meant for agrees
    with it; else it is due, and paid by hand.
    """
    row = await connection.fetchrow(f"{_SUSPENSE} AND p.suspense_id = $2", wish.operator, wish.target)
    if row is None:
        raise MissingError("payment in suspense", wish.target)
    known = one(row, Suspended)
    way = choose_way(known.suspense_id, wish.way, Way.PAYER, Way.WALLET, Way.REVENUE)
    belongs_to, attempt = accounts.operator_revenue(), None
    match way:
        case Way.WALLET:
            customer = await _customer(connection, wish)
            belongs_to = accounts.customer_principal(customer)
        case Way.PAYER:
            belongs_to = accounts.merchant_refunds_due(known.merchant_id)
            attempt = await _meant_for(connection, wish.operator, known)
    if way is not Way.WALLET and wish.beneficiary is not None:
        raise FieldError("beneficiary", "is only for money that goes to a wallet")
    await connection.fetchrow(_LOCK, wish.operator, known.merchant_id)
    explained = await connection.fetchval(
        f"SELECT explained FROM ({_SUSPENSE} AND p.suspense_id = $2) AS s", wish.operator, wish.target
    )
    _refuse(known.suspense_id, known.amount_minor, wish.amount_minor, explained=explained is True)
    entry = events.unasked_explained(
        wish.operator,
        known.suspense_id,
        known.currency,
        merchant=known.merchant_id,
        belongs_to=belongs_to,
        amount_minor=known.amount_minor,
    )
    proposal = _proposal(wish, way, known.currency, known.amount_minor, entry)
    if way is not Way.PAYER:
        return Plan(proposal=proposal, entries=(entry,))
    if attempt is None:
        return Plan(proposal=replace(proposal, by_hand_minor=known.amount_minor), entries=(entry,))
    direct = Direct(
        attempt=attempt, amount_minor=known.amount_minor, why=Why.UNWANTED, paid_as=known.provider_id
    )
    returns = (return_of(attempt, known.amount_minor),)
    return Plan(proposal=replace(proposal, returns=returns), entries=(entry,), direct=direct)


async def plan_borne(connection: Connection, wish: RefundWish) -> Plan:
    """Who bears it: a wallet (`beneficiary`, by default the customer's whose payment it was), the holders of a session
    (`beneficiary`), or the operator as a loss. MissingError, NotRefundable, TooMuch.
    """
    row = await connection.fetchrow(
        f"{_CHARGEBACKS} AND e.key = $2", wish.operator, f"chargeback:{wish.target}"
    )
    if row is None:
        raise MissingError("chargeback", wish.target)
    known = one(row, Chargeback)
    way = choose_way(known.chargeback_id, wish.way, Way.LOSS, Way.WALLET, Way.SESSION)
    customer = session = None
    if way is Way.WALLET:
        customer = await _customer(connection, replace(wish, beneficiary=wish.beneficiary or known.customer))
    elif way is Way.SESSION:
        session = await find_session(connection, wish.operator, wish.beneficiary or "")
    elif wish.beneficiary is not None:
        raise FieldError("beneficiary", "is only for a wallet or a session")
    await connection.fetchrow(_LOCK, wish.operator, known.merchant_id)
    explained = await connection.fetchval(
        f"SELECT explained FROM ({_CHARGEBACKS} AND e.key = $2) AS s",
        wish.operator,
        f"chargeback:{wish.target}",
    )
    _refuse(known.chargeback_id, known.amount_minor, wish.amount_minor, explained=explained is True)
    suspense = accounts.merchant_suspense(known.merchant_id)
    if session is not None:
        charged = await hold_charge(connection, session)
        if known.amount_minor > charged.left_minor:
            raise TooMuch(session.id, known.amount_minor, charged.left_minor)
        if session.currency != known.currency:
            raise NotRefundable(
                Unrefundable.WAY, known.chargeback_id, f"the session is in {session.currency}"
            )
        entry = events.refund(
            wish.operator,
            session.id,
            session.customer or "",
            session.currency,
            charged=charged,
            amount_minor=known.amount_minor,
            return_principal_to=suspense,
        )
        if charged.bonus_minor:
            raise NotRefundable(Unrefundable.WAY, known.chargeback_id, "the session was paid with bonus too")
        return Plan(
            proposal=_proposal(wish, way, known.currency, known.amount_minor, entry), entries=(entry,)
        )
    if customer is not None:
        wallet = await hold_wallet(connection, Purse(wish.operator, customer, known.currency))
        if known.amount_minor > wallet.principal_minor:
            raise TooMuch("the wallet", known.amount_minor, wallet.principal_minor)
    borne_by = accounts.operator_write_off() if customer is None else accounts.customer_principal(customer)
    entry = events.chargeback_explained(
        wish.operator,
        known.chargeback_id,
        known.currency,
        merchant=known.merchant_id,
        borne_by=borne_by,
        amount_minor=known.amount_minor,
    )
    return Plan(proposal=_proposal(wish, way, known.currency, known.amount_minor, entry), entries=(entry,))


async def accept_payment(connection: Connection, attempt: Attempt, provider_id: str) -> Attempt:
    """The attempt was paid after all, and its money goes back: it succeeds, unwanted, under the provider's id."""
    await connection.fetchval(_SUCCEED, attempt.operator_id, attempt.number, Mark.UNWANTED.value, provider_id)
    found = await find_attempt(connection, attempt.operator_id, attempt.number)
    assert found is not None
    return found


async def _customer(connection: Connection, wish: RefundWish) -> CustomerId:
    if wish.beneficiary is None:
        raise FieldError("beneficiary", "must name the customer whose wallet it is")
    customer = CustomerId(wish.beneficiary)
    forgotten = await is_forgotten_customer(connection, wish.operator, customer)
    known = await connection.fetchval(
        "SELECT true FROM customer WHERE operator_id = $1 AND customer_id = $2", wish.operator, customer
    )
    if not known:
        raise MissingError("customer", customer)
    if forgotten:
        raise NotRefundable(Unrefundable.FORGOTTEN, wish.target)
    return customer


async def _meant_for(connection: Connection, operator: OperatorId, known: Suspended) -> Attempt | None:
    """The attempt that the provider had named, where a refund can hang on it: the same money, and not paid otherwise."""
    named = known.named and await find_attempt(connection, operator, known.named)
    if not named:
        return None
    locked = await lock_intent(connection, operator, named.intent_id)
    attempt = await find_attempt(connection, operator, named.number)
    if locked is None or attempt is None or attempt.state is AttemptState.SUCCEEDED:
        return None
    ours = (attempt.merchant_id, attempt.currency, attempt.amount_minor)
    if ours != (known.merchant_id, known.currency, known.amount_minor):
        return None
    # The table of states has the last word on whether it may succeed at all.
    hear(attempt, locked.intent, AttemptEvent.PAID, locked.now)
    return attempt


def _refuse(target: str, whole_minor: int, wanted_minor: int | None, *, explained: bool) -> None:
    if explained:
        raise NotRefundable(Unrefundable.EXPLAINED, target)
    if wanted_minor not in (None, whole_minor):
        raise NotRefundable(Unrefundable.WHOLE, target)


def _proposal(wish: RefundWish, way: Way, currency: str, amount_minor: int, entry: Entry) -> Proposal:
    return Proposal(
        what=wish.what,
        target=wish.target,
        way=way,
        currency=currency,
        amount_minor=amount_minor,
        whole_minor=amount_minor,
        before_minor=0,
        most_minor=amount_minor,
        figures=figures_of((entry,)),
    )
