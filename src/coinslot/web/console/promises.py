"""Codes for the time without a link that nobody can prove: a person decides that one was not used."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import FieldError, MissingError
from coinslot.settlement.offline.ending import GivenUp, give_up_offline
from coinslot.settlement.payments.unit import transaction
from coinslot.settlement.points import Purpose
from coinslot.web.console.reviews import show_reviews
from coinslot.web.console.staffed import StaffedOf
from coinslot.web.pages.languages import marked
from coinslot.wire.ids import SessionId, is_id

_PROBLEMS = {
    GivenUp.OTHERWISE: marked("Its money is not held any more: the terminal has told what became of it."),
    GivenUp.NOT_YET: marked("Its terminal may still tell what became of it."),
}


@post("/console/promises/{session_id:str}/give-up", status_code=200)
async def give_up(staffed: StaffedOf, session_id: FromPath[str]) -> Response[bytes]:
    """Its money goes back, and whoever decided it says why."""
    said = (await staffed.form()).text("words")
    if not is_id(session_id):
        raise MissingError("offline code", session_id)
    try:
        async with transaction(staffed.pool, Purpose.OFFLINE) as connection:
            done = await give_up_offline(
                connection,
                operator=staffed.operator,
                session=SessionId(session_id),
                by=staffed.by,
                words=said,
            )
    except FieldError:
        text = marked(
            "Say why it counts as unused, in at most 500 characters, for whoever looks at it later."
        )
        return await show_reviews(staffed, problem=staffed.say(text))
    if done is not GivenUp.DONE:
        return await show_reviews(staffed, problem=staffed.say(_PROBLEMS[done]))
    return staffed.go("/console/reviews")
