"""Where somebody types, and what they were told: the same request again is the same answer."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coinslot.rows import one
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.codes.places import Keypad
from coinslot.settlement.commands import start_message
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.wire.ids import ApplianceId, OperatorId, SessionId, SiteId, TerminalId
from coinslot.wire.messages import Down, Show

_PLACE: Final = """
    SELECT t.operator_id, t.site_id AS terminal_site_id, t.terminal_id, l.link,
           a.site_id, a.room, a.appliance_id, a.name AS appliance
    FROM terminal t
    JOIN terminal_link l ON l.operator_id = t.operator_id AND l.terminal_id = t.terminal_id
    LEFT JOIN outlet o ON o.operator_id = t.operator_id AND o.terminal_id = t.terminal_id AND o.outlet = $2
    LEFT JOIN appliance a ON a.operator_id = o.operator_id AND a.appliance_id = o.appliance_id
    WHERE t.terminal_id = $1 AND t.revoked_at IS NULL
"""
_KEEP: Final = """
    INSERT INTO keypad_answer (operator_id, terminal_id, outlet, request, answer, session_id)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_KEPT: Final = """
    SELECT answer, session_id FROM keypad_answer
    WHERE operator_id = $1 AND terminal_id = $2 AND outlet = $3 AND request = $4
"""
_SESSION: Final = f"SELECT {SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND s.session_id = $2"
_show: Final = msgspec.json.Decoder(Show)


class Place(Struct, frozen=True, kw_only=True):
    """Where somebody types: the terminal, the link in force, and the keypad where it has this outlet."""

    operator: OperatorId
    terminal: TerminalId
    outlet: int
    request: str
    link: int
    keypad: Keypad | None


class _Row(Struct, frozen=True):
    operator_id: OperatorId
    terminal_id: TerminalId
    link: int
    site_id: SiteId | None
    room: str | None
    appliance_id: ApplianceId | None
    appliance: str | None


async def place_of(
    connection: Connection, terminal: TerminalId, outlet: int, request: str = ""
) -> Place | None:
    """None for a terminal that nobody has, or that was revoked."""
    found = await connection.fetchrow(_PLACE, terminal, outlet)
    if found is None:
        return None
    row = one(found, _Row)
    keypad = None
    if row.appliance_id is not None and row.site_id is not None:
        keypad = Keypad(
            operator_id=row.operator_id,
            site_id=row.site_id,
            room=row.room or "",
            appliance_id=row.appliance_id,
            appliance=row.appliance or "",
            terminal_id=row.terminal_id,
            outlet=outlet,
        )
    return Place(
        operator=row.operator_id,
        terminal=row.terminal_id,
        outlet=outlet,
        request=request,
        link=row.link,
        keypad=keypad,
    )


async def keep(connection: Connection, place: Place, answer: Show | SessionId) -> None:
    """Answer the same request with the same from now on, for some minutes."""
    told = msgspec.json.encode(answer).decode() if isinstance(answer, Show) else ""
    session = None if isinstance(answer, Show) else answer
    await connection.execute(
        _KEEP, place.operator, place.terminal, place.outlet, place.request, told, session
    )


async def kept_answer(connection: Connection, place: Place) -> list[Down] | None:
    """What the same request was answered with; None for a new one. Nothing where its session goes on by itself."""
    row = await connection.fetchrow(_KEPT, place.operator, place.terminal, place.outlet, place.request)
    if row is None:
        return None
    if row["session_id"] is None:
        return [replace(_show.decode(row["answer"]), link=place.link)]
    found = await connection.fetchrow(_SESSION, place.operator, row["session_id"])
    return [] if found is None else _again(session_of(found), place.link)


def _again(session: Session, link: int) -> list[Down]:
    """Its start, while that may still be on its way; one of another link would only be refused."""
    waits = session.state in (State.AUTHORIZED, State.UNKNOWN)
    return [start_message(session)] if waits and session.link == link else []
