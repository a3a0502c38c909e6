"""A code to be typed, in words and figures: how it is read out, how long it is good, what comes after it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.settlement.codes.model import CodeState, CodeView, Scope
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page

_GROUPS: Final = {8: (4, 4), 9: (3, 3, 3), 12: (4, 4, 4)}
"""How people say so many digits without losing one."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a code is typed."""

    appliance: str
    """Its name, with the outlet's where it has several; empty where any in the room will do."""
    code: str
    site: str
    room: str
    timezone: str
    currency: str
    operator: str
    help_phone: str
    pause_s: int
    """For how long a use may be paused; 0: not at all."""

    @property
    def where(self) -> str:
        """Site and room."""
        return f"{self.site} · {self.room}" if self.room else self.site

    @property
    def whole(self) -> str:
        """All that is needed to find it."""
        return " · ".join(part for part in (self.site, self.room, self.appliance) if part)


class Phase(StrEnum):
    """What the page shows."""

    LIVE = "live"
    """It can be typed."""
    USED = "used"
    """It was."""
    EXPIRED = "expired"
    """Its time is over."""
    CANCELLED = "cancelled"
    """It was taken back, or another took its place."""


class CodeText(Struct, frozen=True, kw_only=True):
    """A code's page."""

    phase: Phase
    title: str
    detail: str
    """What became of it and what to do next; for one that can be typed, what it opens."""
    where: str
    """Where that is; empty once it can be typed no more."""
    groups: tuple[str, ...]
    left_ms: int
    life_ms: int
    left: str
    notes: tuple[str, ...]
    """What to know of this one code."""
    share: str
    """For a friend: a message to be sent; else empty."""

    @property
    def percent(self) -> int:
        """How much of its life is left."""
        return 100 * self.left_ms // self.life_ms if self.life_ms else 0


def groups(digits: str) -> tuple[str, ...]:
    """The digits as they are shown and said."""
    found, at = [], 0
    for length in _GROUPS.get(len(digits), (len(digits),)):
        found.append(digits[at : at + length])
        at += length
    return tuple(found)


def phase_of(code: CodeView, now: datetime) -> Phase:
    """A code whose time is over is shown so, whether or not that was written down."""
    match code.state:
        case CodeState.USED:
            return Phase.USED
        case CodeState.CANCELLED:
            return Phase.CANCELLED
        case CodeState.EXPIRED:
            return Phase.EXPIRED
        case CodeState.LIVE:
            return Phase.LIVE if code.expires_at > now else Phase.EXPIRED


def code_text(page: Page, code: CodeView, place: Place, now: datetime) -> CodeText:
    """The code in the visitor's language."""
    phase = phase_of(code, now)
    live = phase is Phase.LIVE
    left_ms = max(0, (code.expires_at - now) // timedelta(milliseconds=1)) if live else 0
    cap = "" if code.cap_minor is None else figures.money(code.cap_minor, place.currency)
    return CodeText(
        phase=phase,
        title=page.say(_FOR_A_FRIEND if live and code.for_friend else _TITLES[phase]),
        where=place.where if live else "",
        detail=_detail(page, code, place, phase),
        groups=groups(code.digits) if live else (),
        left_ms=left_ms,
        life_ms=(code.expires_at - code.created_at) // timedelta(milliseconds=1),
        left=figures.duration(left_ms),
        notes=_notes(page, code, cap) if live else (),
        share=_share(page, code, place, cap) if live and code.for_friend else "",
    )


def _detail(page: Page, code: CodeView, place: Place, phase: Phase) -> str:
    match phase:
        case Phase.LIVE if code.appliance is None:
            return page.say("Any free shower")
        case Phase.LIVE:
            return place.appliance
        case Phase.USED if code.for_friend:
            return page.say("Your friend has typed it. You pay for this use, up to the limit that you set.")
        case Phase.USED:
            return page.say("It was typed and works only once. The use and its bill are yours to see.")
        case Phase.EXPIRED:
            return page.say(
                "Nobody typed it in time. Nothing was held and nothing is charged. Get a new one."
            )
        case Phase.CANCELLED:
            return page.say(
                "It opens nothing any more. Nothing was held and nothing is charged. Get a new one."
            )


def _notes(page: Page, code: CodeView, cap: str) -> tuple[str, ...]:
    notes = []
    if code.scope is Scope.LONG:
        notes.append(
            page.say(
                "Wrong codes were typed on this keypad, so it takes only long codes for a while. This is one of them: "
                "twelve digits. Type them slowly; after a wrong one wait three seconds."
            )
        )
    if code.for_friend:
        notes.append(
            page.say(
                "Whoever has these digits can use the shower at your cost, for up to %(cap)s. Send them to nobody else.",
                cap=cap,
            )
        )
    return tuple(notes)


def _share(page: Page, code: CodeView, place: Place, cap: str) -> str:
    until = figures.moment(code.expires_at, place.timezone, page.language)
    return page.say(
        "Shower code %(digits)s for %(place)s. Type it there, then #. It pays up to %(cap)s and is good until %(until)s.",
        digits=" ".join(groups(code.digits)),
        place=place.whole,
        cap=cap,
        until=until,
    )


_FOR_A_FRIEND: Final = marked("Send this code to your friend")
_TITLES: Final = {
    Phase.LIVE: marked("Type this code on the keypad"),
    Phase.USED: marked("This code was used"),
    Phase.EXPIRED: marked("This code is over"),
    Phase.CANCELLED: marked("This code was cancelled"),
}
