"""A replay's books: sealed, recomputed, and compared with its sessions."""

from __future__ import annotations

from coinslot.app.replay_results import LedgerCheck
from coinslot.engines.connect import Pool
from coinslot.ledger.accounts import operator_revenue
from coinslot.ledger.seals import seal
from coinslot.ledger.store import balance
from coinslot.ledger.verify import verify
from coinslot.wire.ids import OperatorId

_HELD = """
    SELECT COALESCE(sum(amount_minor), 0)::bigint FROM ledger_posting
    WHERE operator_id = $1 AND account LIKE 'hold/%'
"""


_WALLETS = """
    SELECT COALESCE(sum(amount_minor), 0)::bigint FROM ledger_posting
    WHERE operator_id = $1 AND (account LIKE 'customer/%/principal' OR account LIKE 'customer/%/bonus') AND currency = $2
"""
_PROMISED = "SELECT count(*) FROM session WHERE operator_id = $1 AND state = 'promised'"


async def check_books(
    pool: Pool, operator: OperatorId, currency: str, captured_minor: int, paid_in_minor: int | None
) -> LedgerCheck:
    """Seal what is open, recompute the operator's books, compare revenue and holds with the sessions, and what wallets
    hold with what was paid in; None where guests paid."""
    async with pool.acquire() as connection:
        while await seal(connection, operator) is not None:
            pass
        report = await verify(connection, operator=operator)
        revenue_minor = await balance(connection, operator, operator_revenue(), currency)
        wallets_minor = -int(await connection.fetchval(_WALLETS, operator, currency))
        promised = int(await connection.fetchval(_PROMISED, operator))
        held_minor = -int(await connection.fetchval(_HELD, operator))  # what is owed to others is negative
    return LedgerCheck(
        sound=report.sound,
        entries=report.entries,
        postings=report.postings,
        seals=report.seals,
        faults=tuple(fault.why for fault in report.faults),
        revenue_minor=revenue_minor,
        held_minor=held_minor,
        wallets_minor=wallets_minor,
        paid_in_minor=paid_in_minor or 0,
        promised=promised,
        agrees=revenue_minor == captured_minor
        and (held_minor, promised) == (0, 0)
        and paid_in_minor in (None, wallets_minor + revenue_minor),
    )
