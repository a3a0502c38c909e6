"""What is said of a payment in each of its states, and of money that goes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from coinslot.payments.model import GIVEN_BACK, Mark, Refund, Why
from coinslot.payments.standing import Standing
from coinslot.payments.states import AttemptState, RefundState
from coinslot.settlement.payments.errors import Unpayable
from coinslot.web.customer.own_payment import OwnPayment
from coinslot.web.customer.topup import UNPAYABLE
from coinslot.web.customer.ways import provider_name
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page


class StandingText(Struct, frozen=True, kw_only=True):
    """A word, how it looks, and a sentence or two."""

    word: str
    look: str
    title: str
    detail: str


class Line(Struct, frozen=True, kw_only=True):
    """Money that goes back: how much, and how far it is."""

    amount: str
    words: str


REFUND_WORDS: Final = {
    RefundState.REQUESTED: marked("requested"),
    RefundState.PROCESSING: marked("on its way"),
    RefundState.SUCCEEDED: marked("arrived"),
    RefundState.CLOSED: marked("did not work; a person looks after it"),
    RefundState.ABNORMAL: marked("held up; a person looks after it"),
}
_WHY_BACK: Final = {
    Mark.LATE: marked("It was paid after its time was over."),
    Mark.DUPLICATE: marked("It was paid a second time."),
    Mark.UNWANTED: marked("The account was closed."),
}


def standing_text(page: Page, own: OwnPayment, zone: str) -> StandingText:
    """What the page says first."""
    attempt, intent = own.attempt, own.intent
    name = "" if attempt is None else provider_name(page, attempt.provider)
    until = figures.moment(intent.expires_at, zone, page.language)
    match own.stand.standing:
        case Standing.CHOOSING:
            refused = attempt is not None and attempt.state is AttemptState.FAILED
            detail = (
                page.say("%(name)s did not take this payment. Nothing was charged.", name=name)
                if refused
                else page.say("Nothing was charged so far. You can pay until %(until)s.", until=until)
            )
            return _text(page.say("Not paid"), "warn", page.say("Choose how to pay"), detail)
        case Standing.MAKING:
            return _text(
                page.say("Being prepared"),
                "warn",
                page.say("%(name)s has not answered yet", name=name),
                page.say("Nothing was charged. Trying again is safe: it stays one payment."),
            )
        case Standing.WAITING:
            return _text(
                page.say("Waiting for payment"),
                "",
                page.say("Pay with %(name)s", name=name),
                page.say(
                    "As soon as %(name)s tells us that it is paid, this page goes on by itself.", name=name
                ),
            )
        case Standing.ENDING:
            return _text(
                page.say("Being confirmed"),
                "warn",
                page.say("The time for this payment is over"),
                page.say(
                    "We are asking %(name)s whether you have paid. If you have, it is in your wallet in a moment.",
                    name=name,
                ),
            )
        case Standing.PAID:
            return _text(page.say("Payment arrived"), "", page.say("It is in your wallet"), "")
        case Standing.EXPIRED:
            return _text(
                page.say("Expired"),
                "bad",
                page.say("Nobody paid in time"),
                page.say("It can be paid no more. If money was taken all the same, it goes back by itself."),
            )
        case Standing.REVIEW:
            return _text(
                page.say("In review"),
                "warn",
                page.say("A person is looking at this payment"),
                page.say(
                    "%(name)s told us something that does not fit. What you have paid is not lost: it is credited, or "
                    "goes back to you.",
                    name=name,
                ),
            )


def notice_words(page: Page, own: OwnPayment, asked: Mapping[str, str]) -> str:
    """The answer to what was just pressed; empty where the state says it all."""
    standing = own.stand.standing
    if standing in (Standing.PAID, Standing.EXPIRED, Standing.REVIEW):
        return ""
    if asked.get("payer"):
        return page.say("WeChat has not told us who pays. Continue in WeChat below, or choose another way.")
    if (reason := asked.get("not", "")) in {one.value for one in Unpayable}:
        return page.say(UNPAYABLE[Unpayable(reason)])
    if asked.get("asked") and own.attempt is not None:
        name = provider_name(page, own.attempt.provider)
        return page.say(
            "%(name)s has no payment of yours yet. If you have just paid, wait a little: this page goes on by itself.",
            name=name,
        )
    return ""


def given_back_lines(page: Page, own: OwnPayment, zone: str) -> list[Line]:
    """What was paid too late or twice, and how far it is on its way back; then what was withdrawn since."""
    lines = []
    for attempt in own.stand.given_back:
        refund = next((one for one in own.refunds if one.attempt_number == attempt.number), None)
        why = page.say(_WHY_BACK[attempt.mark]) if attempt.mark in GIVEN_BACK else ""
        words = page.say(
            "goes back to %(name)s: %(state)s",
            name=provider_name(page, attempt.provider),
            state=page.say("requested") if refund is None else refund_words(page, refund, zone),
        )
        lines.append(
            Line(amount=figures.money(attempt.amount_minor, attempt.currency), words=f"{why} {words}")
        )
    withdrawn = [one for one in own.refunds if one.why is Why.WITHDRAWAL]
    for refund in withdrawn:
        words = page.say("withdrawn since: %(state)s", state=refund_words(page, refund, zone))
        lines.append(Line(amount=figures.money(refund.amount_minor, refund.currency), words=words))
    return lines


def refund_words(page: Page, refund: Refund, zone: str) -> str:
    """How far it is; of a withdrawal's part that could not be done the wallet has the money."""
    if refund.state is RefundState.CLOSED and refund.why is Why.WITHDRAWAL:
        return page.say("did not work; it is in your wallet again")
    word = page.say(REFUND_WORDS[refund.state])
    if refund.state is RefundState.SUCCEEDED and refund.ended_at is not None:
        return f"{word}, {figures.moment(refund.ended_at, zone, page.language)}"
    return word


def _text(word: str, look: str, title: str, detail: str) -> StandingText:
    return StandingText(word=word, look=look, title=title, detail=detail)
