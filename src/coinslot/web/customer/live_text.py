"""What the live meter says: one view in the visitor's words and figures. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.sessions.states import State
from coinslot.web.customer.own import Own
from coinslot.web.live.views import LiveView
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.wire.registers import Register


class Phase(StrEnum):
    """What the customer should know first."""

    STARTING = "starting"
    """The order to open is on its way."""
    CANCELLED = "cancelled"
    """A stop came before it had opened."""
    UNKNOWN = "unknown"
    """Nobody knows yet whether it opened."""
    RUNNING = "running"
    """It runs."""
    STANDING = "standing"
    """It is open and nothing flows."""
    PAUSED = "paused"
    """Its user has shut it for a while; the session goes on."""
    PROMISED = "promised"
    """Not started after all: the code it was promised under may still be typed."""
    STOPPING = "stopping"
    """The appliance has not yet said that it has shut."""
    OFFLINE = "offline"
    """It runs, and nothing is heard from there."""
    ENDED = "ended"
    """The bill is there."""


_UNMEASURED: Final = (Phase.STARTING, Phase.CANCELLED, Phase.UNKNOWN, Phase.PROMISED, Phase.ENDED)


class LiveText(Struct, frozen=True, kw_only=True):
    """Everything on the page that changes; texts are complete, so that a script only puts them in place."""

    phase: Phase
    word: str
    kind: str
    """Of the status badge: run, warn, bad, or empty."""
    note: str
    """What to know in this phase; empty when it needs no words."""
    doubt: str
    """What to know of a meter that is not believed; else empty."""
    main: str
    unit: str
    cost: str
    time: str
    back: str
    percent: int
    """How much of the hold is used, 0 to 100."""
    temperature: str
    stop: str
    """The button; empty when there is nothing to press any more."""
    spoken: str
    """For a screen reader, once in a while."""
    age_ms: int | None
    """How old the figures are; None when there is nothing to measure yet."""
    ended: bool


def live_text(page: Page, view: LiveView, own: Own, now: datetime) -> LiveText:
    """The view in the visitor's language."""
    phase = phase_of(view)
    word, kind = _word(page, phase)
    cost = figures.money(view.charge_minor, view.currency)
    hold = figures.money(view.hold_minor, view.currency)
    ml = view.usage.get(Register.ML)
    metered = ml is not None or not view.usage
    main = figures.litres(ml or 0) if metered else figures.duration(view.duration_ms)
    unit = page.say("L") if metered else ""
    temperature = view.sensors.get("water_decic")
    return LiveText(
        phase=phase,
        word=word,
        kind=kind,
        note=_note(page, phase, own, view, hold),
        doubt=_doubt(page, view, hold),
        main=main,
        unit=unit,
        cost=cost,
        time=figures.duration(view.duration_ms),
        back=figures.money(view.released_minor, view.currency),
        percent=100 * view.charge_minor // view.hold_minor if view.hold_minor else 0,
        temperature="" if temperature is None else figures.degrees(temperature),
        stop="" if view.stop_asked else _stop(page, phase, cost),
        spoken=page.say("%(main)s %(unit)s, %(cost)s so far", main=main, unit=unit, cost=cost),
        age_ms=_age_ms(view, phase, now),
        ended=view.ended,
    )


def phase_of(view: LiveView) -> Phase:
    """What to say first about a session: what is uncertain goes before what is not."""
    match view.state:
        case State.AUTHORIZED:
            return Phase.CANCELLED if view.stop_asked else Phase.STARTING
        case State.UNKNOWN:
            return Phase.UNKNOWN
        case State.RUNNING | State.STOPPING if not view.online:
            return Phase.OFFLINE
        case State.STOPPING:
            return Phase.STOPPING
        case State.PROMISED:
            return Phase.PROMISED
        case State.RUNNING if view.valve_open is False and view.limit.pause_s:
            return Phase.PAUSED
        case State.RUNNING:
            return Phase.STANDING if view.flow_ml_per_min == 0 else Phase.RUNNING
        case State.SETTLED | State.RELEASED | State.LATE:
            return Phase.ENDED


def _word(page: Page, phase: Phase) -> tuple[str, str]:
    match phase:
        case Phase.STARTING:
            return page.say("Starting"), ""
        case Phase.CANCELLED | Phase.STOPPING:
            return page.say("Stopping…"), "warn"
        case Phase.UNKNOWN:
            return page.say("Not known yet"), "warn"
        case Phase.RUNNING:
            return page.say("Running"), "run"
        case Phase.STANDING:
            return page.say("Nothing flows"), "warn"
        case Phase.PAUSED:
            return page.say("Paused"), "warn"
        case Phase.PROMISED:
            return page.say("Not started"), "warn"
        case Phase.OFFLINE:
            return page.say("Offline"), "bad"
        case Phase.ENDED:
            return page.say("Ended"), ""


def _note(page: Page, phase: Phase, own: Own, view: LiveView, hold: str) -> str:
    match phase:
        case Phase.STARTING:
            return page.say("Opening the valve… this takes a few seconds.")
        case Phase.CANCELLED:
            return page.say("It is being called off. What did not run is not charged.")
        case Phase.UNKNOWN:
            return page.say(
                "We do not know yet whether it opened: the appliance does not answer. What did not run is not "
                "charged. It is settled as soon as the appliance answers, at the latest on %(at)s.",
                at=figures.moment(own.session.give_up_at, own.place.timezone, page.language),
            )
        case Phase.PAUSED:
            return page.say(
                "The valve is shut and nothing is counted. On the keypad * goes on and # stops. A use may be paused for "
                "%(minutes)s minutes in all; after that it ends by itself.",
                minutes=-(-view.limit.pause_s // 60),
            )
        case Phase.PROMISED:
            return page.say(
                "The appliance did not open. Your code may still be typed there; what is held for it comes back once "
                "the appliance says that it was not used."
            )
        case Phase.STOPPING:
            return page.say("Waiting for the appliance to say that it has shut; then comes the bill.")
        case Phase.OFFLINE if view.stop_asked:
            return page.say(
                "The appliance is offline: your stop reaches it when it is back. Its own button stops it now, and it "
                "stops by itself before %(hold)s is used up. Then comes the bill; you can leave.",
                hold=hold,
            )
        case Phase.OFFLINE:
            return page.say(
                "The appliance is offline. Its own button still stops it, and it stops by itself before "
                "%(hold)s is used up. The bill comes when it is back; you can leave.",
                hold=hold,
            )
        case Phase.RUNNING | Phase.STANDING | Phase.ENDED:
            return ""


def _doubt(page: Page, view: LiveView, hold: str) -> str:
    if not view.doubted:
        return ""
    return page.say(
        "The meter reports what cannot be true. Only what is certain is counted, a person will look at this bill, "
        "and you will never be charged more than %(hold)s.",
        hold=hold,
    )


def _stop(page: Page, phase: Phase, cost: str) -> str:
    match phase:
        case Phase.STARTING | Phase.UNKNOWN:
            return page.say("Do not start")
        case Phase.RUNNING | Phase.STANDING | Phase.PAUSED | Phase.OFFLINE:
            return page.say("Stop and pay %(cost)s", cost=cost)
        case Phase.CANCELLED | Phase.STOPPING | Phase.PROMISED | Phase.ENDED:
            return ""


def _age_ms(view: LiveView, phase: Phase, now: datetime) -> int | None:
    """How old the figures are; clocks of two processes may differ by a little."""
    if view.at is None or phase in _UNMEASURED:
        return None
    return max(0, (now - view.at) // timedelta(milliseconds=1))
