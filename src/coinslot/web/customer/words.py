"""What people are told about their own input and about a start that is refused, in words of theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from coinslot.fields import FieldError
from coinslot.fleet.hours import NEVER
from coinslot.settlement.requests import Refusal
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page

REASONS: Final = {
    "must be a mobile number such as 138 0013 8000, or begin with +": marked(
        "This is no mobile number. Write it like 138 0013 8000; one from abroad begins with +."
    ),
    "a Chinese mobile number has 11 digits after +86": marked(
        "A Chinese mobile number has 11 digits after +86."
    ),
    "must have 18 characters, as on the card": marked("The ID number has 18 characters, as on the card."),
    "this is an old number of 15 digits; give the 18 characters of the card in force": marked(
        "This is an old number of 15 digits. Give the 18 characters of the card in force."
    ),
    "must be 17 digits, then a digit or X": marked("The ID number is 17 digits, then a digit or an X."),
    "the first digits name no region; compare them with the card": marked(
        "The first digits name no region. Compare them with the card."
    ),
    "digits 7 to 14 are no date that exists; compare them with the card": marked(
        "Digits 7 to 14 are a date that does not exist. Compare them with the card."
    ),
    "the birthday in digits 7 to 14 is still to come; compare them with the card": marked(
        "The birthday in digits 7 to 14 is still to come. Compare them with the card."
    ),
    "the birthday in digits 7 to 14 is more than 130 years ago; compare them with the card": marked(
        "The birthday in digits 7 to 14 is more than 130 years ago. Compare them with the card."
    ),
    "the last character does not fit the others, so one of them is mistyped; compare them with the card": marked(
        "One of the characters is mistyped: the last does not fit the others. Compare them with the card."
    ),
    "may hold letters, spaces, · and - only, as on the card": marked(
        "The name has letters, spaces, · and - only, as on the card."
    ),
    "must be the whole name, as on the card": marked("Give the whole name, as on the card."),
    "must not be empty": marked("Give the whole name, as on the card."),
    "choose a picture": marked("Choose a picture or take one."),
    "may be at most 8 MB; take it with a lower resolution": marked(
        "The picture has more than 8 MB. Take it with a lower resolution."
    ),
    "must be a JPEG, PNG or WebP picture": marked(
        "This is no JPEG, PNG or WebP picture. Take one with the camera."
    ),
    "has more than 40 megapixels; take it with a lower resolution": marked(
        "The picture has more than 40 megapixels. Take it with a lower resolution."
    ),
    "is too small to be read: each side must be at least 300 pixels": marked(
        "The picture is too small to be read. Each side must have at least 300 pixels."
    ),
    "is too narrow: its longer side may be at most five times the shorter": marked(
        "The picture is too narrow. Let the card fill it."
    ),
    "must be a single picture, not an animation": marked("This is an animation. Choose a single picture."),
    "is damaged or was cut short; take it again": marked(
        "The picture is damaged or was cut short. Take it again."
    ),
}
"""By the reason as `people` gives it, which is written for operators and programs."""

_FIELDS: Final = {
    "name": marked("Give the name as it stands on the card, in at most 80 characters."),
    "id_number": marked("Give the ID number as it stands on the card."),
    "picture": marked("This picture cannot be used. Take another one."),
    "phone": marked("This is no mobile number."),
}

REFUSALS: Final = {
    Refusal.NO_SUCH_OUTLET: marked("This outlet is not there any more. Choose another one."),
    Refusal.NO_SUCH_CUSTOMER: marked("Your account is blocked, so nothing can be started."),
    Refusal.CLOSED: marked("The operator has just closed it. Please use another one."),
    Refusal.OUT_OF_HOURS: marked("It is closed at this hour."),
    Refusal.NO_TARIFF: marked("It has no price at this moment, so it cannot be started."),
    Refusal.FAULT: marked("Something is wrong with it, so it cannot be started."),
    Refusal.OFFLINE: marked("The appliance is not connected at this moment. Try again in a minute."),
    Refusal.BUSY: marked("Somebody else was quicker. It is free again when they stop."),
    Refusal.REAL_NAME: marked("Your real name is needed first."),
    Refusal.ARREARS: marked("You still owe for earlier use. Pay that first."),
    Refusal.QUOTA: marked("You have used as much as the operator allows for now."),
    Refusal.NO_BALANCE: marked("Your wallet has too little for a start. Top it up first."),
    Refusal.KEY_CONFLICT: marked("This page was used for another start already. Press once more."),
}
"""Why a start was refused and what to do. What all have in common, `NOTHING_HELD`, is said with it."""

NOTHING_HELD: Final = marked("Nothing was held.")


def wording(page: Page, error: FieldError) -> str:
    """What is wrong with a field and how to put it right; the input is not repeated."""
    text = REASONS.get(error.reason) or _FIELDS.get(error.field)
    return page.say(text) if text else error.reason


AGAIN: Final = marked("It can be started again from %(time)s on.")
"""Said with a refusal that time alone lifts."""


def refusal_words(page: Page, reason: Refusal, *, again: str = "") -> str:
    """Why nothing was started; `again`: from when on it may be, as a moment in the page's language."""
    said = [page.say(REFUSALS[reason])]
    if again:
        said.append(page.say(AGAIN, time=again))
    return " ".join((*said, page.say(NOTHING_HELD)))


def again_text(page: Page, at: datetime | None, timezone: str) -> str:
    """A moment for `refusal_words`; empty where none is known."""
    return "" if at is None or at == NEVER else figures.moment(at, timezone, page.language)
