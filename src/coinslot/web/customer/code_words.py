"""Why there is no code, in words that name the figure and the way out."""

from __future__ import annotations

from typing import Final

from coinslot.settlement.codes.model import CodeRefusal, CodeRefused
from coinslot.web.customer.words import AGAIN, NOTHING_HELD, again_text
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page

REFUSALS: Final = {
    CodeRefusal.NO_SUCH_PLACE: marked("This shower is not there any more. Choose another one."),
    CodeRefusal.NO_SUCH_CUSTOMER: marked("Your account is blocked, so nothing can be started."),
    CodeRefusal.CLOSED: marked("The operator has just closed it. Choose another one."),
    CodeRefusal.OUT_OF_HOURS: marked("It is closed at this hour. Come back when it is open."),
    CodeRefusal.OFFLINE: marked("The shower is not connected at this moment. Choose another one."),
    CodeRefusal.FAULT: marked("Something is wrong with it. Choose another one."),
    CodeRefusal.NO_TARIFF: marked(
        "It has no price at this moment, so it cannot be used. Choose another one."
    ),
    CodeRefusal.NO_BALANCE: marked("Your wallet has too little for a start. Top it up first."),
    CodeRefusal.ARREARS: marked("You still owe for earlier use. Pay that first."),
    CodeRefusal.REAL_NAME: marked("Your real name is needed first."),
    CodeRefusal.QUOTA: marked(
        "You have used what the operator gives one person for now. Look at this page later."
    ),
    CodeRefusal.TOO_MANY_LIVE: marked(
        "As many codes as are safe wait to be typed there. Choose another shower, or try again in a few minutes."
    ),
    CodeRefusal.ALREADY_LIVE: marked("You have a code that was not typed yet. Use it, or cancel it first."),
}


_FRIEND_HAS_ONE: Final = marked(
    "A code for a friend waits to be typed already. Cancel that one first, or wait until its time is over."
)


def refusal_words(
    page: Page, refused: CodeRefused, currency: str, timezone: str, *, friend: bool = False
) -> str:
    """Why there is none, from when on there may be one, and that nothing was held for it."""
    said = page.say(REFUSALS[refused.reason])
    if friend and refused.reason is CodeRefusal.ALREADY_LIVE:
        said = page.say(_FRIEND_HAS_ONE)
    if refused.reason is CodeRefusal.ARREARS and refused.balance_minor:
        said = page.say(
            "You still owe %(amount)s for earlier use. Top up: what you owe is repaid first, then you can start again.",
            amount=figures.money(refused.balance_minor, currency),
        )
    if refused.reason is CodeRefusal.NO_BALANCE and refused.needed_minor is not None:
        said = page.say(
            "Your wallet has %(balance)s; a start there takes at least %(least)s. Top it up first.",
            balance=figures.money(refused.balance_minor or 0, currency),
            least=figures.money(refused.needed_minor, currency),
        )
    again = again_text(page, refused.again_at, timezone)
    parts = [said, page.say(AGAIN, time=again) if again else "", page.say(NOTHING_HELD)]
    return " ".join(part for part in parts if part)


def refusal_status(refused: CodeRefused) -> int:
    """Of the answer."""
    return 503 if refused.reason is CodeRefusal.OFFLINE else 409
