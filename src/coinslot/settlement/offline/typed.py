"""An offline code that is typed while the link is up: its promised session is started like any other.

Asked by whoever judges typed codes, within the transaction that guards the keypad. The code's count goes with the start
as `token`: the terminal burns it with its `started` or `declined`, so that the same digits open nothing twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from coinslot.keyring import Keyring
from coinslot.sessions.decide import burning
from coinslot.sessions.model import Session
from coinslot.sessions.states import Event, State
from coinslot.settlement.changes import Send, Terminal
from coinslot.settlement.expiry import expiry
from coinslot.settlement.happen import happen
from coinslot.settlement.offline import keys
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.requests import StartRequest
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.settlement.store import PostgresUnit
from coinslot.wire.ids import OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Note

# The latest first: digits may come again under later terms.
_MATCH: Final = """
    SELECT session_id FROM offline_code
    WHERE mac = ANY ($1::bytea[]) AND operator_id || '' = $2 AND terminal_id = $3 AND outlet = $4
      AND made_at > clock_timestamp() - interval '1 day'
    ORDER BY burnt_at IS NOT NULL, made_at DESC LIMIT 1
"""
_SESSION: Final = f"""
    SELECT {SESSION_COLUMNS}, EXISTS (SELECT FROM offline_code c WHERE c.operator_id = s.operator_id
        AND c.session_id = s.session_id AND c.burnt_at IS NOT NULL) AS burnt,
        EXISTS (SELECT FROM session x WHERE x.terminal_id = s.terminal_id AND x.outlet = s.outlet AND x.live
        AND x.state <> 'promised' AND x.session_id <> s.session_id) AS busy
    FROM session s WHERE s.operator_id = $1 AND s.session_id = $2
"""


class Begun(Struct, frozen=True, kw_only=True):
    """The promised session is started; these messages are to be sent once it is committed."""

    session: Session
    sends: list[Send]


async def match_offline(
    connection: Connection,
    keyring: Keyring,
    operator: OperatorId,
    terminal: TerminalId,
    outlet: int,
    digits: str,
) -> SessionId | None:
    """The session promised under these digits at this keypad, used or not; None where no code of the last day has
    them: whoever typed them has guessed."""
    macs = keys.digits_macs(keyring, operator, terminal, outlet, digits)
    found: str | None = await connection.fetchval(_MATCH, macs, operator, terminal, outlet)
    return None if found is None else SessionId(found)


async def begin_offline(connection: Connection, operator: OperatorId, session_id: SessionId) -> Begun | Note:
    """Start what `match_offline` has found, or what to say at the keypad. The money is held already, and what was
    promised is kept: neither balance nor opening hours are asked about again."""
    row = await connection.fetchrow(_SESSION, operator, session_id)
    if row is None:
        return Note.WRONG_CODE
    promised = session_of(row)
    unit = PostgresUnit(connection)
    request = StartRequest(
        operator=operator,
        customer=promised.customer,
        terminal=promised.terminal,
        outlet=promised.outlet,
        key=promised.request_key,
    )
    opened = await unit.open_starts([request])
    batch, view = opened.batch, opened.views[0]
    terminal = batch.terminals.get(promised.terminal)
    # Read again: a record may have come, or a start, while the terminal's lock was waited for.
    row = await connection.fetchrow(_SESSION, operator, session_id)
    assert row is not None, "a session is never deleted"
    session, burnt = session_of(row), bool(row["burnt"])
    if session.state is not State.PROMISED or burnt:
        return Note.CODE_EXPIRED if session.state is State.RELEASED else Note.CODE_USED
    if terminal is None or session.epoch != terminal.epoch or burning(session, batch.now):
        return Note.CODE_EXPIRED
    if not view.customer_found:
        return Note.NOT_ALLOWED
    if not view.outlet_found or view.appliance != session.appliance or view.closed or view.faults:
        return Note.UNAVAILABLE
    if row["busy"]:
        return Note.BUSY
    if not terminal.online or terminal.link_began_at is None:
        return Note.TRY_AGAIN
    batch.know(session)
    begun = happen(batch, _on_link(session, terminal, opened.batch.now), Event.TYPED)
    await unit.save(batch)
    return Begun(session=begun, sends=batch.sends)


def _on_link(session: Session, terminal: Terminal, now: datetime) -> Session:
    expires_at_ms, expired_at = expiry(terminal, now)
    return replace(session, link=terminal.link, expires_at_ms=expires_at_ms, expired_at=expired_at)
