"""The bill on the display of an appliance whose session began with a typed code: who has no phone there sees the rest too.

What is told is what the books say after the commit, all sessions of the customer included; a friend is told no balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from coinslot.ledger.accounts import customer_bonus, customer_principal
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Batch, Send
from coinslot.settlement.requests import TYPED
from coinslot.wire.messages import Bill, DisplayLanguage, Show

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

# Each by its whole key, see settlement/store.py.
_STANDING: Final = """
    SELECT l.link, p.amount_minor AS principal_minor, b.amount_minor AS bonus_minor
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
         WITH ORDINALITY AS r(operator_id, terminal_id, principal, bonus, currency, number)
    LEFT JOIN LATERAL (SELECT x.link FROM terminal_link x
        WHERE x.terminal_id = r.terminal_id AND x.operator_id = r.operator_id AND x.online OFFSET 0) l ON true
    LEFT JOIN LATERAL (SELECT x.amount_minor FROM ledger_balance x
        WHERE x.operator_id = r.operator_id AND x.account = r.principal AND x.currency = r.currency OFFSET 0) p ON true
    LEFT JOIN LATERAL (SELECT x.amount_minor FROM ledger_balance x
        WHERE x.operator_id = r.operator_id AND x.account = r.bonus AND x.currency = r.currency OFFSET 0) b ON true
    ORDER BY r.number
"""


def billed(batches: Iterable[Batch]) -> list[Session]:
    """The sessions of these committed batches whose end is to be told on their display."""
    changed = (batch.sessions[name] for batch in batches for name in batch.changed_sessions)
    return [session for session in changed if _is_told(session)]


async def bills_of(pool: Pool, sessions: Sequence[Session]) -> list[Send]:
    """What to send for them; nothing to a terminal that is not connected: nobody stands there for it later."""
    rows = await pool.fetch(
        _STANDING,
        [session.operator for session in sessions],
        [session.terminal for session in sessions],
        [customer_principal(session.customer or "") for session in sessions],
        [customer_bonus(session.customer or "") for session in sessions],
        [session.currency for session in sessions],
    )
    return [
        Send(session.terminal, _show(session, row))
        for session, row in zip(sessions, rows, strict=True)
        if row["link"]
    ]


def _is_told(session: Session) -> bool:
    return (
        session.state is State.SETTLED
        and session.customer is not None
        and session.balance_minor is not None
        and session.request_key.startswith(TYPED)
    )


def _show(session: Session, row: asyncpg.Record) -> Show:
    bill = Bill(
        session=session.id,
        currency=session.currency,
        charge_minor=session.captured_minor or 0,
        balance_minor=(row["principal_minor"] or 0) + (row["bonus_minor"] or 0),
    )
    language = None if session.language is None else DisplayLanguage(session.language)
    return Show(link=row["link"], outlet=session.outlet, bill=bill, language=language)
