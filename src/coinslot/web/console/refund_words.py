"""Why a refund was refused, in the reader's language."""

from __future__ import annotations

from typing import Final

from coinslot.fields import FieldError
from coinslot.ledger.errors import LedgerError
from coinslot.settlement.payments.errors import (
    BonusHeld,
    KeyReused,
    NotAllowed,
    NotRefundable,
    TooMuch,
    Unrefundable,
)
from coinslot.web.console import words
from coinslot.web.console.staffed import Staffed
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked

UNREFUNDABLE: Final = {
    Unrefundable.NOT_SETTLED: marked("The session is not settled, or nothing was charged."),
    Unrefundable.OWED: marked(
        "Its use was reported late and is owed, not paid: nothing was taken that could go back."
    ),
    Unrefundable.UNREADABLE: marked("The agreement by which it was shared cannot be read."),
    Unrefundable.FORGOTTEN: marked("Its customer was forgotten, and the wallet is nobody's."),
    Unrefundable.NOT_PAID: marked("This payment was not received."),
    Unrefundable.BY_ITSELF: marked("This payment goes back by itself; look at its refunds."),
    Unrefundable.TOO_OLD: marked("The provider refunds a payment for a year only. Pay it back by hand."),
    Unrefundable.TOO_MANY: marked("The provider takes no more refunds of this payment. Pay it back by hand."),
    Unrefundable.NOTHING_LEFT: marked("All of it has been given back, or is spent."),
    Unrefundable.WAY: marked("The money cannot go that way."),
    Unrefundable.WHOLE: marked("It is explained whole, or not at all."),
    Unrefundable.EXPLAINED: marked("It has been explained already."),
}
_FIELDS: Final = {
    "words": marked("Say why, in at most 500 characters, for whoever looks at it later."),
    "reason": marked("Choose a reason from the list."),
    "way": marked("Choose one from the list."),
    "beneficiary": marked("Name the customer whose wallet it is, and name nobody where no wallet is chosen."),
    "amount_minor": marked("The amount must be above zero."),
}


def why_not(staffed: Staffed, error: Exception, currency: str = "") -> str:
    """The refusal, and what to do next. `currency` is that of what was to be given back, where it is not the operator's."""
    match error:
        case NotRefundable():
            return staffed.say(UNREFUNDABLE[error.reason])
        case NotAllowed():
            return staffed.say(words.BARRED[error.reason])
        case TooMuch():
            most = figures.money(error.left_minor, currency or staffed.who.currency)
            return staffed.say("At most %(amount)s can be given back.", amount=most)
        case BonusHeld():
            return staffed.say(
                "A use that runs has set aside bonus that goes with it. Give back less, or when it is over."
            )
        case KeyReused():
            return staffed.say(
                "This form was sent before with other figures. Open it again from the payment."
            )
        case FieldError() if error.field in _FIELDS:
            return staffed.say(_FIELDS[error.field])
        case LedgerError():
            return staffed.say(
                "The balance has changed meanwhile, and is too small now. Load the page again."
            )
        case _:
            return staffed.say("This cannot be given back like that.")
