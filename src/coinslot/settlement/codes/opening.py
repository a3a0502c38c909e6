"""A right code: the start planned like any other, the session saved and the code used up; or why not."""

from __future__ import annotations

from msgspec import Struct

from coinslot.sessions.model import Session
from coinslot.settlement.authorize import look, plan
from coinslot.settlement.changes import Send
from coinslot.settlement.codes import answers, rows
from coinslot.settlement.codes.kept import Place
from coinslot.settlement.codes.model import CodeRow, CodeState
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.requests import TYPED, StartRequest
from coinslot.settlement.store import PostgresUnit
from coinslot.wire.messages import Show


class Opened(Struct, frozen=True, kw_only=True):
    """A session was made of it; these messages are to be sent once it is committed."""

    session: Session
    sends: list[Send]


async def open_with(connection: Connection, place: Place, row: CodeRow) -> Opened | Show:
    """Begin what a held code is for, at this held keypad. A refusal leaves the code as it is."""
    request = StartRequest(
        operator=place.operator,
        customer=row.customer_id,
        terminal=place.terminal,
        outlet=place.outlet,
        key=f"{TYPED}{row.code_id}",
        cap_minor=row.cap_minor,
    )
    unit = PostgresUnit(connection)
    opened, uses = await look(unit, [request])
    [answer] = plan([request], opened, uses)
    if isinstance(answer, Session):
        await unit.save(opened.batch)
        await rows.end(connection, row, CodeState.USED, answer.id)
        return Opened(session=answer, sends=opened.batch.sends)
    currency = next((purse.currency for purse in opened.wallets), "")
    return answers.refusal(answer, place, opened.views[0], currency, for_friend=row.for_friend)
