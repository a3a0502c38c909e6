"""“Request a fapiao”: what stands beside a bill, and the form behind it, for customers and guests alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.fields import FieldErrors
from coinslot.sessions.model import Session
from coinslot.settlement.fapiao import rules
from coinslot.settlement.fapiao.asking import CURRENCY, NotNow, Request, Stage, ask, find_request, payable_of
from coinslot.settlement.fapiao.rules import TitleKind, check_wish, masked_mail, masked_title
from coinslot.web.customer.limits import count_form
from coinslot.web.customer.own import Place, find_own, not_yours
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf

STYLES: Final = ("base.css", "live.css")
_FIELDS: Final = ("kind", "title", "tax_number", "mail")
REASONS: Final = (
    marked("Write whose name the fapiao is to bear."),
    marked("A title has at most 100 characters."),
    marked("It may hold printable characters only."),
    marked("Choose a person or a company."),
    marked("A company's tax number is needed: 15, 18 or 20 characters, as on its licence."),
    marked("A tax number has 15, 18 or 20 characters; compare it with the licence."),
    marked("It has a character that no tax number has; compare it with the licence."),
    marked(
        "The last character does not fit the others, so one of them is mistyped; compare it with the licence."
    ),
    marked("A tax number is for companies only; leave it empty."),
    marked("This is no mail address; one looks like name@example.com."),
)
"""`rules.REASONS`, in the same order, as whole sentences for people."""


class About(Struct, frozen=True, kw_only=True):
    """The bill that it is asked for with."""

    session: Session
    place: Place
    path: str
    """Of the bill's page; the form's is this and `/fapiao`."""
    asked_by: bytes | None
    """Of a guest, a hash of the browser."""


class Part(Struct, frozen=True, kw_only=True):
    """What stands on the bill's page."""

    word: str
    """How far a request is; empty where there is none."""
    look: str
    detail: str
    label: str
    """Of the way to the form; empty where there is nothing to ask for or to correct."""
    path: str


async def part_of(page: Page, about: About) -> Part | None:
    """What to say on the bill's page; None where there can be no fapiao."""
    if about.session.currency != CURRENCY:
        return None
    found, amount_minor = await _read(page, about)
    return _part(page, about, found, amount_minor)


async def show_form(page: Page, about: About) -> Response[bytes]:
    """The form, or what became of it."""
    found, amount_minor = await _read(page, about)
    return _show(page, about, found, amount_minor, {}, {})


async def take_form(page: Page, about: About) -> Response[bytes]:
    """Keep what was sent, or say what is wrong with it."""
    count_form(page)
    form = await page.form()
    typed = {name: form.text(name) for name in _FIELDS}
    try:
        wish = check_wish(
            kind=typed["kind"], title=typed["title"], tax_number=typed["tax_number"], mail=typed["mail"]
        )
        async with page.services.pool.acquire() as connection:
            await ask(connection, page.services.keyring, about.session, wish, about.asked_by)
    except FieldErrors as errors:
        wrong = {error.field: page.say(_said(error.reason)) for error in errors.errors}
        found, amount_minor = await _read(page, about)
        return _show(page, about, found, amount_minor, typed, wrong)
    except NotNow:
        # Handed over in between, or another's: the page says how it stands.
        return page.go(f"{about.path.removesuffix('/bill')}/fapiao")
    return page.go(about.path)


@get("/s/{session_id:str}/fapiao")
async def fapiao_page(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """A customer's form."""
    return await _own(page, session_id, show_form)


@post("/s/{session_id:str}/fapiao")
async def fapiao(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """A customer asks, or corrects."""
    return await _own(page, session_id, take_form)


def about_own(session: Session, place: Place) -> About:
    """A customer's bill: the login says who asks."""
    return About(session=session, place=place, path=f"/s/{session.id}/bill", asked_by=None)


async def _own(
    page: Page, session_id: str, answer: Callable[[Page, About], Awaitable[Response[bytes]]]
) -> Response[bytes]:
    own = await find_own(page, session_id)
    if own is None:
        return not_yours(page)
    if own.session.live:
        return page.go(f"/s/{own.session.id}")
    return await answer(page, about_own(own.session, own.place))


async def _read(page: Page, about: About) -> tuple[Request | None, int]:
    async with page.services.pool.acquire() as connection:
        found = await find_request(connection, page.services.keyring, about.session)
        return found, await payable_of(connection, about.session)


def _may_ask(about: About, found: Request | None, amount_minor: int) -> bool:
    if not amount_minor:
        return False
    return found is None or (found.stage is Stage.OPEN and found.asked_by == about.asked_by)


def _part(page: Page, about: About, found: Request | None, amount_minor: int) -> Part | None:
    path = f"{about.path.removesuffix('/bill')}/fapiao"
    may = _may_ask(about, found, amount_minor)
    if found is None:
        if not may:
            return None
        return Part(word="", look="", detail="", label=page.say("Ask for a fapiao"), path=path)
    word, look, detail = _words(page, about, found, amount_minor)
    return Part(word=word, look=look, detail=detail, label=page.say("Correct it") if may else "", path=path)


def _words(page: Page, about: About, found: Request, amount_minor: int) -> tuple[str, str, str]:
    match found.stage:
        case Stage.OPEN if not amount_minor:
            return (
                page.say("Not needed"),
                "warn",
                page.say("All that you paid went back, so there is nothing to be invoiced."),
            )
        case Stage.OPEN:
            amount = figures.money(amount_minor, CURRENCY)
            detail = page.say(
                "Over %(amount)s. It comes by mail once %(operator)s has issued it; until then it can be corrected.",
                amount=amount,
                operator=about.place.operator,
            )
            return page.say("requested"), "", detail
        case Stage.EXPORTED:
            detail = page.say(
                "%(operator)s is issuing it; it comes by mail. To correct it now, call.",
                operator=about.place.operator,
            )
            return page.say("Being issued"), "", detail
        case Stage.ISSUED:
            return page.say("Issued"), "", "\n".join(_numbers(page, found))


def _numbers(page: Page, found: Request) -> list[str]:
    lines = []
    for line in found.lines:
        amount = figures.money(line.amount_minor, CURRENCY)
        if line.number is None:
            lines.append(page.say("%(amount)s: the correction is being issued", amount=amount))
        else:
            lines.append(page.say("%(amount)s: number %(number)s", amount=amount, number=line.number))
    return lines


def _show(
    page: Page,
    about: About,
    found: Request | None,
    amount_minor: int,
    typed: Mapping[str, str],
    wrong: Mapping[str, str],
) -> Response[bytes]:
    part = _part(page, about, found, amount_minor)
    wish = None if found is None else found.wish
    return page.show(
        "use/fapiao.html",
        status=422 if wrong else 200,
        styles=STYLES,
        place=about.place,
        back=about.path,
        action=f"{about.path.removesuffix('/bill')}/fapiao",
        may=_may_ask(about, found, amount_minor),
        part=part,
        amount=figures.money(amount_minor, CURRENCY),
        kinds=(
            (TitleKind.PERSONAL.value, page.say("A person")),
            (TitleKind.COMPANY.value, page.say("A company")),
        ),
        typed={name: typed.get(name, "") for name in _FIELDS},
        wrong={name: wrong.get(name, "") for name in _FIELDS},
        masked="" if wish is None else f"{masked_title(wish)} · {masked_mail(wish)}",
        most=rules.MOST_TITLE,
        most_mail=rules.MOST_MAIL,
        help_phone=about.place.help_phone,
        about=about.session.id,
    )


def _said(reason: str) -> str:
    return dict(zip(rules.REASONS, REASONS, strict=True))[reason]
