"""What a guest is told in each stage, of the bill and of money on its way back. Pure: figures come from what is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from coinslot import tariffs
from coinslot.payments.model import Why
from coinslot.payments.states import RefundState
from coinslot.sessions.model import Session
from coinslot.tariffs import LineKind
from coinslot.web.customer import wording
from coinslot.web.customer.bill_text import Line
from coinslot.web.customer.ways import provider_name
from coinslot.web.guest.finding import Guest, GuestRefund, Stage
from coinslot.web.live.views import quote_of
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.wire.registers import Register

STOP_WORDS: Final = {
    "key": marked("It was stopped at the appliance."),
    "command": marked("It was stopped from this page, or by the hotel."),
    "limit": marked("It ran to the end of what was bought."),
    "idle": marked("It stopped by itself: nothing was used any more."),
    "power_loss": marked("The appliance lost its power; only what is certain is charged."),
    "fault": marked("The appliance stopped it to be safe."),
}
UNREPORTED: Final = marked("Its end was not reported; only what is certain is charged.")
_WHY_BACK: Final = {
    Why.UNUSED: marked("Not used"),
    Why.START_FAILED: marked("It did not start"),
    Why.SESSION: marked("Given back"),
    Why.LATE: marked("Paid after its time was over"),
    Why.DUPLICATE: marked("Paid a second time"),
    Why.UNWANTED: marked("Not wanted"),
    Why.WITHDRAWAL: marked("Given back"),
}


class StageText(Struct, frozen=True, kw_only=True):
    """A word, how it looks, and a sentence or two."""

    word: str
    look: str
    title: str
    detail: str


class Back(Struct, frozen=True, kw_only=True):
    """Money on its way back: how much, why, and how far it is."""

    amount: str
    where: str
    """Why it goes back."""
    word: str
    look: str
    detail: str


def stage_text(page: Page, guest: Guest) -> StageText:
    """What the page says first, where there is no bill and no meter."""
    provider = provider_name(page, guest.order.provider)
    match guest.stage:
        case Stage.WAITING:
            return _text(
                page.say("Waiting for payment"),
                "",
                page.say("Pay with %(name)s", name=provider),
                page.say(
                    "As soon as %(name)s tells us that it is paid, the appliance starts by itself.",
                    name=provider,
                ),
            )
        case Stage.ENDING:
            return _text(
                page.say("Being confirmed"),
                "warn",
                page.say("The time for this payment is over"),
                page.say(
                    "If you have paid all the same, it either starts, or all of it goes back by itself."
                ),
            )
        case Stage.EXPIRED:
            detail = (
                page.say("It came too late to start anything, and goes back by itself.")
                if guest.refunds
                else page.say("Nothing was charged. If money was taken all the same, it goes back by itself.")
            )
            return _text(page.say("Expired"), "bad", page.say("Not paid in time"), detail)
        case Stage.REVIEW:
            return _text(
                page.say("In review"),
                "warn",
                page.say("A person is looking at this payment"),
                page.say(
                    "%(name)s told us something that does not fit. What you paid is not lost.", name=provider
                ),
            )
        case Stage.STARTING | Stage.LIVE | Stage.FINISHED:
            return _text(
                page.say("Paid, starting"),
                "run",
                page.say("It starts in a moment"),
                page.say("If it cannot start within a minute, all of it goes back to you by itself."),
            )
        case Stage.NOT_STARTED:
            return _text(
                page.say("Did not start"),
                "warn",
                page.say("You pay nothing"),
                page.say("The appliance did not start. All that you paid goes back to you by itself."),
            )


def ended_by(page: Page, session: Session) -> str:
    """How it came to its end."""
    return page.say(STOP_WORDS.get(session.stop_reason or "", UNREPORTED))


def part_words(page: Page, session: Session, usage: Mapping[Register, int]) -> str:
    """Why less than the price is charged, in words; empty where it is not."""
    quote = quote_of(session.quote)
    if quote.package is None or not session.cut_short:
        return ""
    if tariffs.nothing_drawn(usage):
        return page.say("It broke off before it had done anything, so nothing is charged.")
    for line in tariffs.rate(quote, usage, cut_short=True).lines:
        if line.kind is LineKind.UNUSED and line.register is not None:
            return page.say(
                "It ended early, so you pay the part of the price that was used: %(used)s of %(bought)s.",
                used=_amount(page, line.register, line.quantity),
                bought=_amount(page, line.register, line.per),
            )
    return ""


def _amount(page: Page, register: Register, amount: int) -> str:
    if register is Register.S:
        return page.say("%(time)s min", time=figures.duration(amount * 1000))
    return wording.quantity(page, register, amount, exact=True)


def going_back(page: Page, guest: Guest) -> list[Back]:
    """All that goes back, or has; what is due and not asked for yet comes first."""
    zone = guest.place.timezone
    lines = [_back(page, refund, guest, zone) for refund in guest.refunds]
    due_minor = _due_minor(guest)
    if due_minor:
        lines.insert(
            0,
            Back(
                amount=figures.money(due_minor, guest.intent.currency),
                where=page.say("Not used") if guest.stage is Stage.FINISHED else page.say("It did not start"),
                word=page.say("in a moment"),
                look="",
                detail="",
            ),
        )
    return lines


def _due_minor(guest: Guest) -> int:
    """What goes back and has not been asked for: a worker does that within a second."""
    asked_minor = sum(one.amount_minor for one in guest.refunds if one.why in (Why.UNUSED, Why.START_FAILED))
    session = guest.session
    if session is None:
        return guest.intent.amount_minor - asked_minor if guest.given_up else 0
    return max(0, (session.released_minor or 0) - asked_minor)


def _back(page: Page, refund: GuestRefund, guest: Guest, zone: str) -> Back:
    word, look, detail = _state(page, refund, guest, zone)
    return Back(
        amount=figures.money(refund.amount_minor, refund.currency),
        where=page.say(_WHY_BACK[refund.why]),
        word=word,
        look=look,
        detail=detail,
    )


def _state(page: Page, refund: GuestRefund, guest: Guest, zone: str) -> tuple[str, str, str]:
    asked = figures.moment(refund.requested_at, zone, page.language)
    name = provider_name(page, guest.order.provider)
    match refund.state:
        case RefundState.REQUESTED:
            return page.say("requested"), "", page.say("Asked for on %(at)s.", at=asked)
        case RefundState.PROCESSING:
            return (
                page.say("on its way"),
                "",
                page.say(
                    "Asked for on %(at)s. %(name)s returns it to where you paid from; a bank card may take some days.",
                    at=asked,
                    name=name,
                ),
            )
        case RefundState.SUCCEEDED:
            ended = "" if refund.ended_at is None else figures.moment(refund.ended_at, zone, page.language)
            return page.say("arrived"), "run", page.say("With %(name)s on %(at)s.", name=name, at=ended)
        case RefundState.CLOSED if refund.handed_at is not None:
            at = figures.moment(refund.handed_at, zone, page.language)
            return page.say("handed over"), "run", page.say("By the hotel's desk on %(at)s.", at=at)
        case RefundState.CLOSED:
            return (
                page.say("at the desk"),
                "warn",
                page.say(
                    "%(name)s could not return it. It is yours: ask %(operator)s for it, and show this page.",
                    name=name,
                    operator=guest.place.operator,
                ),
            )
        case RefundState.ABNORMAL:
            return (
                page.say("held up"),
                "warn",
                page.say("%(name)s could not deliver it at once. A person looks after it.", name=name),
            )


def paid_lines(page: Page, guest: Guest) -> list[Line]:
    """What was bought, for how much, and with what."""
    lines = [Line(page.say("Bought"), guest.order.title)]
    attempt = guest.paid_by
    amount = figures.money(guest.intent.amount_minor, guest.intent.currency)
    if attempt is None:
        return [*lines, Line(page.say("To be paid"), amount)]
    lines += [Line(page.say("Paid with %(name)s", name=provider_name(page, attempt.provider)), amount)]
    if guest.intent.paid_at is not None:
        at = figures.moment(guest.intent.paid_at, guest.place.timezone, page.language)
        lines.append(Line(page.say("Paid on"), at))
    return lines


def sign_of(guest: Guest) -> str:
    """What changes when the page would."""
    session = guest.session
    parts = [guest.stage.value, "" if session is None else session.state.value]
    parts += [f"{one.number}={one.state.value}={one.handed_at is not None}" for one in guest.refunds]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _text(word: str, look: str, title: str, detail: str) -> StageText:
    return StageText(word=word, look=look, title=title, detail=detail)
