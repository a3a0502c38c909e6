"""Codes on appliances as they are stored: one row for each, what was promised in it for ever."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.rows import one
from coinslot.settlement.payments.rows import Access
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import ApplianceId, OperatorId, TerminalId


class Outcome(StrEnum):
    """How an outlet came to be done with a code."""

    DROPPED = "dropped"
    """Something else was chosen, or nothing after all. What is paid for it later goes back by itself."""
    STARTED = "started"
    """It was paid, and a session has begun with it."""
    REFUNDED = "refunded"
    """It was paid, no session could begin, and all of it goes back."""
    EXPIRED = "expired"
    """Its time was over and nobody can pay it any more."""


class DirectOrder(Struct, frozen=True, kw_only=True):
    """One code shown on one appliance."""

    operator_id: OperatorId
    intent_id: str
    terminal_id: TerminalId
    outlet: int
    appliance_id: ApplianceId
    request: str
    """The terminal's id of the wish that it answers."""
    package: str
    title: str
    provider: str
    merchant_id: str
    quote: str
    """Frozen: whatever becomes of the tariff between the code and its payment."""
    sharing: str
    """Likewise of the agreement."""
    made_at: datetime
    over_at: datetime | None
    outcome: Outcome | None


class NewOrder(Struct, frozen=True, kw_only=True):
    """What a new row is made of, beside its intent."""

    operator: OperatorId
    terminal: TerminalId
    outlet: int
    appliance: ApplianceId
    request: str
    package: str
    title: str
    provider: str
    merchant: str
    quote: str
    sharing: str


ORDER_COLUMNS: Final = ", ".join(f"d.{name}" for name in DirectOrder.__annotations__)
_ADD = f"""
    INSERT INTO direct_order AS d (operator_id, intent_id, terminal_id, outlet, appliance_id, request, package, title,
        provider, merchant_id, quote, sharing)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING {ORDER_COLUMNS}
"""
_OF_INTENT = f"SELECT {ORDER_COLUMNS} FROM direct_order d WHERE d.operator_id = $1 AND d.intent_id = $2"
_OF_REQUEST = f"SELECT {ORDER_COLUMNS} FROM direct_order d WHERE d.terminal_id = $1 AND d.request = $2"
_OPEN = f"""
    SELECT {ORDER_COLUMNS} FROM direct_order d WHERE d.terminal_id = $1 AND d.outlet = $2 AND d.over_at IS NULL
"""
_OVER = """
    UPDATE direct_order SET over_at = now(), outcome = $3
    WHERE operator_id = $1 AND intent_id = $2 AND over_at IS NULL
"""
_LATELY = """
    SELECT count(*) FROM direct_order
    WHERE terminal_id = $1 AND made_at > now() - make_interval(secs => $2::double precision)
"""


async def add_order(connection: Connection, intent_id: str, new: NewOrder) -> DirectOrder:
    """Keep what a code promises. A unique violation where the outlet or the request has one already."""
    row = await connection.fetchrow(
        _ADD,
        new.operator,
        intent_id,
        new.terminal,
        new.outlet,
        new.appliance,
        new.request,
        new.package,
        new.title,
        new.provider,
        new.merchant,
        new.quote,
        new.sharing,
    )
    assert row is not None
    return one(row, DirectOrder)


async def order_of_intent(access: Access, operator: OperatorId, intent_id: str) -> DirectOrder | None:
    """The code that this intent was opened for."""
    row = await access.fetchrow(_OF_INTENT, operator, intent_id)
    return None if row is None else one(row, DirectOrder)


async def order_of_request(access: Access, terminal: TerminalId, request: str) -> DirectOrder | None:
    """The code that answers this wish."""
    row = await access.fetchrow(_OF_REQUEST, terminal, request)
    return None if row is None else one(row, DirectOrder)


async def open_order(access: Access, terminal: TerminalId, outlet: int) -> DirectOrder | None:
    """The code that the outlet is not done with; there is one at most."""
    row = await access.fetchrow(_OPEN, terminal, outlet)
    return None if row is None else one(row, DirectOrder)


async def end_order(connection: Connection, operator: OperatorId, intent_id: str, outcome: Outcome) -> None:
    """The outlet is done with it, under the intent's lock; the first outcome stands."""
    await connection.execute(_OVER, operator, intent_id, outcome.value)


async def orders_lately(access: Access, terminal: TerminalId, within_s: float) -> int:
    """How many codes were made for the terminal in the last seconds."""
    return int(await access.fetchval(_LATELY, terminal, within_s))
