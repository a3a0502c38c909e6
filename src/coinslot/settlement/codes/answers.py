"""What is said at a keypad: a start that is refused, as a note with the figures that explain it."""

from __future__ import annotations

from typing import Final

from coinslot.settlement.requests import Refusal, Refused
from coinslot.wire.messages import DisplayLanguage, Note, Show

_NOTES: Final = {
    "no_such_customer": Note.NOT_ALLOWED,
    "real_name": Note.NOT_ALLOWED,
    "quota": Note.NOT_ALLOWED,
    "out_of_hours": Note.OUT_OF_HOURS,
    "busy": Note.BUSY,
    "arrears": Note.ARREARS,
    "no_balance": Note.NO_BALANCE,
    "key_conflict": Note.CODE_USED,
    "offline": Note.TRY_AGAIN,
}
"""By the refusal's word; whatever else is the appliance's own trouble."""
_LINE: Final = 40
"""What a display's line takes at most."""


def refusal(
    answer: Refused, link: int, outlet: int, request: str, currency: str, language: str | None
) -> Show:
    """Why a right code opens nothing now. The code stays good: it may be typed again once that is put right."""
    amount_minor = None
    if answer.reason is Refusal.ARREARS:
        amount_minor = answer.arrears_minor
    elif answer.reason is Refusal.NO_BALANCE:
        amount_minor = answer.needed_minor
    return Show(
        link=link,
        outlet=outlet,
        request=request,
        note=_NOTES.get(answer.reason.value, Note.UNAVAILABLE),
        amount_minor=amount_minor,
        currency="" if amount_minor is None else currency,
        language=None if language is None else DisplayLanguage(language),
    )


def elsewhere(link: int, outlet: int, request: str, place: str) -> Show:
    """The code is for another appliance, of this name."""
    return Show(link=link, outlet=outlet, request=request, note=Note.OTHER_OUTLET, lines=[_line(place)])


def wrong(link: int, outlet: int, request: str, locked_s: int) -> Show:
    """There is no such code; with the seconds for which only long ones are taken from now, if any."""
    return Show(
        link=link, outlet=outlet, request=request, note=Note.WRONG_CODE, life_s=min(locked_s, 86_400) or None
    )


def locked(link: int, outlet: int, request: str, life_s: int) -> Show:
    """Only long codes are taken for so many seconds."""
    return Show(link=link, outlet=outlet, request=request, note=Note.LOCKED, life_s=max(1, life_s))


def told(link: int, outlet: int, request: str, note: Note) -> Show:
    """A note without figures."""
    return Show(link=link, outlet=outlet, request=request, note=note)


def _line(text: str) -> str:
    kept = "".join(sign for sign in text if sign.isprintable())
    return kept if len(kept) <= _LINE else kept[: _LINE - 1] + "…"
