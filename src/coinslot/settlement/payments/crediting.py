"""What a success does to the books: it pays its intent, goes back by itself, or waits in suspense for a person."""

from __future__ import annotations

from typing import Final

from coinslot.ledger import accounts, events
from coinslot.ledger.store import post
from coinslot.payments.model import GIVEN_BACK, Attempt, Intent, IntentPurpose, Merchant
from coinslot.payments.port import PaymentSeen
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.bonuses import hold_wallet
from coinslot.settlement.payments.refunds import RefundRequest, add_refund
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import CustomerId, OperatorId, new_id

PAID_CHANNEL: Final = "coinslot_paid"
TELL_PAID: Final = f"NOTIFY {PAID_CHANNEL}"
"""Whoever starts sessions, in whatever process, hears of it with the commit; who misses it looks every second."""

# FOR KEY SHARE waits for whoever forgets the customer; what that left is read by the statement after it.
_HOLD_CUSTOMER = "SELECT FROM customer WHERE operator_id = $1 AND customer_id = $2 FOR KEY SHARE"
_FORGOTTEN = """
    SELECT EXISTS (SELECT FROM person_key
                   WHERE operator_id = $1 AND customer_id = $2 AND destroyed_at IS NOT NULL)
"""
_TAKE = """
    INSERT INTO provider_payment (operator_id, provider, provider_id, merchant_id, number, suspense_id, currency, amount_minor)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true
"""
# Every other try that may still be paid is closed, so that nobody pays twice.
_CLOSE_OTHERS = """
    UPDATE payment_attempt SET state = 'closing', next_poll_at = now()
    WHERE operator_id = $1 AND intent_id = $2 AND number <> $3 AND state IN ('new', 'create_unknown', 'pending')
"""


async def is_forgotten(connection: Connection, intent: Intent) -> bool:
    """Whether the customer whom it is for has been erased; if not, that waits until this transaction ends."""
    if intent.customer_id is None:
        return False
    return await is_forgotten_customer(connection, intent.operator_id, intent.customer_id)


async def is_forgotten_customer(connection: Connection, operator: OperatorId, customer: CustomerId) -> bool:
    """Whether this customer has been erased; if not, that waits until this transaction ends."""
    await connection.fetch(_HOLD_CUSTOMER, operator, customer)
    return await connection.fetchval(_FORGOTTEN, operator, customer) is True


async def take_payment(connection: Connection, attempt: Attempt, provider_id: str) -> bool:
    """Take a provider's payment in for this attempt; False when it was taken in before, for whatever."""
    taken = await connection.fetchval(
        _TAKE,
        attempt.operator_id,
        attempt.provider,
        provider_id,
        attempt.merchant_id,
        attempt.number,
        None,
        attempt.currency,
        attempt.amount_minor,
    )
    return taken is True


async def credit(connection: Connection, attempt: Attempt, intent: Intent) -> None:
    """The attempt pays its intent, now or never again: both entries are named after the intent."""
    match intent.purpose:
        case IntentPurpose.TOPUP:
            assert intent.customer_id is not None
            await _fill_wallet(connection, attempt, intent, intent.customer_id)
        case IntentPurpose.DIRECT_SESSION:
            held = events.direct_payment(
                intent.operator_id,
                intent.intent_id,
                intent.currency,
                merchant=attempt.merchant_id,
                amount_minor=intent.amount_minor,
            )
            await post(connection, [held])
            await connection.execute(TELL_PAID)
    await connection.execute(_CLOSE_OTHERS, intent.operator_id, intent.intent_id, attempt.number)


async def _fill_wallet(
    connection: Connection, attempt: Attempt, intent: Intent, customer: CustomerId
) -> None:
    operator, currency = intent.operator_id, intent.currency
    wallet = await hold_wallet(connection, Purse(operator, customer, currency))
    key = f"payment:{intent.intent_id}:topup"
    entries = [
        events.topup_with_bonus(
            operator,
            key,
            customer,
            currency,
            merchant=attempt.merchant_id,
            amount_minor=intent.amount_minor,
            bonus_minor=intent.bonus_minor,
        )
    ]
    # What is owed comes first, out of principal and never out of a bonus.
    if repaid_minor := min(wallet.arrears_minor, wallet.principal_minor + intent.amount_minor):
        entries.append(
            events.arrears_repaid(operator, f"arrears:{key}", customer, currency, amount_minor=repaid_minor)
        )
    await post(connection, entries)


async def give_back(connection: Connection, attempt: Attempt) -> None:
    """Nobody wants this money any more: taken in, owed to the payer, and asked back, each once."""
    merchant, amount_minor = attempt.merchant_id, attempt.amount_minor
    operator, number, currency = attempt.operator_id, attempt.number, attempt.currency
    due = accounts.merchant_refunds_due(merchant)
    await post(
        connection,
        [
            events.unasked_payment(operator, number, currency, merchant=merchant, amount_minor=amount_minor),
            events.unasked_explained(
                operator, number, currency, merchant=merchant, belongs_to=due, amount_minor=amount_minor
            ),
        ],
    )
    request = RefundRequest(
        key=f"attempt:{number}:back", amount_minor=amount_minor, why=GIVEN_BACK[attempt.mark]
    )
    await add_refund(connection, attempt, request)


async def into_suspense(connection: Connection, merchant: Merchant, seen: PaymentSeen) -> str | None:
    """Money that is the merchant's and agrees with nothing we ordered: kept apart, under the id returned.

    None when the provider's payment was taken in before, for whatever.
    """
    assert seen.amount_minor is not None
    suspense_id = new_id("sus")
    taken = await connection.fetchval(
        _TAKE,
        merchant.operator_id,
        merchant.provider,
        seen.provider_id,
        merchant.merchant_id,
        None,
        suspense_id,
        seen.currency,
        seen.amount_minor,
    )
    if taken is not True:
        return None
    unasked = events.unasked_payment(
        merchant.operator_id,
        suspense_id,
        seen.currency,
        merchant=merchant.merchant_id,
        amount_minor=seen.amount_minor,
    )
    await post(connection, [unasked])
    return suspense_id
