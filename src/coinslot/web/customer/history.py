"""What was before: the visitor's sessions, the newest first."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.response import Response

from coinslot.access import stickers
from coinslot.sessions.states import State
from coinslot.web.customer import own, wording
from coinslot.web.customer.having import find_waiting
from coinslot.web.customer.own import Past
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.wire.ids import SessionId
from coinslot.wire.registers import Register


class Row(NamedTuple):
    """A session as a line of the list."""

    path: str
    appliance: str
    where: str
    at: str
    used: str
    amount: str
    word: str
    kind: str
    """Of the word's badge; empty where it goes without saying."""


@get("/history")
async def history_page(
    page: PageOf, before: Annotated[str | None, QueryParameter(name="before", max_length=64)] = None
) -> Response[bytes]:
    """A page of the list; `before` is the last session of the page above."""
    if not page.logins:
        return nobody(page)
    # One more than is shown, to know whether there are more.
    found = await own.past_sessions(page.services.pool, page.logins, before=before, limit=own.PER_PAGE + 1)
    shown = found[: own.PER_PAGE]
    return page.show(
        "use/history.html",
        styles=("base.css", "live.css"),
        rows=[_row(page, past, several=len(page.logins) > 1) for past in shown],
        more=shown[-1].session_id if len(found) > len(shown) else None,
        later=before is not None,
    )


@get("/use")
async def use_again(page: PageOf) -> Response[bytes]:
    """What waits (a use that runs, a code to be typed), else the appliance that was used last."""
    if not page.logins:
        return nobody(page)
    if waiting := await find_waiting(page):
        return page.go(waiting[0].path)
    found = await own.past_sessions(page.services.pool, page.logins, before=None, limit=1)
    if not found:
        return nobody(page)
    last = await own.find_own(page, SessionId(found[0].session_id))
    if last is None:
        return nobody(page)
    return page.go(f"/m/{stickers.sign(page.services.keyring, last.place.code)}")


def nobody(page: Page) -> Response[bytes]:
    """For whoever is not logged in, or has used nothing yet: the way in is the code on an appliance."""
    return page.show("use/nobody.html", known=bool(page.logins))


def _row(page: Page, past: Past, *, several: bool) -> Row:
    usage = {} if past.registers is None else _usage.decode(past.registers)
    register = next((each for each in (Register.ML, *usage) if usage.get(each)), None)
    amount_minor = (past.captured_minor or 0) + past.arrears_minor
    word, kind = _state(page, past)
    return Row(
        path=f"/s/{past.session_id}" if past.live else f"/s/{past.session_id}/bill",
        appliance=past.appliance,
        where=f"{past.operator} · {past.site}" if several else past.site,
        at=figures.moment(past.created_at, past.timezone, page.language),
        used="" if register is None else wording.quantity(page, register, usage[register]),
        amount="" if past.live else figures.money(amount_minor, past.currency),
        word=word,
        kind=kind,
    )


def _state(page: Page, past: Past) -> tuple[str, str]:
    match past.state:
        case State.SETTLED:
            return page.say("Paid"), ""
        case State.RELEASED:
            return page.say("Not used"), ""
        case State.LATE:
            return page.say("To be paid") if past.arrears_minor else page.say("Not charged"), "warn"
        case State.PROMISED:
            return page.say("Code not used yet"), "warn"
        case State.AUTHORIZED | State.UNKNOWN | State.RUNNING | State.STOPPING:
            return page.say("In use now"), "run"


_usage = msgspec.json.Decoder(dict[Register, int])
