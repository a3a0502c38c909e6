"""What a bill says, line by line. Pure: the figures come from the session, which is final."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import ReviewReason
from coinslot.tariffs import LineKind
from coinslot.web.customer import wording
from coinslot.web.customer.own import Own
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.reading import ReviewNote
from coinslot.web.views import Bill, BillLine, QuoteView
from coinslot.wire.registers import Register

_OURS = (ReviewReason.NOT_TOLD.value, ReviewReason.REPORTED.value)
"""What is looked at without a doubt about the figures."""

STOP_WORDS = {
    "key": marked("You pressed the button on the appliance."),
    "command": marked("You stopped it by phone."),
    "limit": marked("It stopped by itself at the limit of this use."),
    "idle": marked("It stopped by itself: nothing flowed any more."),
    "power_loss": marked("The appliance lost its power; you pay up to the last certain reading."),
    "fault": marked("The appliance stopped it to be safe."),
}


class Line(NamedTuple):
    """A name and what stands across from it."""

    name: str
    value: str


def working(page: Page, bill: Bill, quote: QuoteView, session: Session) -> list[Line]:
    """How the amount came about. The lines add up to what was paid, or is owed, to the last fraction."""
    blocks = {line.register: line.per for line in quote.lines}
    currency = session.currency
    lines = [_line(page, line, blocks, currency) for line in bill.lines]
    owed_minor = bill.captured_minor + bill.arrears_minor
    if bill.charge_minor > owed_minor:
        name = page.say("Beyond what was set aside: not charged")
        if session.state is State.LATE:
            name = page.say("Given up: not charged")
        lines.append(Line(name, figures.money(owed_minor - bill.charge_minor, currency)))
    return lines


def _line(page: Page, line: BillLine, blocks: dict[Register, int], currency: str) -> Line:
    amount = figures.exact_money(line.amount.numerator, line.amount.denominator, currency)
    match line.kind:
        case LineKind.START_FEE:
            return Line(page.say("Start fee"), amount)
        case LineKind.PACKAGE:
            return Line(page.say("What was bought"), amount)
        case LineKind.UNUSED:
            return Line(page.say("Not used of it"), amount)
        case LineKind.USE:
            return Line(_use(page, line, blocks, currency), amount)
        case LineKind.FREE:
            return Line(page.say("Free today: %(quantity)s", quantity=_quantity(page, line)), amount)
        case LineKind.MINIMUM:
            return Line(page.say("Up to the least charge"), amount)
        case LineKind.MAXIMUM:
            return Line(page.say("Above the most charge: not charged"), amount)
        case LineKind.ROUNDING:
            return Line(page.say("Rounding"), amount)


def _use(page: Page, line: BillLine, blocks: dict[Register, int], currency: str) -> str:
    assert line.register is not None  # a use is of a register
    price = wording.price(
        page,
        line.register,
        line.amount.numerator,
        line.amount.denominator * line.quantity,
        blocks.get(line.register, 1),
        currency,
    )
    return page.say("%(quantity)s at %(price)s", quantity=_quantity(page, line), price=price)


def _quantity(page: Page, line: BillLine) -> str:
    assert line.register is not None  # only what was used has a quantity
    return wording.quantity(page, line.register, line.quantity, exact=True)


def times(page: Page, own: Own) -> list[Line]:
    """Start, end and how long, by the clock on the wall there."""
    session, zone = own.session, own.place.timezone
    begun = begun_at(session)
    if begun is None:
        return [
            Line(page.say("Asked for"), figures.moment(session.created_at, zone, page.language)),
            Line(page.say("Settled"), _moment(page, session.settled_at, zone)),
        ]
    ended = session.stopped_at or session.settled_at
    if session.duration_ms is not None:
        # A terminal that was offline tells of the end late; how long it took it counted itself.
        ended = begun + timedelta(milliseconds=session.duration_ms)
    lines = [
        Line(page.say("Start"), figures.moment(begun, zone, page.language)),
        Line(page.say("End"), _moment(page, ended, zone)),
    ]
    if session.duration_ms is not None:
        lines.append(Line(page.say("Time"), figures.duration(session.duration_ms)))
    return lines


def begun_at(session: Session) -> datetime | None:
    """When it began. A record that came late cannot move it past the moment from which it could not begin."""
    return None if session.started_at is None else min(session.started_at, session.expired_at)


def _moment(page: Page, at: datetime | None, zone: str) -> str:
    return "" if at is None else figures.moment(at, zone, page.language)


def use_lines(page: Page, bill: Bill, duration_ms: int | None, peak_ml_per_min: int) -> list[Line]:
    """How much was used, and how quickly."""
    lines = [
        Line(page.say("Used"), wording.quantity(page, register, amount, exact=True))
        for register, amount in bill.usage.items()
        if register is not Register.S and amount
    ]
    ml, s = bill.usage.get(Register.ML, 0), bill.usage.get(Register.S, 0)
    flowing_ms = s * 1000 or (duration_ms or 0)
    if ml and flowing_ms:
        lines.append(Line(page.say("Average flow"), _flow(page, ml * 60_000 // flowing_ms)))
    if ml and peak_ml_per_min:
        lines.append(Line(page.say("Highest flow"), _flow(page, peak_ml_per_min)))
    return lines


def _flow(page: Page, ml_per_min: int) -> str:
    return page.say("%(litres)s L/min", litres=figures.litres(ml_per_min))


def why_nothing(page: Page, session: Session) -> str:
    """Why a session that was released cost nothing."""
    if session.stop_asked_at is not None:
        return page.say("It was stopped before it had begun.")
    return page.say("The appliance did not start.")


def in_review(notes: Iterable[ReviewNote]) -> bool:
    """Whether a person still has to look at the figures."""
    return any(note.closed_at is None and note.reason not in _OURS for note in notes)


def reported_at(notes: Sequence[ReviewNote]) -> datetime | None:
    """When its customer said that something is wrong."""
    return next((note.opened_at for note in notes if note.reason == ReviewReason.REPORTED.value), None)
