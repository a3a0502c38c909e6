"""“Something is wrong with this bill”: said once, kept for a person who looks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import plain_text
from coinslot.settlement.reports import report_bill
from coinslot.web import reading
from coinslot.web.customer.bill_text import reported_at
from coinslot.web.customer.own import Own, find_own, not_yours
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf

MOST_WORDS: Final = 500
"""Characters; whoever has more to say calls."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
"""Wrong with a form."""


class Complaint(StrEnum):
    """What can be wrong."""

    AMOUNT = "amount"
    """Charged too much."""
    NO_WATER = "no_water"
    """Little or nothing came."""
    NOT_STOPPED = "not_stopped"
    """It ran on."""
    QUALITY = "quality"
    """Taste, smell, temperature."""
    OTHER = "other"
    """Anything else."""


_WORDS: Final = {
    Complaint.AMOUNT: marked("The amount is wrong"),
    Complaint.NO_WATER: marked("Little or nothing came out"),
    Complaint.NOT_STOPPED: marked("It did not stop when I pressed"),
    Complaint.QUALITY: marked("The water was not right: taste, smell, temperature"),
    Complaint.OTHER: marked("Something else"),
}


@get("/s/{session_id:str}/report")
async def report_page(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """The form; once it was sent, what became of it."""
    own = await find_own(page, session_id)
    if own is None:
        return not_yours(page)
    if own.session.live:
        return page.go(f"/s/{own.session.id}")
    notes = await reading.list_reviews(page.services.pool, own.session.operator, own.session.id)
    if reported_at(notes) is not None:
        return page.show(
            "use/reported.html",
            styles=("base.css", "live.css"),
            own=own,
            help_phone=own.place.help_phone,
            about=own.session.id,
        )
    return _form(page, own)


@post("/s/{session_id:str}/report")
async def report(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """Take it, once for a session; what was sent before stays."""
    own = await find_own(page, session_id)
    if own is None:
        return not_yours(page)
    form = await page.form()
    if own.session.live:
        return page.go(f"/s/{own.session.id}")
    words = plain_text(form.text("words"))
    reason = form.text("reason")
    wrong = what_is_wrong(page, words, reason, Complaint)
    if wrong:
        return _form(page, own, words=words, reason=reason, wrong=wrong)
    async with page.services.pool.acquire() as connection:
        await report_bill(connection, own.session, reason, words)
    return page.go(f"/s/{own.session.id}/report")


def what_is_wrong(page: Page, words: str, reason: str, choices: type[StrEnum]) -> dict[str, str]:
    """By field of the form, `reason` or `words`; empty when a person can act on it. `other` wants words."""
    if reason not in set(choices):
        return {"reason": page.say("Choose what is wrong.")}
    if len(words) > MOST_WORDS:
        told = page.say(
            "At most %(most)s characters, this is %(count)s. Please shorten it, or call.",
            most=MOST_WORDS,
            count=len(words),
        )
        return {"words": told}
    if reason == "other" and not words:
        return {"words": page.say("Please say in a few words what is wrong.")}
    return {}


def _form(
    page: Page, own: Own, *, words: str = "", reason: str = "", wrong: Mapping[str, str] = NOTHING
) -> Response[bytes]:
    return page.show(
        "use/report.html",
        status=422 if wrong else 200,
        styles=("base.css", "live.css"),
        own=own,
        choices=[(each.value, page.say(text)) for each, text in _WORDS.items()],
        chosen=reason,
        words=words,
        reason_wrong=wrong.get("reason", ""),
        words_wrong=wrong.get("words", ""),
        most=MOST_WORDS,
        help_phone=own.place.help_phone,
        about=own.session.id,
    )
