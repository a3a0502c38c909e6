"""Terms and codes as they are stored. All is written under the lock of the terminal's row in `terminal_link`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from coinslot.rows import many, one
from coinslot.sessions.model import Session
from coinslot.settlement.payments.rows import Access
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import ApplianceId, CustomerId, Epoch, OperatorId, SessionId, TerminalId


class Terms(Struct, frozen=True, kw_only=True):
    """On which terms an outlet takes codes without the link."""

    operator_id: OperatorId
    terms_id: str
    terminal_id: TerminalId
    outlet: int
    appliance_id: ApplianceId
    epoch: Epoch
    """The journal that keeps which of its counts are burnt."""
    key_check: bytes
    starting_code: int
    value: int
    first_count: int
    last_count: int
    """Of the last code made."""
    credit_minor: int
    currency: str
    quote: str
    limits: str
    over_at: datetime | None
    held: bool
    """Whether the terminal's last hello named them."""
    told_link: int
    told_at: datetime | None


class Unburnt(Struct, frozen=True, kw_only=True):
    """A code of which no record tells yet that it opens nothing any more, and that no person has given up."""

    session_id: SessionId
    terms_id: str
    count: int
    customer_id: CustomerId


TERMS_COLUMNS: Final = ", ".join(f"o.{name}" for name in Terms.__annotations__)
_IN_FORCE = f"""
    SELECT {TERMS_COLUMNS} FROM offline_terms o WHERE o.terminal_id = $1 AND o.outlet = $2 AND o.over_at IS NULL
"""
_OF_TERMINAL = f"""
    SELECT {TERMS_COLUMNS} FROM offline_terms o
    WHERE o.terminal_id = $1 AND (o.over_at IS NULL OR o.held) ORDER BY o.outlet, o.made_at
"""
_UNBURNT = """
    SELECT c.session_id, c.terms_id, c.count, c.customer_id FROM offline_code c
    WHERE c.terminal_id = $1 AND c.outlet = $2 AND c.burnt_at IS NULL ORDER BY c.made_at, c.count
"""
_BURNT = "SELECT count FROM offline_code WHERE terms_id = $1 AND burnt_at IS NOT NULL"
_ADD_CODE = """
    WITH counted AS (UPDATE offline_terms SET last_count = $4 WHERE operator_id = $1 AND terms_id = $3)
    INSERT INTO offline_code (operator_id, session_id, terms_id, count, terminal_id, outlet, customer_id, mac, made_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_ADD_TERMS = f"""
    INSERT INTO offline_terms AS o (operator_id, terms_id, terminal_id, outlet, appliance_id, epoch, key_check,
        starting_code, value, first_count, last_count, credit_minor, currency, quote, limits)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $10, $11, $12, $13) RETURNING {TERMS_COLUMNS}
"""
# That they are over is news, however lately they were told themselves.
_OVER = """
    UPDATE offline_terms SET over_at = clock_timestamp(), told_at = NULL
    WHERE operator_id = $1 AND terms_id = $2 AND over_at IS NULL
"""
_OVER_OF = """
    UPDATE offline_terms o SET over_at = clock_timestamp(), told_at = NULL FROM offline_code c
    WHERE c.operator_id = $1 AND c.session_id = $2
      AND o.operator_id = c.operator_id AND o.terms_id = c.terms_id AND o.over_at IS NULL
"""
_TOLD = """
    UPDATE offline_terms SET told_link = $3, told_at = clock_timestamp()
    WHERE operator_id = $1 AND terms_id = ANY ($2::text[])
"""


async def terms_in_force(access: Access, terminal: TerminalId, outlet: int) -> Terms | None:
    """Those that new codes of an outlet are made under."""
    row = await access.fetchrow(_IN_FORCE, terminal, outlet)
    return None if row is None else one(row, Terms)


async def terms_of(access: Access, terminal: TerminalId) -> list[Terms]:
    """Those in force at each outlet, and those that are over and that the terminal still holds."""
    return many(await access.fetch(_OF_TERMINAL, terminal), Terms)


async def unburnt(access: Access, terminal: TerminalId, outlet: int) -> list[Unburnt]:
    """The outlet's codes that may still open something, or have and it is not known; under whichever terms."""
    return many(await access.fetch(_UNBURNT, terminal, outlet), Unburnt)


async def burnt_counts(access: Access, terms_id: str) -> list[int]:
    """The counts of these terms that records have told of."""
    return [row[0] for row in await access.fetch(_BURNT, terms_id)]


async def add_code(connection: Connection, session: Session, terms: Terms, digits_mac: bytes) -> None:
    """Keep the code that promises a session."""
    await connection.execute(
        _ADD_CODE,
        session.operator,
        session.id,
        terms.terms_id,
        session.token,
        session.terminal,
        session.outlet,
        session.customer,
        digits_mac,
        session.created_at,
    )


async def add_terms(connection: Connection, new: Terms) -> None:
    """Put these in force; those before must be over."""
    await connection.execute(
        _ADD_TERMS,
        new.operator_id,
        new.terms_id,
        new.terminal_id,
        new.outlet,
        new.appliance_id,
        new.epoch,
        new.key_check,
        new.starting_code,
        new.value,
        new.credit_minor,
        new.currency,
        new.quote,
        new.limits,
    )


async def end_terms(connection: Connection, terms: Terms) -> None:
    """No code is made under these any more."""
    await connection.execute(_OVER, terms.operator_id, terms.terms_id)


async def end_terms_of(connection: Connection, operator: OperatorId, session: SessionId) -> None:
    """The same for the terms of one code."""
    await connection.execute(_OVER_OF, operator, session)


async def note_told(connection: Access, operator: OperatorId, terms: Sequence[Terms], link: int) -> None:
    """They are about to be sent on this link."""
    await connection.execute(_TOLD, operator, [one.terms_id for one in terms], link)
