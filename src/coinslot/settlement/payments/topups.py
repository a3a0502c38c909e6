"""A top-up opened by the operator's rules: its bonus is promised when it is opened, and kept whatever is set later."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec import Struct

from coinslot.fields import InputError
from coinslot.fleet.topup_rules import TopupRules, find_topup_rules
from coinslot.ledger import accounts
from coinslot.payments.model import Intent, IntentPurpose
from coinslot.rows import one
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.errors import KeyReused
from coinslot.settlement.payments.intents import OpenIntent, open_intent
from coinslot.settlement.payments.rows import INTENT_COLUMNS, Access
from coinslot.settlement.payments.unit import Pool

LIFE: Final = timedelta(minutes=30)
MOST_OPEN: Final = 10
"""Top-ups that one customer may have begun and not finished."""

_EARLIER = f"SELECT {INTENT_COLUMNS} FROM payment_intent i WHERE i.request_key = $2 AND i.operator_id = $1"
# Whatever of a withdrawal is in the wallet again was not withdrawn.
_LAST_WITHDRAWAL = """
    SELECT max(w.asked_at) + make_interval(days => $4) > now() FROM withdrawal w
    WHERE w.customer_id = $2 AND w.operator_id = $1 AND w.currency = $3 AND w.back_minor < w.amount_minor
"""
_OPEN = """
    SELECT count(*) FROM payment_intent i
    WHERE i.customer_id = $2 AND i.operator_id = $1 AND i.state = 'open' AND i.purpose = 'topup' AND i.expires_at > now()
"""
_REPAID = """
    SELECT coalesce(sum(p.amount_minor), 0)::bigint FROM ledger_entry e JOIN ledger_posting p USING (operator_id, entry_id)
    WHERE e.operator_id = $1 AND e.key = $2 AND p.account = $3
"""


class TooManyOpen(InputError):
    """The customer has begun as many top-ups as may wait at once."""

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_OPEN} top-ups of this customer wait to be paid; pay one, or wait until they are over"
        )


class TopupWish(Struct, frozen=True, kw_only=True):
    """A customer wants to fill the wallet. The same `key` twice is the same top-up."""

    purse: Purse
    key: str
    amount_minor: int
    about: str = ""
    """Where the customer came from, as whoever opens it wrote it."""


async def open_topup(pool: Pool, wish: TopupWish) -> Intent:
    """What is to be collected, with the bonus that the rules promise now.

    AmountRefused, TooManyOpen, KeyReused; MissingError without such a customer.
    """
    earlier = await _earlier(pool, wish)
    if earlier is not None:
        return earlier
    operator, customer, currency = wish.purse
    async with pool.acquire() as connection:
        rules = await find_topup_rules(connection, operator)
    rules.check_amount(wish.amount_minor)
    if await pool.fetchval(_OPEN, operator, customer) >= MOST_OPEN:
        raise TooManyOpen
    paused = await is_bonus_paused(pool, wish.purse, rules)
    wanted = OpenIntent(
        operator=operator,
        key=wish.key,
        purpose=IntentPurpose.TOPUP,
        customer=customer,
        currency=currency,
        amount_minor=wish.amount_minor,
        bonus_minor=0 if paused else rules.bonus_of(wish.amount_minor),
        about=wish.about,
        life=LIFE,
    )
    try:
        return await open_intent(pool, wanted)
    except KeyReused:
        # Pressed twice while the rules changed: what the first press was promised holds.
        earlier = await _earlier(pool, wish)
        if earlier is None:
            raise
        return earlier


async def is_bonus_paused(access: Access, purse: Purse, rules: TopupRules) -> bool:
    """Whether the customer has withdrawn too lately to earn a bonus."""
    return await access.fetchval(_LAST_WITHDRAWAL, *purse, rules.bonus_pause_days) is True


async def repaid_of(access: Access, intent: Intent) -> int:
    """What of a paid top-up went to arrears, minor units."""
    if intent.customer_id is None:
        return 0
    key = f"arrears:payment:{intent.intent_id}:topup"
    principal = accounts.customer_principal(intent.customer_id)
    repaid_minor: int = await access.fetchval(_REPAID, intent.operator_id, key, principal)
    return repaid_minor


async def _earlier(access: Access, wish: TopupWish) -> Intent | None:
    operator, customer, currency = wish.purse
    row = await access.fetchrow(_EARLIER, operator, wish.key)
    if row is None:
        return None
    found = one(row, Intent)
    asked = (IntentPurpose.TOPUP, customer, currency, wish.amount_minor)
    if (found.purpose, found.customer_id, found.currency, found.amount_minor) != asked:
        raise KeyReused(wish.key)
    return found
