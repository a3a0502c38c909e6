"""Starting: what the page promised is asked for once, and an answer that is no is told in plain words."""

from __future__ import annotations

import logging
import re
from typing import Final

from litestar import post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.settlement.batching import Closed
from coinslot.settlement.ports import UNDECIDABLE, Conflict
from coinslot.settlement.requests import Refusal, Refused, StartRequest
from coinslot.web.customer.appliance import show_appliance
from coinslot.web.customer.appliances import Standing, Tap, session_of_key
from coinslot.web.customer.limits import count_form
from coinslot.web.customer.visit import Customer, Visit, open_visit, show
from coinslot.web.customer.words import again_text, refusal_words
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf, unknown_page

log = logging.getLogger(__name__)

_key = re.compile(r"[A-Za-z0-9_-]{16,64}")
_KEY_PREFIX: Final = "page:"
"""Apart from the keys that an operator's own programs choose."""


@post("/m/{token:str}/start", status_code=200)
async def start(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Hold, start, and go to the live meter. The form says which outlet and nothing else that counts."""
    count_form(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    form = await page.form()
    if visit.customer is None:
        return page.go(visit.path)
    typed = form.text("key")
    if not _key.fullmatch(typed):
        return await _again(page, visit, marked("The page was not complete. Press once more."))
    key = _KEY_PREFIX + typed
    earlier = await _earlier(page, visit, visit.customer, key)
    if earlier is not None:
        return earlier
    tap = next((one for one in visit.here.taps if one.choice == form.text("outlet")), None)
    if tap is None:
        return await _again(page, visit, marked("Choose one of the outlets, then press start."))
    shown = next(one for one in visit.taps if one.choice == tap.choice)
    if shown.standing in (Standing.MINE, Standing.MINE_UNKNOWN) and tap.use is not None:
        return page.go(f"/s/{tap.use.session}")
    if shown.free and shown.seal != form.text(f"seen-{tap.choice}"):
        return await _again(
            page,
            visit,
            marked("The price has changed since the page was loaded. Look at it again, then press start."),
        )
    return await _start(page, visit, visit.customer, tap, form, key)


async def _earlier(page: Page, visit: Visit, customer: Customer, key: str) -> Response[bytes] | None:
    """Pressed twice: the session that the first press made, whatever has changed through it."""
    async with page.services.pool.acquire() as connection:
        found = await session_of_key(connection, visit.here.operator, customer.customer_id, key)
    return None if found is None else page.go(f"/s/{found}")


async def _start(
    page: Page, visit: Visit, customer: Customer, tap: Tap, form: Form, key: str
) -> Response[bytes]:
    request = StartRequest(
        operator=visit.here.operator,
        customer=customer.customer_id,
        terminal=tap.terminal,
        outlet=tap.outlet,
        key=key,
    )
    try:
        answer = await page.services.starter.start(request)
    except (Conflict, Closed, *UNDECIDABLE, *UNANSWERED) as error:
        log.warning("a start could not be decided: %s", type(error).__name__)
        return _undecided(page, visit, tap, form)
    if not isinstance(answer, Refused):
        return page.go(f"/s/{answer.id}")
    # Anything may have changed since the page was loaded: what stands in the way is shown as it is now.
    now = await open_visit(page, visit.token)
    if now is None:
        return unknown_page(page)
    if answer.reason is Refusal.BUSY and now.mine is not None and _is_own(now, tap):
        return page.go(f"/s/{now.mine}")
    again = again_text(page, answer.again_at, now.here.timezone)
    notice = refusal_words(page, answer.reason, again=again)
    return await show_appliance(page, now, status=_status(answer), notice=notice, chosen=tap.choice)


def _is_own(visit: Visit, tap: Tap) -> bool:
    return any(
        one.choice == tap.choice and one.use is not None and one.use.session == visit.mine
        for one in visit.here.taps
    )


def _status(refused: Refused) -> int:
    return 503 if refused.reason is Refusal.OFFLINE else 409


async def _again(page: Page, visit: Visit, text: str) -> Response[bytes]:
    return await show_appliance(page, visit, status=409, notice=page.say(text))


def _undecided(page: Page, visit: Visit, tap: Tap, form: Form) -> Response[bytes]:
    """The same key goes along: should the answer only have been lost, the next press finds its session."""
    seen = f"seen-{tap.choice}"
    return show(
        page,
        visit,
        "sorry.html",
        status=503,
        title=page.say(marked("That did not work")),
        detail=page.say(
            marked(
                "The server could not decide at this moment. Pressing again is safe: it starts and holds once, not twice."
            )
        ),
        again={"outlet": tap.choice, "key": form.text("key"), seen: form.text(seen)},
    )
