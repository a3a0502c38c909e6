"""The meter of a guest's use in words and figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from coinslot import tariffs
from coinslot.sessions.states import State
from coinslot.web.customer import wording
from coinslot.web.customer.live_text import LiveText, Phase, live_text
from coinslot.web.guest.finding import Guest
from coinslot.web.live.views import LiveView, quote_of
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.wire.registers import Register


class GuestText(Struct, frozen=True, kw_only=True):
    """Everything on the page that changes, named as the script of the live meter has it."""

    phase: Phase
    word: str
    kind: str
    note: str
    doubt: str
    main: str
    unit: str
    cost: str
    """What is paid if it ends now."""
    time: str
    energy: str
    """Empty where none is metered."""
    back: str
    percent: int
    """How much of what was bought is used, 0 to 100."""
    stop: str
    spoken: str
    age_ms: int | None
    ended: bool


class Figures(Struct, frozen=True, kw_only=True):
    """What a use has come to: minor units, milliseconds, percent."""

    cost_minor: int
    back_minor: int
    left_ms: int | None
    """Of the time that was bought; None where none was."""
    percent: int


def figures_of(view: LiveView, quote: tariffs.Quote) -> Figures:
    """What is paid and goes back if it is ended now by whoever uses it: what was bought for a price is paid whole."""
    bought = dict(quote.package.units) if quote.package is not None else {}
    charge = tariffs.rate(quote, view.usage).amount_minor
    cost_minor = min(charge, view.hold_minor)
    left_ms = None
    used = dict(view.usage)
    if Register.S in bought:
        left_ms = max(0, bought[Register.S] * 1000 - view.duration_ms)
        used[Register.S] = max(used.get(Register.S, 0), view.duration_ms // 1000)
    percent = max((100 * min(used.get(name, 0), most) // most for name, most in bought.items()), default=0)
    if not bought and view.hold_minor:
        percent = 100 * cost_minor // view.hold_minor
    return Figures(
        cost_minor=cost_minor, back_minor=view.hold_minor - cost_minor, left_ms=left_ms, percent=percent
    )


def guest_text(page: Page, view: LiveView, guest: Guest, now: datetime) -> GuestText:
    """The view in the visitor's language."""
    assert guest.session is not None
    told = live_text(page, view, guest.own, now)
    quote = quote_of(guest.session.quote)
    now_figures = figures_of(view, quote)
    main, unit = _main(page, view, now_figures)
    cost = figures.money(now_figures.cost_minor, view.currency)
    return GuestText(
        phase=told.phase,
        word=_word(page, told),
        kind=told.kind,
        note=_note(page, told, guest),
        doubt=told.doubt,
        main=main,
        unit=unit,
        cost=cost,
        time=figures.duration(view.duration_ms),
        energy=_energy(page, view.usage),
        back=figures.money(now_figures.back_minor, view.currency),
        percent=now_figures.percent,
        stop=_stop(page, told, cost) if may_stop(view.state, quote, asked=view.stop_asked) else "",
        spoken=page.say("%(main)s %(unit)s, %(cost)s so far", main=main, unit=unit, cost=cost),
        age_ms=told.age_ms,
        ended=view.ended,
    )


def _word(page: Page, told: LiveText) -> str:
    """What runs is not always water."""
    return page.say("Under way") if told.phase is Phase.RUNNING else told.word


def _main(page: Page, view: LiveView, now: Figures) -> tuple[str, str]:
    if now.left_ms is not None:
        return figures.duration(now.left_ms), page.say("left")
    if Register.ML in view.usage:
        return figures.litres(view.usage[Register.ML]), page.say("L")
    return figures.duration(view.duration_ms), ""


def _energy(page: Page, usage: Mapping[Register, int]) -> str:
    return wording.quantity(page, Register.WH, usage[Register.WH]) if Register.WH in usage else ""


def _note(page: Page, told: LiveText, guest: Guest) -> str:
    match told.phase:
        case Phase.STARTING:
            return page.say("It is starting… this takes a few seconds.")
        case Phase.UNKNOWN:
            assert guest.session is not None
            return page.say(
                "We do not know yet whether it started: the appliance does not answer. What did not run goes back to "
                "you by itself, at the latest on %(at)s.",
                at=figures.moment(guest.session.give_up_at, guest.place.timezone, page.language),
            )
        case _:
            return told.note


def _stop(page: Page, told: LiveText, cost: str) -> str:
    """It leads to a page that asks once more."""
    if not told.stop:
        return ""
    starts = told.phase in (Phase.STARTING, Phase.UNKNOWN)
    return page.say("Do not start") if starts else page.say("Stop and pay %(cost)s", cost=cost)


def may_stop(state: State, quote: tariffs.Quote, *, asked: bool) -> bool:
    """Whether it may be stopped from here.

    What was bought for a price and runs may not: a stop from the server counts as the operator's and gives a part of
    the price back, so that a package would be sold by the minute. Its user ends it at the appliance.
    """
    if asked:
        return False
    if state in (State.AUTHORIZED, State.UNKNOWN):
        return True
    whole = quote.package is not None and bool(quote.package.units)
    return state is State.RUNNING and not whole
