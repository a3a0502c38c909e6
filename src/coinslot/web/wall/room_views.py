"""What the wall shows of a hotel's appliances, in the words of one language."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from coinslot.terminal.views import Phase, View
from coinslot.web.pages import figures, rendering
from coinslot.web.pages.languages import Language, Words, marked
from coinslot.web.wall.rooms import RoomShown, RoomsPort, RoomTrouble
from coinslot.web.wall.showing import qr
from coinslot.wire.registers import Register

_BOTH: Final = " · "
"""Between a text's Chinese and its English."""


class RoomView(Struct, frozen=True, kw_only=True):
    """One appliance in words, figures and the markup of its display; `tone` is the status's colour class."""

    id: str
    word: str
    tone: str
    troubles: tuple[str, ...]
    runs: bool
    """Something turns in it."""
    hot: bool
    power: str
    phase: str
    glass: str
    """The display's markup, with forms whose seal is still to be filled in."""
    left: str
    """Of the code's life, or of what was bought; empty where nothing counts down."""


class Choice(Struct, frozen=True):
    """A button: what it stands for, and what is on it."""

    id: str
    title: str
    price: str = ""
    note: str = ""


PROVIDERS: Final = {
    "wechat": marked("WeChat Pay"),
    "alipay": marked("Alipay"),
    "stripe": marked("Card"),
    "counter": marked("Front desk"),
}
PHASES: Final = {
    Phase.READY: marked("Nothing to buy at this moment."),
    Phase.OFFLINE: marked("No network. One moment, please."),
    Phase.CLOSED: marked("Closed."),
    Phase.WAITING: marked("One moment: the code is being made."),
    Phase.QR: marked("Scan and pay"),
    Phase.SCANNED: marked("Scanned. Pay on the phone."),
    Phase.PAID: marked("Paid. It starts at once."),
    Phase.CHECKING: marked("The code is being checked."),
    Phase.RUNNING: marked("Running now"),
    Phase.PAUSED: marked("Paused. It stops by itself when the pause is over."),
    Phase.FINISHED: marked("Finished"),
    Phase.REFUNDED: marked("It did not start. All of the payment goes back."),
    Phase.EXPIRED: marked("The code's time is over. Nothing was paid."),
    Phase.BUSY: marked("Somebody is using it."),
    Phase.UNAVAILABLE: marked("This cannot be had at this moment."),
    Phase.TRY_AGAIN: marked("The payment service did not answer. Please try again."),
}
"""What a display says in this phase; in others its own text."""
ROOM_TROUBLES: Final = {
    RoomTrouble.POWER_CUT: (
        marked("Unplug it, or cut the power"),
        marked(
            "Everything is dark. When the power is back, a dryer ends the use and what was not used goes back to "
            "the payer; the others go on."
        ),
    ),
    RoomTrouble.UNPLUGGED: (
        marked("Pull the network cable"),
        marked(
            "What runs, runs on to its end. Nothing new can be bought; the bill comes when the cable is back."
        ),
    ),
    RoomTrouble.NO_LOAD: (
        marked("Nothing draws power"),
        marked(
            "As with a plug that is out or a cut-out that has tripped. Paid for now, it does not start: after 15 "
            "seconds all of the payment goes back, and it is not trusted again before 10 minutes."
        ),
    ),
    RoomTrouble.BLOCKED: (
        marked("Hold the drum or fan"),
        marked(
            "The motor draws five times its power. After 20 seconds it is switched off and what was not used goes "
            "back; it is not trusted again before 10 minutes."
        ),
    ),
    RoomTrouble.SHORTED: (
        marked("Short circuit"),
        marked(
            "5.5 kW: after 3 seconds it is switched off and what was not used goes back; it is not trusted again "
            "before 10 minutes."
        ),
    ),
    RoomTrouble.METER_STUCK: (
        marked("Stop the meter"),
        marked("Power is drawn and not counted: after 5 watt-hours it is switched off."),
    ),
    RoomTrouble.RELAY_STUCK: (
        marked("Weld the relay"),
        marked(
            "It stays as it is. Stuck on, power flows on: the bill ends at the stop, and an alarm begins."
        ),
    ),
}
"""Each switch: what it does to the appliance, and what follows."""
_HOT_W: Final = 1_500
_UNSEALED: Final = 'name="form" value=""'
_LEFT: Final = "data-left>"


def rooms(wall: RoomsPort, words: Words) -> dict[str, RoomView]:
    """All of them as they stand now, by their terminals' ids."""
    return {one.terminal: room(one, wall.payers_at, words) for one in wall.rooms(words.language.value)}


def room(one: RoomShown, payers_at: str, words: Words) -> RoomView:
    """One of them."""
    word, tone = _status(one)
    drawn = one.running and one.power_w > 0
    return RoomView(
        id=one.terminal,
        word=words.gettext(word),
        tone=tone,
        troubles=tuple(trouble.value for trouble in one.troubles),
        runs=drawn and RoomTrouble.BLOCKED not in one.troubles,
        hot=drawn and one.power_w >= _HOT_W,
        power=f"{one.power_w:,} W",
        phase="dark" if one.view is None else one.view.phase.value,
        glass=_glass(one, payers_at, words),
        left="" if one.view is None or one.view.left_s is None else figures.duration(one.view.left_s * 1000),
    )


def filled(view: RoomView, sealed: str) -> str:
    """The display's markup for a page that runs no script: its forms sealed, its countdown as it stands."""
    return view.glass.replace(_UNSEALED, f'name="form" value="{sealed}"').replace(
        _LEFT, f"{_LEFT}{view.left}"
    )


def _status(one: RoomShown) -> tuple[str, str]:
    if not one.powered:
        return marked("no power"), "bad"
    if not one.online:
        return marked("offline"), "bad"
    if one.in_use:
        return marked("in use"), "run"
    return (marked("out of order"), "warn") if one.out_of_order else (marked("free"), "")


def _glass(one: RoomShown, payers_at: str, words: Words) -> str:
    view = one.view
    if view is None:
        return ""
    return rendering.render(
        "wall/glass.html",
        words.language,
        {
            "one": one,
            "view": view,
            "phase": view.phase.value,
            "says": words.gettext(PHASES[view.phase]) if view.phase in PHASES else view.text,
            "packages": packages(view, words),
            "providers": [Choice(each, provider_name(each, words)) for each in view.providers],
            "provider": provider_name(view.provider, words) if view.provider else "",
            "code": "" if view.qr is None else qr(view.qr),
            "phone": _payers_page(view, payers_at),
            "bill": view.qr if view.phase is Phase.FINISHED else None,
            "used": _used(view),
        },
        (),
        (),
    )


def packages(view: View, words: Words) -> list[Choice]:
    """The display's buttons: each package with its price, and that a deposit is one."""
    return [
        Choice(
            each.package,
            one_language(each.title, words.language),
            figures.money(each.price_minor, view.currency or "CNY"),
            words.gettext(marked("deposit")) if each.by_use else "",
        )
        for each in view.packages
    ]


def provider_name(provider: str, words: Words) -> str:
    """As people call it."""
    known = PROVIDERS.get(provider)
    return provider if known is None else words.gettext(known)


def one_language(title: str, language: Language) -> str:
    """A text that was written in both languages, in one of them; any other as it is."""
    chinese, found, english = title.partition(_BOTH)
    if not found:
        return title
    return chinese if language is Language.ZH else english


def _payers_page(view: View, payers_at: str) -> str:
    """Where a phone that scans the code arrives, if that is a page the wall may show beside it."""
    if view.phase not in (Phase.QR, Phase.SCANNED) or view.qr is None or not payers_at:
        return ""
    scanned, sandbox = urlsplit(view.qr), urlsplit(payers_at)
    return view.qr if (scanned.scheme, scanned.netloc) == (sandbox.scheme, sandbox.netloc) else ""


def _used(view: View) -> str:
    wh = view.usage.get(Register.WH)
    return "" if wh is None else f"{wh:,} Wh"
