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


async def check_books(pool: Pool, operator: OperatorId, currency: str, captured_minor: int) -> LedgerCheck:
    """Seal what is open, recompute the operator's books, compare revenue and holds with the sessions."""
    async with pool.acquire() as connection:
        while await seal(connection, operator) is not None:
            pass
        report = await verify(connection, operator=operator)
        revenue_minor = await balance(connection, operator, operator_revenue(), currency)
        held_minor = -int(await connection.fetchval(_HELD, operator))  # what is owed to others is negative
    return LedgerCheck(
        sound=report.sound,
        entries=report.entries,
        postings=report.postings,
        seals=report.seals,
        faults=tuple(fault.why for fault in report.faults),
        revenue_minor=revenue_minor,
        held_minor=held_minor,
        agrees=revenue_minor == captured_minor and held_minor == 0,
    )
