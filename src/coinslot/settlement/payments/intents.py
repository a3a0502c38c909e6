"""What is to be collected: opened once for each request, expired only when nobody can pay it any more."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from coinslot.fields import FieldError, MissingError
from coinslot.money import MAX_MINOR, MoneyError, parse_currency
from coinslot.payments.decide import is_over
from coinslot.payments.model import Intent, IntentPurpose
from coinslot.payments.states import INTENT, IntentEvent
from coinslot.rows import one
from coinslot.settlement.payments.errors import KeyReused
from coinslot.settlement.payments.rows import INTENT_COLUMNS, attempts_of, lock_intent, save_intent
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import CustomerId, OperatorId, new_id

SHORTEST: Final = timedelta(minutes=2)
LONGEST: Final = timedelta(hours=24)

_OPEN = f"""
    INSERT INTO payment_intent AS i (operator_id, intent_id, request_key, request_hash, purpose, customer_id, currency,
        amount_minor, bonus_minor, about, opened_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now(), now() + $11)
    ON CONFLICT (request_key, operator_id) DO NOTHING RETURNING {INTENT_COLUMNS}
"""
_EARLIER = f"""
    SELECT {INTENT_COLUMNS}, i.request_hash FROM payment_intent i WHERE i.request_key = $2 AND i.operator_id = $1
"""
_OVER = """
    SELECT i.operator_id, i.intent_id FROM payment_intent i
    WHERE i.state = 'open' AND i.expires_at <= now() AND NOT EXISTS (
        SELECT FROM payment_attempt a WHERE a.operator_id = i.operator_id AND a.intent_id = i.intent_id
          AND a.state IN ('new', 'create_unknown', 'pending', 'closing'))
    ORDER BY i.expires_at LIMIT $1
"""


class OpenIntent(Struct, frozen=True, kw_only=True):
    """Somebody is to pay. The same `key` twice is the same intent."""

    operator: OperatorId
    key: str
    purpose: IntentPurpose
    customer: CustomerId | None
    """Whose wallet it fills; a direct payment may have none."""
    currency: str
    amount_minor: int
    bonus_minor: int = 0
    """What the operator adds to a top-up."""
    about: str = ""
    """Outlet and package of a direct payment, for whoever starts it later."""
    life: timedelta = timedelta(minutes=30)

    def digest(self) -> bytes:
        """Of what is asked for under the key."""
        parts = (
            self.purpose.value,
            self.customer or "",
            self.currency,
            str(self.amount_minor),
            str(self.bonus_minor),
            self.about,
        )
        return hashlib.sha256("\0".join(parts).encode()).digest()


async def open_intent(pool: Pool, wanted: OpenIntent) -> Intent:
    """Note what is to be collected. FieldError; MissingError without such a customer; KeyReused."""
    async with transaction(pool, Purpose.INTENT) as connection:
        return await add_intent(connection, wanted)


async def add_intent(connection: Connection, wanted: OpenIntent) -> Intent:
    """The same in the caller's transaction."""
    _check(wanted)
    if wanted.customer is not None and not await _may_pay(connection, wanted.operator, wanted.customer):
        raise MissingError("customer", wanted.customer)
    row = await connection.fetchrow(
        _OPEN,
        wanted.operator,
        new_id("pay"),
        wanted.key,
        wanted.digest(),
        wanted.purpose.value,
        wanted.customer,
        wanted.currency,
        wanted.amount_minor,
        wanted.bonus_minor,
        wanted.about,
        wanted.life,
    )
    if row is None:
        row = await connection.fetchrow(_EARLIER, wanted.operator, wanted.key)
        assert row is not None
        if row["request_hash"] != wanted.digest():
            raise KeyReused(wanted.key)
    return one(row, Intent)


async def expire_intents(pool: Pool, limit: int = 50) -> int:
    """Close the books on intents whose time is over, where no attempt can be paid any more; how many."""
    async with pool.acquire() as connection:
        found = await connection.fetch(_OVER, limit)
    return sum([await _expire(pool, OperatorId(row[0]), row[1]) for row in found])


async def _expire(pool: Pool, operator: OperatorId, intent_id: str) -> bool:
    async with transaction(pool, Purpose.EXPIRE) as connection:
        locked = await lock_intent(connection, operator, intent_id)
        assert locked is not None
        # Read anew under the lock: an attempt may have been begun, or paid, meanwhile.
        states = frozenset(attempt.state for attempt in await attempts_of(connection, locked.intent))
        if not is_over(locked.intent, states, locked.now):
            return False
        state = INTENT.after(locked.intent.state, IntentEvent.EXPIRED)
        await save_intent(connection, replace(locked.intent, state=state))
    return True


def _check(wanted: OpenIntent) -> None:
    try:
        parse_currency(wanted.currency)
    except MoneyError as error:
        raise FieldError("currency", str(error)) from None
    if not 0 < wanted.amount_minor <= MAX_MINOR:
        raise FieldError("amount_minor", f"must be above zero, this is {wanted.amount_minor}")
    if not 0 <= wanted.bonus_minor <= MAX_MINOR:
        raise FieldError("bonus_minor", f"may not be negative, this is {wanted.bonus_minor}")
    if wanted.purpose is IntentPurpose.TOPUP and wanted.customer is None:
        raise FieldError("customer", "must be given: a top-up fills somebody's wallet")
    if wanted.purpose is not IntentPurpose.TOPUP and wanted.bonus_minor:
        raise FieldError("bonus_minor", "only a top-up earns a bonus")
    if not SHORTEST <= wanted.life <= LONGEST:
        raise FieldError("life", f"must be {SHORTEST} to {LONGEST}, this is {wanted.life}")


async def _may_pay(connection: Connection, operator: OperatorId, customer: CustomerId) -> bool:
    return await connection.fetchval(_KNOWN, operator, customer) is True


# Held against being forgotten meanwhile.
_KNOWN = """
    SELECT true FROM customer c WHERE c.operator_id = $1 AND c.customer_id = $2
      AND NOT EXISTS (SELECT FROM person_key k WHERE k.operator_id = $1 AND k.customer_id = $2
                      AND k.destroyed_at IS NOT NULL)
    FOR KEY SHARE OF c
"""
