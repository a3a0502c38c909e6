"""Money onto a wallet, and out of it what the customer owes: in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.ledger import accounts
from coinslot.ledger.events import arrears_repaid, cash_topup
from coinslot.ledger.store import lock_balances, post
from coinslot.settlement.changes import Purse

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"


class TopUp(Struct, frozen=True, kw_only=True):
    """What became of a payment."""

    fresh: bool
    """False where the same payment had been posted before; nothing was posted then."""
    repaid_minor: int
    """What of the wallet's principal went to arrears, minor units."""


async def pay_in_cash(
    connection: Connection, purse: Purse, *, key: str, amount_minor: int, bonus_minor: int = 0
) -> TopUp:
    """Cash paid at the counter; what is owed is repaid first, out of principal and never out of a bonus.

    Call it within a transaction. `key` names the payment: the same one twice is posted once, with another
    amount it is a KeyConflict. LedgerError for what the ledger refuses.
    """
    # The bonus too, which is posted to as well: whoever holds one and wants another would deadlock with a use's hold.
    principal, _, arrears = keys = [
        (purse.operator, path(purse.customer), purse.currency)
        for path in (accounts.customer_principal, accounts.customer_bonus, accounts.customer_arrears)
    ]
    held = await lock_balances(connection, keys)
    payment = cash_topup(
        purse.operator,
        key,
        purse.customer,
        purse.currency,
        amount_minor=amount_minor,
        bonus_minor=bonus_minor,
    )
    [posted] = await post(connection, [payment])
    repaid_minor = min(held[arrears], held[principal] + amount_minor)
    if not posted.fresh or not repaid_minor:
        return TopUp(fresh=posted.fresh, repaid_minor=0)
    # A second call, since whether the payment is a new one is known only now; both rows are locked already.
    # In front, since payments' keys end as people like, and none begins so.
    repayment = arrears_repaid(
        purse.operator, f"arrears:{key}", purse.customer, purse.currency, amount_minor=repaid_minor
    )
    await post(connection, [repayment])
    return TopUp(fresh=True, repaid_minor=repaid_minor)
