"""“Something is wrong”: said once for a use, kept for a person who looks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import plain_text
from coinslot.settlement.reports import report_bill
from coinslot.web import reading
from coinslot.web.customer.bill_text import reported_at
from coinslot.web.customer.limits import count_form, count_view
from coinslot.web.customer.report import MOST_WORDS, NOTHING, what_is_wrong
from coinslot.web.guest.finding import Guest, find_guest, nothing_here, private
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf

_STYLES: Final = ("base.css", "live.css")


class Complaint(StrEnum):
    """What can be wrong."""

    AMOUNT = "amount"
    """Charged too much, or too little came back."""
    NO_SERVICE = "no_service"
    """It did nothing, or not enough."""
    NOT_STOPPED = "not_stopped"
    """It ran on."""
    OTHER = "other"
    """Anything else."""


_WORDS: Final = {
    Complaint.AMOUNT: marked("The amount is wrong"),
    Complaint.NO_SERVICE: marked("It did nothing, or not enough"),
    Complaint.NOT_STOPPED: marked("It did not stop when I pressed"),
    Complaint.OTHER: marked("Something else"),
}


@get("/b/{token:str}/report")
async def guest_report_page(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """The form; once it was sent, what became of it."""
    count_view(page)
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    session = guest.session
    if session is None or session.live:
        return private(page.go(guest.path))
    notes = await reading.list_reviews(page.services.pool, session.operator, session.id)
    if reported_at(notes) is None:
        return _form(page, guest)
    return private(
        page.show(
            "guest/reported.html",
            styles=_STYLES,
            guest=guest,
            help_phone=guest.place.help_phone,
            about=guest.number,
        )
    )


@post("/b/{token:str}/report")
async def guest_report(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Take it, once for a use; what was sent before stays."""
    count_form(page)
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    form = await page.form()
    session = guest.session
    if session is None or session.live:
        return private(page.go(guest.path))
    words, reason = plain_text(form.text("words")), form.text("reason")
    wrong = what_is_wrong(page, words, reason, Complaint)
    if wrong:
        return _form(page, guest, words=words, reason=reason, wrong=wrong)
    async with page.services.pool.acquire() as connection:
        await report_bill(connection, session, reason, words)
    return private(page.go(f"{guest.path}/report"))


def _form(
    page: Page,
    guest: Guest,
    *,
    words: str = "",
    reason: str = "",
    wrong: Mapping[str, str] = NOTHING,
) -> Response[bytes]:
    return private(
        page.show(
            "guest/report.html",
            status=422 if wrong else 200,
            styles=_STYLES,
            guest=guest,
            choices=[(each.value, page.say(text)) for each, text in _WORDS.items()],
            chosen=reason,
            words=words,
            reason_wrong=wrong.get("reason", ""),
            words_wrong=wrong.get("words", ""),
            most=MOST_WORDS,
            help_phone=guest.place.help_phone,
            about=guest.number,
        )
    )
