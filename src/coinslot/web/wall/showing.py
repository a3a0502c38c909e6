"""What the wall shows, in the words of one language: the same for the page, its stream and who asks again."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final, assert_never

import segno
from msgspec import Struct

from coinslot.web.pages import figures
from coinslot.web.pages.languages import Words, marked
from coinslot.web.wall.port import (
    ApplianceShown,
    CounterRefusal,
    LinkLine,
    Paid,
    TapShown,
    TextShown,
    Trouble,
    WallPort,
)

_VESSELS_ML: Final = (500, 5_000, 50_000)
"""A glass, a jug, a tub: whatever is large enough stands below the tap."""


class TapView(Struct, frozen=True, kw_only=True):
    """One tap, in words and figures."""

    outlet: int
    name: str
    lines: tuple[str, ...]
    word: str
    tone: str
    open: bool
    flows: bool
    valve: str
    fill: int
    """Of its vessel, permille."""
    vessel: str
    tank: int | None
    """Permille."""


class ApplianceView(Struct, frozen=True, kw_only=True):
    """One appliance, in words and figures; `tone` is the status's colour class."""

    id: str
    name: str
    word: str
    tone: str
    troubles: tuple[str, ...]
    taps: tuple[TapView, ...]


class TextView(Struct, frozen=True, kw_only=True):
    """A message to a customer."""

    n: int
    at: str
    to: str
    text: str
    code: str
    path: str


class LineView(Struct, frozen=True, kw_only=True):
    """A message of the link."""

    n: int
    at: str
    name: str
    up: bool
    kind: str
    text: str
    skipped: int


def appliances(wall: WallPort, words: Words) -> dict[str, ApplianceView]:
    """All of them as they stand now, by their terminals' ids."""
    return {one.terminal: appliance(one, words) for one in wall.look(words.language.value)}


def appliance(one: ApplianceShown, words: Words) -> ApplianceView:
    """One of them."""
    word, tone = _status(one)
    return ApplianceView(
        id=one.terminal,
        name=one.name,
        word=words.gettext(word),
        tone=tone,
        troubles=tuple(trouble.value for trouble in one.troubles),
        taps=tuple(_tap(tap, words) for tap in one.taps),
    )


def _status(one: ApplianceShown) -> tuple[str, str]:
    if not one.powered:
        return marked("no power"), "bad"
    if not one.online:
        return marked("offline"), "bad"
    if any(tap.in_use for tap in one.taps):
        return marked("in use"), "run"
    if any(tap.out_of_order for tap in one.taps):
        return marked("out of order"), "warn"
    return marked("free"), ""


def _tap(tap: TapShown, words: Words) -> TapView:
    word, tone = marked("free"), ""
    if tap.in_use:
        word, tone = marked("in use"), "run"
    elif tap.out_of_order:
        word, tone = marked("out of order"), "warn"
    size_ml = next((size_ml for size_ml in _VESSELS_ML if tap.glass_ml <= size_ml), _VESSELS_ML[-1])
    return TapView(
        outlet=tap.outlet,
        name=words.gettext(tap.name),  # customers' pages know the usual ones, too
        lines=tap.lines,
        word=words.gettext(word),
        tone=tone,
        open=tap.valve_open,
        flows=tap.flow_ml_per_min > 0,
        valve=words.gettext(marked("Valve open") if tap.valve_open else marked("Valve shut")),
        fill=min(1000, tap.glass_ml * 1000 // size_ml),
        vessel=f"{size_ml // 1000} L" if size_ml >= 1000 else f"{figures.litres(size_ml)} L",
        tank=tap.tank_permille,
    )


def texts(wall: WallPort, after: int = 0) -> tuple[TextView, ...]:
    """The messages to customers that came after this number, the newest last."""
    return tuple(_text(one) for one in wall.texts() if one.number > after)


def _text(one: TextShown) -> TextView:
    return TextView(n=one.number, at=clock(one.at_ms), to=one.to, text=one.text, code=one.code, path=one.path)


def lines(wall: WallPort, after: int = 0) -> tuple[LineView, ...]:
    """The link's messages that came after this number, the newest last."""
    return tuple(_line(one) for one in wall.link_lines() if one.number > after)


def _line(one: LinkLine) -> LineView:
    return LineView(
        n=one.number,
        at=clock(one.at_ms),
        name=one.name,
        up=one.up,
        kind=one.kind,
        text=one.text,
        skipped=one.skipped,
    )


def clock(at_ms: int) -> str:
    """By the clock of this machine: a demo's visitors sit before it or beside it."""
    return time.strftime("%H:%M:%S", time.localtime(at_ms // 1000))


TROUBLES: Final = {
    Trouble.UNPLUGGED: (
        marked("Pull the cable"),
        marked(
            "The network is gone. Water in use runs on within its limits; the bill comes when the cable is back."
        ),
    ),
    Trouble.POWER_CUT: (
        marked("Cut the power"),
        marked(
            "A valve without power shuts. When the power is back, the use is billed up to the last sure reading."
        ),
    ),
    Trouble.METER_STUCK: (
        marked("Stop the meter"),
        marked(
            "Water flows and is not counted, so nobody pays for it. A dispenser shuts after 20 seconds; "
            "it is not trusted again before 10 minutes."
        ),
    ),
    Trouble.VALVE_STUCK: (
        marked("Block the valve"),
        marked(
            "It stays as it is. Blocked open, water flows on: the bill ends at the stop, and an alarm begins."
        ),
    ),
    Trouble.LEAK: (
        marked("Wet the floor"),
        marked(
            "The leak sensor shuts the valve and ends the use. A minute after the floor is dry it serves again."
        ),
    ),
}
"""Each switch: what it does to the appliance, and what follows."""


def refusal_of(reason: CounterRefusal) -> tuple[str, str]:
    """The field, and the words for the person at the counter."""
    match reason:
        case CounterRefusal.NO_PHONE:
            return "phone", marked("This is no phone number: one is 138 0013 8000, or begins with +.")
        case CounterRefusal.UNKNOWN_PHONE:
            return "phone", marked(
                "Nobody has registered with this number. Register first: scan a dispenser's code and log in."
            )
        case CounterRefusal.AMOUNT:
            return "amount", marked("The counter takes from 0.01 to 1000.00: digits, a point, no sign.")
        case CounterRefusal.OTHER_PAYMENT:
            return "amount", marked(
                "This form has already paid another amount. It is a new one now: check it and pay again."
            )
        case CounterRefusal.SHUT:
            return "", marked("The books cannot be written at this moment. Nothing was paid; try again.")
        case _:
            assert_never(reason)


def paid_text(paid: Paid, currency: str, words: Words) -> str:
    """What the counter says when it has taken money."""
    amount = figures.money(paid.amount_minor, currency)
    balance = figures.money(paid.balance_minor, currency)
    if paid.again:
        said = words.gettext(
            marked("This payment of %(amount)s was made before. The balance is %(balance)s.")
        )
    elif paid.repaid_minor:
        said = words.gettext(
            marked("Paid %(amount)s, of which %(repaid)s settled what was owed. The balance is %(balance)s.")
        )
    else:
        said = words.gettext(marked("Paid %(amount)s. The balance is %(balance)s."))
    repaid = figures.money(paid.repaid_minor, currency)
    return said % {"amount": amount, "balance": balance, "repaid": repaid}


@lru_cache(maxsize=64)
def qr(url: str) -> str:
    """The QR of an address, as SVG with its quiet zone."""
    return segno.make(url, error="m", micro=False).svg_inline(border=4, omitsize=True)
