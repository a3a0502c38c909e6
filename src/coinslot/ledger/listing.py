"""All balances of an operator, for people to read."""

from __future__ import annotations

from msgspec import Struct

from coinslot.ledger.accounts import natural_minor
from coinslot.ledger.store import Connection
from coinslot.wire.ids import OperatorId


class Balance(Struct, frozen=True):
    """One account's balance in its natural sign, minor units."""

    account: str
    currency: str
    amount_minor: int


# Limited accounts have a row; the others are their roll-up and what is not sealed yet, in one snapshot.
_BALANCES = """
    SELECT account, currency, amount_minor, true AS natural FROM ledger_balance
    WHERE operator_id = $1 AND account ^@ $2
    UNION ALL
    SELECT account, currency, sum(amount_minor), false FROM (
        SELECT account, currency, amount_minor FROM ledger_rollup WHERE operator_id = $1
        UNION ALL
        SELECT p.account, p.currency, p.amount_minor
        FROM ledger_pending q JOIN ledger_posting p USING (operator_id, entry_id)
        WHERE q.operator_id = $1 AND NOT (p.account ^@ 'customer/' OR p.account ^@ 'hold/')
    ) AS parts WHERE account ^@ $2 GROUP BY account, currency
    ORDER BY account, currency LIMIT $3
"""


async def balances(
    connection: Connection, operator: OperatorId, *, prefix: str = "", limit: int = 200
) -> list[Balance]:
    """Balances of accounts whose path begins with `prefix`, by path."""
    rows = await connection.fetch(_BALANCES, operator, prefix, limit)
    return [
        Balance(
            account=row["account"],
            currency=row["currency"],
            amount_minor=int(row["amount_minor"])
            if row["natural"]
            else natural_minor(row["account"], int(row["amount_minor"])),
        )
        for row in rows
    ]
