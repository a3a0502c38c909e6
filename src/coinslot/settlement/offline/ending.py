"""Codes that are wanted no more: taken back by their customer, or given up by a person because nobody can prove them."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Final

from coinslot.audit import write_audit
from coinslot.fields import FieldError, MissingError, plain_text
from coinslot.fleet.offers import offers_changed
from coinslot.keyring import Keyring
from coinslot.sessions.decide import Doubt, unproved
from coinslot.sessions.model import Session
from coinslot.sessions.states import Event, State
from coinslot.settlement.changes import Batch, Send
from coinslot.settlement.happen import happen
from coinslot.settlement.offline.model import OfflineCode
from coinslot.settlement.offline.reading import code_of
from coinslot.settlement.offline.rows import end_terms_of
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.settlement.store import PostgresUnit
from coinslot.wire.ids import CustomerId, OperatorId, SessionId

log = logging.getLogger(__name__)

_TRIES: Final = 4
_MOST_WORDS: Final = 500
_TERMINAL: Final = """
    SELECT s.terminal_id, s.customer_id FROM session s
    JOIN offline_code c ON c.operator_id = s.operator_id AND c.session_id = s.session_id
    WHERE s.operator_id = $1 AND s.session_id = $2
"""
_CLOSE: Final = """
    UPDATE review SET closed_at = now(), closed_by = $4, resolution = $5
    WHERE operator_id = $1 AND session_id = $2 AND reason = $3 AND closed_at IS NULL
"""


class GivenUp(StrEnum):
    """What became of giving one up."""

    DONE = "done"
    """The money is back. What turns out to have been used all the same is owed."""
    OTHERWISE = "otherwise"
    """Its session goes another way by now: it was used, or its money is back already."""
    NOT_YET = "not_yet"
    """It can still be proved: nobody was asked to look at it."""


async def cancel_offline(
    pool: Pool, keyring: Keyring, *, operator: OperatorId, customer: CustomerId, session: SessionId
) -> tuple[OfflineCode | None, list[Send]]:
    """Take a code back: it is not offered any more, and its terminal is asked to burn it. The money is back when the
    terminal has confirmed that it was not used, at once where it has its link, and otherwise when that is back.

    The code as it then stands, None where the customer has none such; and what is to be sent. Taking it back twice, or
    after its end, changes nothing.
    """
    for again in range(_TRIES):
        try:
            async with transaction(pool, Purpose.OFFLINE) as connection:
                sends = await _cancel(connection, operator, customer, session)
            break
        except Conflict:
            if again == _TRIES - 1:
                raise
    return await code_of(pool, keyring, operator, customer, session), sends


async def _cancel(
    connection: Connection, operator: OperatorId, customer: CustomerId, session_id: SessionId
) -> list[Send]:
    batch, session = await _load(connection, operator, session_id, customer)
    if batch is None or session is None or session.state is not State.PROMISED:
        return []
    happen(batch, session, Event.STOP_ASKED)
    await PostgresUnit(connection).save(batch)
    return batch.sends


async def give_up_offline(
    connection: Connection, *, operator: OperatorId, session: SessionId, by: str, words: str
) -> GivenUp:
    """A person decides that a code nobody can prove was not used: its money goes back, and its reviews are closed with
    what was said. In the caller's transaction. Nobody is kept from typing it all the same: such a use is reported, and
    owed. The outlet's terms end with it, so that its terminal forgets the code when it has a link.

    MissingError for what is no such code, FieldError without words.
    """
    said = plain_text(words)
    if not 0 < len(said) <= _MOST_WORDS:
        raise FieldError(
            "words", f"say in 1 to {_MOST_WORDS} characters why it counts as unused, for whoever looks later"
        )
    batch, found = await _load(connection, operator, session, None)
    if batch is None or found is None:
        raise MissingError("offline code", session)
    if found.state is not State.PROMISED:
        return GivenUp.OTHERWISE
    if not unproved(found):
        return GivenUp.NOT_YET
    happen(batch, found, Event.GIVEN_UP)
    # Nobody asks its terminal any more, so no record may ever come: it must not stand in the way of new codes for good.
    batch.burnt.add((found.operator, found.id))
    await PostgresUnit(connection).save(batch)
    await connection.execute(_CLOSE, operator, session, Doubt.OFFLINE_UNPROVED.value, by, said)
    await end_terms_of(connection, operator, session)
    await offers_changed(connection, operator)
    await write_audit(connection, operator, by=by, action="offline.give_up", target=session, detail=said)
    return GivenUp.DONE


async def _load(
    connection: Connection, operator: OperatorId, session: SessionId, customer: CustomerId | None
) -> tuple[Batch | None, Session | None]:
    """The terminal locked, then the session as it is under the lock."""
    row = await connection.fetchrow(_TERMINAL, operator, session)
    if row is None or customer not in (None, row["customer_id"]):
        return None, None
    batch = await PostgresUnit(connection).open_batch([row["terminal_id"]], [session])
    return batch, batch.sessions.get(session)
