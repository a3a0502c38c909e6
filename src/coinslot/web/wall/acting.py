"""What is pressed on the wall: a form each, answered with the page again or, to its script, with JSON."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec
from litestar.response import Response
from msgspec import Struct

from coinslot.money.amounts import MoneyError, parse_amount
from coinslot.web.desk.routes import is_desk
from coinslot.web.kiosk.door import kiosk_here
from coinslot.web.pages import forms
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.problems import Problem, not_found
from coinslot.web.wall import showing
from coinslot.web.wall.baths import KEYS, MOST_KEYS
from coinslot.web.wall.port import CounterRefusal, CounterRefused, Trouble, WallPort
from coinslot.web.wall.rooms import RoomTrouble
from coinslot.wire.ids import TerminalId, is_id

_KEY_LENGTH: Final = range(8, 65)
_GUESSED: Final = 8
OTHER: Final = "other"
"""The choice at the counter that goes with an amount of one's own."""


class Said(Struct, frozen=True, kw_only=True):
    """What became of something pressed."""

    ok: bool
    text: str = ""
    field: str = ""
    """Which field of the form was wrong."""
    again: bool = False
    """The form was too old for this browser: with the new seal it may be sent again."""
    form: str = ""
    """A fresh seal for this browser's forms."""
    key: str = ""
    """A fresh key for the next payment."""
    go: str = ""
    """Where the browser goes then, if not back to the wall."""


Act: TypeAlias = Callable[[Page, WallPort, Form], Awaitable[Said]]


async def outcome(page: Page, wall: WallPort, act: Act) -> Said:
    """Do it, if the form is this browser's. Problem for what no form of ours can hold."""
    try:
        form = await page.form()
    except Problem as problem:
        if problem.details.reason != "old_form":
            raise
        return Said(ok=False, text=page.say(marked("Please press it once more.")), again=True)
    return await act(page, wall, form)


def as_json(page: Page, said: Said) -> Response[bytes]:
    """For the page's script, with what its next form needs."""
    seal = forms.seal(page.services.keyring, page.token)
    body = msgspec.json.encode(msgspec.structs.replace(said, form=seal, key=new_key()))
    status = 200 if said.ok else 403 if said.again else 422
    return Response(body, status_code=status, media_type="application/json")


def new_key() -> str:
    """For one payment at the counter."""
    return secrets.token_urlsafe(12)


_NO_POWER: Final = marked("No power: the button does nothing.")


async def press_stop(page: Page, wall: WallPort, form: Form) -> Said:
    """A tap's stop button."""
    try:
        felt = await wall.press_stop(_terminal(form), _outlet(form))
    except KeyError:
        raise not_found() from None
    return Said(ok=True, text="" if felt else page.say(_NO_POWER))


async def press_keys(page: Page, wall: WallPort, form: Form) -> Said:
    """Keys of a keypad, one after the other."""
    keys = form.text("keys")
    if not 0 < len(keys) <= MOST_KEYS or not KEYS.issuperset(keys):
        raise not_found()
    return await _felt(page, wall, form, keys)


async def guess(page: Page, wall: WallPort, form: Form) -> Said:
    """A code that nobody got: eight digits by chance."""
    digits = "".join(secrets.choice("0123456789") for _ in range(_GUESSED))
    return await _felt(page, wall, form, f"{digits}#")


async def _felt(page: Page, wall: WallPort, form: Form, keys: str) -> Said:
    try:
        felt = await wall.press_keys(_terminal(form), _outlet(form), keys)
    except KeyError:
        raise not_found() from None
    return Said(ok=True, text="" if felt else page.say(_NO_POWER))


async def open_kiosk(page: Page, wall: WallPort, _form: Form) -> Said:
    """The bathroom's kiosk, in this browser: the one that it is already, or one that it may become."""
    return Said(ok=True, go="/kiosk" if await kiosk_here(page) else await wall.kiosk_path())


async def choose(page: Page, wall: WallPort, form: Form) -> Said:
    """A package and a way to pay, on a touch display."""
    package, provider = form.text("package"), form.text("provider")
    if not (is_id(package) and is_id(provider)):
        raise not_found()
    try:
        felt = await wall.choose(_terminal(form), _outlet(form), package, provider)
    except KeyError:
        raise not_found() from None
    return Said(ok=True, text="" if felt else page.say(_NO_POWER))


async def back(page: Page, wall: WallPort, form: Form) -> Said:
    """Back, or again, on a touch display."""
    try:
        felt = await wall.back(_terminal(form), _outlet(form))
    except KeyError:
        raise not_found() from None
    return Said(ok=True, text="" if felt else page.say(_NO_POWER))


async def open_desk(page: Page, wall: WallPort, _form: Form) -> Said:
    """The hotel's front desk, in this browser: the one that it is already, or one that it may become."""
    return Said(ok=True, go="/desk" if await is_desk(page) else await wall.desk_path())


async def break_room(_page: Page, wall: WallPort, form: Form) -> Said:
    """One of the switches that break an appliance in a room."""
    try:
        await wall.break_room(_terminal(form), RoomTrouble(form.text("trouble")), on=form.text("on") == "1")
    except (KeyError, ValueError):
        raise not_found() from None
    return Said(ok=True)


async def make_trouble(_page: Page, wall: WallPort, form: Form) -> Said:
    """One of the switches that break things."""
    try:
        trouble = Trouble(form.text("trouble"))
    except ValueError:
        raise not_found() from None
    try:
        await wall.trouble(_terminal(form), trouble, on=form.text("on") == "1")
    except KeyError:
        raise not_found() from None
    return Said(ok=True)


async def pay(page: Page, wall: WallPort, form: Form) -> Said:
    """Cash at the counter."""
    choice, key = form.text("choice"), form.text("key")
    try:
        if len(key) not in _KEY_LENGTH or not key.isascii() or not key.isprintable():
            raise not_found()
        # Full-width digits are what a Chinese keyboard types; the point may be one too.
        amount = (form.text("amount") if choice == OTHER else choice).translate(_PLAIN)
        try:
            amount_minor = parse_amount(amount, wall.currency)
        except MoneyError:
            raise CounterRefused(CounterRefusal.AMOUNT) from None
        paid = await wall.pay_at_counter(form.text("phone").translate(_PLAIN), amount_minor, key)
    except CounterRefused as refused:
        field, text = showing.refusal_of(refused.reason)
        return Said(ok=False, text=page.say(text), field=field)
    return Said(ok=True, text=showing.paid_text(paid, wall.currency, page.words))


_PLAIN: Final = str.maketrans("０１２３４５６７８９．。＋", "0123456789..+")


def _terminal(form: Form) -> TerminalId:
    text = form.text("terminal")
    if not is_id(text):
        raise not_found()
    return TerminalId(text)


def _outlet(form: Form) -> int:
    text = form.text("outlet")
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise not_found()
    return int(text)
