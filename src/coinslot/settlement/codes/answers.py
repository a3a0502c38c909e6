"""What is said at a keypad, with the figures that explain it."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from coinslot.settlement.codes.kept import Place
from coinslot.settlement.requests import Refusal, Refused, StartView
from coinslot.wire.messages import DisplayLanguage, Note, Show

_NOTES: Final = {
    Refusal.NO_SUCH_CUSTOMER: Note.NOT_ALLOWED,
    Refusal.REAL_NAME: Note.NOT_ALLOWED,
    Refusal.QUOTA: Note.NOT_ALLOWED,
    Refusal.OUT_OF_HOURS: Note.OUT_OF_HOURS,
    Refusal.BUSY: Note.BUSY,
    Refusal.ARREARS: Note.ARREARS,
    Refusal.NO_BALANCE: Note.NO_BALANCE,
    Refusal.KEY_CONFLICT: Note.CODE_USED,
    Refusal.OFFLINE: Note.TRY_AGAIN,
}
"""Whatever else is the appliance's own trouble."""
_LINE: Final = 40
"""What a display's line takes at most."""


def refusal(
    answer: Refused, place: Place, view: StartView, currency: str, *, for_friend: bool = False
) -> Show:
    """Why a right code opens nothing now. The code stays good: it may be typed again once that is put right.

    `for_friend`: whoever types it is not who gave it, and is not told what that one owes, nor that.
    """
    amount_minor, note = None, _NOTES.get(answer.reason, Note.UNAVAILABLE)
    if answer.reason is Refusal.ARREARS and for_friend:
        note = Note.NOT_ALLOWED
    elif answer.reason is Refusal.ARREARS:
        amount_minor = answer.arrears_minor
    elif answer.reason is Refusal.NO_BALANCE:
        amount_minor = answer.needed_minor
    lines = []
    if answer.again_at is not None:
        lines.append(f"{answer.again_at.astimezone(ZoneInfo(view.timezone)):%H:%M}")
    return Show(
        link=place.link,
        outlet=place.outlet,
        request=place.request,
        note=note,
        lines=lines,
        amount_minor=amount_minor,
        currency="" if amount_minor is None else currency,
        language=None if view.language is None else DisplayLanguage(view.language),
    )


def elsewhere(place: Place, name: str) -> Show:
    """The code is for another appliance, of this name."""
    return Show(
        link=place.link,
        outlet=place.outlet,
        request=place.request,
        note=Note.OTHER_OUTLET,
        lines=[_line(name)],
    )


def wrong(place: Place, locked_s: int) -> Show:
    """There is no such code; with the seconds for which only long ones are taken from now, if any."""
    return Show(
        link=place.link,
        outlet=place.outlet,
        request=place.request,
        note=Note.WRONG_CODE,
        life_s=locked_s or None,
    )


def locked(place: Place, wait_ms: int) -> Show:
    """So long until a code of this length is taken."""
    return Show(
        link=place.link,
        outlet=place.outlet,
        request=place.request,
        note=Note.LOCKED,
        life_s=-(-wait_ms // 1000),
    )


def told(place: Place, note: Note) -> Show:
    """A note without figures."""
    return Show(link=place.link, outlet=place.outlet, request=place.request, note=note)


def _line(text: str) -> str:
    kept = "".join(sign for sign in text if sign.isprintable())
    return kept if len(kept) <= _LINE else kept[: _LINE - 1] + "…"
