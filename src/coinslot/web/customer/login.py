"""Logging in at an appliance by phone and code; what is decided is decided by `people.logins`."""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import datetime
from typing import Final

from litestar import post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import FieldError
from coinslot.people import logins
from coinslot.people.logins import (
    AskedCode,
    CodeOver,
    LoggedIn,
    StillYours,
    TooManyCodes,
    WrongCode,
    WrongTail,
)
from coinslot.people.notices import LoginCodeNotice, NotSent, Recipient
from coinslot.people.rules import normal_phone
from coinslot.web.customer.limits import count_form, limits_of
from coinslot.web.customer.login_steps import GOOD_MINUTES, show_code, show_phone, show_yours
from coinslot.web.customer.pending import Pending, drop_pending, find_pending, keep_pending
from coinslot.web.customer.visit import Visit, open_visit
from coinslot.web.customer.wait_words import again_words, seconds_until
from coinslot.web.customer.words import wording
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf, unknown_page

log = logging.getLogger(__name__)

SEND_S: Final = 15.0
"""A provider that has not answered by then is not waited for: the code may come all the same."""
_TOO_OLD: Final = marked("This code cannot be used any more. Ask for a new one.")


@post("/m/{token:str}/code", status_code=200)
async def send_code(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Send a code to the number in the form, or another one to the number it was last sent to."""
    count_form(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    form = await page.form()
    if visit.customer is not None:
        return page.go(visit.path)
    pending = find_pending(page, visit.here.operator)
    again = bool(form.text("again"))
    if again and pending is None:
        return show_phone(page, visit, status=422, error=page.say(_TOO_OLD))
    phone = pending.phone if again and pending is not None else form.text("phone")
    try:
        pending, asked = await _ask(page, visit, phone)
    except FieldError as error:
        return show_phone(page, visit, status=422, phone=phone, error=wording(page, error))
    except TooManyCodes as error:
        return _too_many(page, visit, phone, pending, error.again_at)
    return await _send(page, visit, pending, asked)


async def _ask(page: Page, visit: Visit, phone: str) -> tuple[Pending, AskedCode]:
    operator = visit.here.operator
    async with limits_of(page).press(page):
        async with page.services.pool.acquire() as connection:
            asked = await logins.ask_code(
                connection, page.services.keyring, operator, phone=phone, source=page.source
            )
        pending = Pending(
            operator=operator,
            phone=asked.phone,
            login_code_id=asked.login_code_id,
            again_s=math.ceil(asked.again_at.timestamp()),
        )
        # Kept before it is sent: a second press of the button comes while the first is still on its way.
        limits_of(page).codes.keep((page.token, operator, asked.phone), pending)
    return pending, asked


async def _send(page: Page, visit: Visit, pending: Pending, asked: AskedCode) -> Response[bytes]:
    notice = LoginCodeNotice(operator_name=visit.here.operator_name, code=asked.code, minutes=GOOD_MINUTES)
    to = Recipient(phone=asked.phone, language=page.language.value)
    try:
        async with asyncio.timeout(SEND_S):
            await page.services.notifier.send(to, notice)
    except NotSent as error:
        log.warning("a login code was not sent: %s", error.reason)
        if not error.again:
            text = marked(
                "Messages to phones cannot be sent here at the moment. The help line can tell you more."
            )
            return show_phone(page, visit, status=503, phone=asked.phone, error=page.say(text))
        return _unsure(page, visit, pending)
    except TimeoutError:
        log.warning("a login code may not have been sent: no answer within %.0f s", SEND_S)
        return _unsure(page, visit, pending)
    return keep_pending(page, page.go(visit.path), pending)


def _unsure(page: Page, visit: Visit, pending: Pending) -> Response[bytes]:
    text = marked(
        "We cannot see whether the message has left. If it comes, type its code; if not, ask for another."
    )
    return keep_pending(page, show_code(page, visit, pending, status=503, notice=page.say(text)), pending)


def _too_many(
    page: Page, visit: Visit, phone: str, pending: Pending | None, again_at: datetime
) -> Response[bytes]:
    """The code that was sent can be typed still; only another one has to wait."""
    again = again_words(page, again_at, visit.here.timezone)
    wanted = normal_phone(phone)  # it was one, or there would have been no limit to reach
    recent = limits_of(page).codes.find((page.token, visit.here.operator, wanted))
    known = recent or (pending if pending is not None and pending.phone == wanted else None)
    if known is not None and not known.proof:
        text = page.say("A code is on its way. You can have another one %(again)s.", again=again)
        return keep_pending(page, show_code(page, visit, known, status=429, notice=text), known)
    text = page.say("Too many codes were asked for. You can have one %(again)s.", again=again)
    answer = show_phone(page, visit, status=429, phone=phone, error=text)
    answer.headers["Retry-After"] = str(max(1, seconds_until(again_at)))
    return answer


@post("/m/{token:str}/login", status_code=200)
async def log_in(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Try the code."""
    count_form(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    form = await page.form()
    if visit.customer is not None:
        return page.go(visit.path)
    pending = find_pending(page, visit.here.operator)
    if pending is None:
        return show_phone(page, visit, status=422, error=page.say(_TOO_OLD))
    outcome = await _try(page, pending, form.text("code"))
    if isinstance(outcome, WrongCode):
        return show_code(page, visit, pending, status=422, error=_wrong_code(page, outcome.tries_left))
    if isinstance(outcome, CodeOver):
        return _over(page, visit, pending)
    if isinstance(outcome, StillYours):
        proof = Pending(
            operator=pending.operator,
            phone=pending.phone,
            login_code_id="",
            again_s=pending.again_s,
            proof=outcome.proof,
        )
        return keep_pending(page, page.go(visit.path), proof)
    return _in(page, visit, outcome)


async def _try(page: Page, pending: Pending, code: str) -> LoggedIn | StillYours | WrongCode | CodeOver:
    pressed = (page.token, pending.login_code_id, code)
    limits = limits_of(page)
    async with limits.press(page):
        outcome = limits.logins.find(pressed)
        if outcome is not None:
            return outcome
        async with page.services.pool.acquire() as connection:
            tried = await logins.try_code(
                connection,
                page.services.keyring,
                pending.operator,
                login_code_id=pending.login_code_id,
                phone=pending.phone,
                code=code,
                language=page.language.value,
                token=page.token,
            )
        if isinstance(tried, LoggedIn | StillYours):
            limits.logins.keep(pressed, tried)
        return tried


def _in(page: Page, visit: Visit, logged_in: LoggedIn) -> Response[bytes]:
    page.keep(logged_in.token)
    return drop_pending(page, page.go(visit.path))


def _over(page: Page, visit: Visit, pending: Pending) -> Response[bytes]:
    answer = show_phone(page, visit, status=422, phone=pending.phone, error=page.say(_TOO_OLD))
    return drop_pending(page, answer)


def _wrong_code(page: Page, tries_left: int) -> str:
    return page.words.ngettext(
        "This is not the code. You can try once more.",
        "This is not the code. You can try %(tries)s times more.",
        tries_left,
    ) % {"tries": tries_left}


@post("/m/{token:str}/yours", status_code=200)
async def prove(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Show that the wallet behind the number is one's own."""
    count_form(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    form = await page.form()
    pending = find_pending(page, visit.here.operator)
    if visit.customer is not None or pending is None or not pending.proof:
        return page.go(visit.path)
    async with page.services.pool.acquire() as connection:
        outcome = await logins.prove_still_yours(
            connection,
            page.services.keyring,
            visit.here.operator,
            proof=pending.proof,
            id_tail=form.text("tail"),
            language=page.language.value,
            token=page.token,
        )
    if isinstance(outcome, CodeOver):
        return _over(page, visit, pending)
    if isinstance(outcome, WrongTail):
        return _wrong_tail(page, visit, pending, outcome.tries_left)
    return _in(page, visit, outcome)


def _wrong_tail(page: Page, visit: Visit, pending: Pending, tries_left: int) -> Response[bytes]:
    if tries_left:
        text = page.words.ngettext(
            "These are not the last characters of the ID number we know. You can try once more.",
            "These are not the last characters of the ID number we know. You can try %(tries)s times more.",
            tries_left,
        ) % {"tries": tries_left}
        return show_yours(page, visit, pending, status=422, error=text)
    text = page.say(
        marked("No more tries today. The counter or the help line can open your account, or you begin anew.")
    )
    return show_yours(page, visit, pending, status=422, error=text, may_prove="")


@post("/m/{token:str}/anew", status_code=200)
async def anew(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Begin with an account of one's own; the earlier owner of the number keeps everything but the number."""
    count_form(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    await page.form()
    pending = find_pending(page, visit.here.operator)
    if visit.customer is not None or pending is None or not pending.proof:
        return page.go(visit.path)
    async with page.services.pool.acquire() as connection:
        outcome = await logins.begin_anew(
            connection,
            page.services.keyring,
            visit.here.operator,
            proof=pending.proof,
            language=page.language.value,
            token=page.token,
        )
    if isinstance(outcome, CodeOver):
        return _over(page, visit, pending)
    return _in(page, visit, outcome)
