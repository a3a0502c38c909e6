"""A code that works without the link, in words: what it is, what is held for it, what becomes of that. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.settlement.offline.model import OfflineCode, OfflineRefusal, OfflineRefused, OfflineState
from coinslot.web.customer.code_text import groups
from coinslot.web.customer.words import AGAIN, NOTHING_HELD, again_text
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page

REVIEW_AFTER: Final = timedelta(hours=24)
"""Without any word from the terminal for so long a person looks at it."""


class OfflinePhase(StrEnum):
    """What the page shows."""

    LIVE = "live"
    """It can be typed."""
    ENDING = "ending"
    """It is offered no more; the appliance has not yet said that it was not used."""
    TAKEN_BACK = "taken_back"
    """The same, because its customer does not need it."""
    REVIEW = "review"
    """The same, and for so long that a person looks at it."""
    USED = "used"
    """It was typed."""
    RETURNED = "returned"
    """It was not, and the money is back."""


class OfflineText(Struct, frozen=True, kw_only=True):
    """Everything on the page that changes."""

    phase: OfflinePhase
    title: str
    detail: str
    groups: tuple[str, ...]
    left_ms: int
    life_ms: int
    left: str
    kind: str
    """Of the note: warn, or empty."""

    @property
    def percent(self) -> int:
        """How much of its life is left."""
        return 100 * self.left_ms // self.life_ms if self.life_ms else 0


def phase_of(code: OfflineCode, now: datetime) -> OfflinePhase:
    """How it stands for its customer."""
    match code.state:
        case OfflineState.USED:
            return OfflinePhase.USED
        case OfflineState.RETURNED:
            return OfflinePhase.RETURNED
        case OfflineState.LIVE if code.expires_at > now and code.digits:
            return OfflinePhase.LIVE
        case OfflineState.LIVE | OfflineState.ENDING:
            if now - code.made_at > REVIEW_AFTER:
                return OfflinePhase.REVIEW
            return OfflinePhase.TAKEN_BACK if code.taken_back else OfflinePhase.ENDING


def offline_text(page: Page, code: OfflineCode, now: datetime) -> OfflineText:
    """The code in the visitor's language."""
    phase = phase_of(code, now)
    live = phase is OfflinePhase.LIVE
    credit = figures.money(code.credit_minor, code.currency)
    left_ms = max(0, (code.expires_at - now) // timedelta(milliseconds=1)) if live else 0
    return OfflineText(
        phase=phase,
        title=page.say(_TITLES[phase], credit=credit),
        detail=page.say(_DETAILS[phase], credit=credit),
        groups=groups(code.digits) if live else (),
        left_ms=left_ms,
        life_ms=(code.expires_at - code.made_at) // timedelta(milliseconds=1),
        left=figures.duration(left_ms),
        kind="warn" if phase in _HELD else "",
    )


_HELD: Final = (OfflinePhase.ENDING, OfflinePhase.TAKEN_BACK, OfflinePhase.REVIEW)
_TITLES: Final = {
    OfflinePhase.LIVE: marked("Type this code on the keypad"),
    OfflinePhase.ENDING: marked("This code is being cancelled"),
    OfflinePhase.TAKEN_BACK: marked("This code is being taken back"),
    OfflinePhase.REVIEW: marked("A person looks at this code"),
    OfflinePhase.USED: marked("This code was used"),
    OfflinePhase.RETURNED: marked("%(credit)s returned"),
}
_DETAILS: Final = {
    OfflinePhase.LIVE: marked(
        "It works there without network, for up to %(credit)s. That is held now; what you do not use comes back when the "
        "shower has its network again and reports."
    ),
    OfflinePhase.ENDING: marked(
        "%(credit)s stays held until the shower has its network again and confirms that the code was not used. Then it "
        "comes back by itself; you need not do anything."
    ),
    OfflinePhase.TAKEN_BACK: marked(
        "%(credit)s is returned when the shower has confirmed that the code was not used: at once when it has its "
        "network. Typed before that, the code still opens the shower, and what you use is charged."
    ),
    OfflinePhase.REVIEW: marked(
        "The shower has not reported for a day. %(credit)s stays held; a person finds out what became of it. The help "
        "line knows more."
    ),
    OfflinePhase.USED: marked("The shower has reported it. The use and its bill are yours to see."),
    OfflinePhase.RETURNED: marked(
        "The shower has confirmed that the code was not used, and %(credit)s is back on your balance."
    ),
}


REFUSALS: Final = {
    OfflineRefusal.NO_SUCH_PLACE: marked("This shower is not there any more. Choose another one."),
    OfflineRefusal.NO_SUCH_CUSTOMER: marked("Your account is blocked, so nothing can be started."),
    OfflineRefusal.LINKED: marked("The shower has its network again: get an ordinary code."),
    OfflineRefusal.NOT_HERE: marked("This shower takes no codes without network. Choose another one."),
    OfflineRefusal.CLOSED: marked("The operator has just closed it. Choose another one."),
    OfflineRefusal.OUT_OF_HOURS: marked("It is closed at this hour. Come back when it is open."),
    OfflineRefusal.QUOTA: marked(
        "What is left of what the operator gives one person is less than such a code is good for."
    ),
    OfflineRefusal.FAULT: marked("Something is wrong with it. Choose another one."),
    OfflineRefusal.REAL_NAME: marked("Your real name is needed first."),
    OfflineRefusal.ARREARS: marked("You still owe for earlier use. Pay that first."),
    OfflineRefusal.NO_BALANCE: marked("Your wallet has too little for a start. Top it up first."),
    OfflineRefusal.ALREADY_LIVE: marked(
        "You have such a code already. Use it, or wait until its time is over."
    ),
    OfflineRefusal.TOO_MANY: marked(
        "As many codes as this shower can take without network were given away. Choose another one."
    ),
    OfflineRefusal.KEY_CONFLICT: marked("This page was used for another code already. Press once more."),
}


def refusal_words(page: Page, refused: OfflineRefused, currency: str, timezone: str) -> str:
    """Why there is none, with the figures, from when on there may be one, and that nothing was held."""
    said = page.say(REFUSALS[refused.reason])
    if refused.reason is OfflineRefusal.NO_BALANCE and refused.needed_minor is not None:
        said = page.say(
            "Your wallet has %(balance)s; a start there takes at least %(least)s. Top it up first.",
            balance=figures.money(refused.balance_minor or 0, currency),
            least=figures.money(refused.needed_minor, currency),
        )
    again = again_text(page, refused.again_at, timezone)
    parts = [said, page.say(AGAIN, time=again) if again else "", page.say(NOTHING_HELD)]
    return " ".join(part for part in parts if part)
