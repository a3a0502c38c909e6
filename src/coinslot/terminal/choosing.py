"""Buying on the appliance: what an outlet sells, and the one choice that is under way.

Nothing here opens anything: only a `start` does. A choice lives in this program alone; after a loss of power it is
forgotten, and a payment that was made meanwhile comes back as a `start` or goes back to its payer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from coinslot.wire.messages import Menu, Note, PackageOffered, Show

ANSWER_MS = 20_000
"""A provider is given 10 s by the server; after this long nobody goes on waiting in front of a display."""
PAID_MS = 60_000
"""A start that has not come by then will not: the server sends it for 15 s, then the money goes back."""
CODE_MS = 120_000
"""The life of a code that came without one."""
KEYS = ("1", "2", "3", "4", "5", "6", "7", "8")
"""Of packages, then of ways to pay, where there are no buttons to touch."""
PICK_MS = 30_000
"""A package picked by key waits this long for its way to pay."""
MENU_MS = 15_000
"""A menu of the link before is good for this long after a new one: the server sends it behind its welcome."""


class Stage(Enum):
    """How far a choice has come."""

    WAITING = auto()
    """The server was asked for a code."""
    LATE = auto()
    """It did not answer in time; it still may."""
    CODE = auto()
    """The code can be paid."""
    SCANNED = auto()
    """The same, and somebody has it on a phone."""
    PAID = auto()
    """The provider has the money; the start follows."""
    STARTED = auto()
    """The outlet has run since."""
    OVER = auto()
    """Refused, expired or taken back. Only money is still to be heard of."""
    DONE = auto()
    """The money went back. Nothing more is to be heard."""


_PAYABLE = (Stage.CODE, Stage.SCANNED)
_OPEN = (Stage.WAITING, Stage.LATE, *_PAYABLE)


@dataclass
class Choice:
    """A wish to buy; moments are ticks in milliseconds."""

    request: str
    package: str
    provider: str
    since: int
    """When its stage began."""
    stage: Stage = Stage.WAITING
    qr: str = ""
    amount_minor: int | None = None
    currency: str = ""
    ends_at: int = 0

    def move(self, stage: Stage, now: int) -> None:
        """Go on."""
        self.stage = stage
        self.since = now

    def left_s(self, now: int) -> int:
        """Seconds for which the code can still be paid, rounded up."""
        return max(0, -(-(self.ends_at - now) // 1000))


class Choosing:
    """One outlet's menu and choice."""

    def __init__(self) -> None:
        self.menu: Menu | None = None
        self.choice: Choice | None = None
        """The latest one, kept when it is over: what the server says of it is still for the person here."""
        self.picked = ""
        """The package whose way to pay is asked for, on a keypad."""
        self._picked_at = 0
        self._menu_until: int | None = None

    # ------------------------------------------------------------ what is sold

    @property
    def packages(self) -> list[PackageOffered]:
        """What can be bought now."""
        return self.menu.packages if self.menu is not None and self.menu.providers else []

    def offer(self, menu: Menu) -> None:
        """The server's menu, instead of the one before."""
        self.menu = menu
        self._menu_until = None
        if self.picked not in [package.package for package in menu.packages]:
            self.picked = ""

    def relinked(self, now: int) -> None:
        """A new link was welcomed: the menu of the one before is good for a moment only."""
        self._menu_until = now + MENU_MS

    def sells(self, package: str, provider: str) -> bool:
        """Whether this is on the menu; without a menu the server is asked."""
        if self.menu is None:
            return True
        return provider in self.menu.providers and any(package == one.package for one in self.packages)

    # ------------------------------------------------------------ what a person does

    def pick(self, key: str, now: int) -> tuple[str, str] | None:
        """A key from 1 to 8: picks a package, then the way to pay; both once they are known."""
        if self.under_way or self.menu is None or key not in KEYS:
            return None
        place = KEYS.index(key)
        if not self.picked:
            if place < len(self.packages):
                self.picked, self._picked_at = self.packages[place].package, now
                if len(self.menu.providers) == 1:
                    return self.picked, self.menu.providers[0]
            return None
        return (self.picked, self.menu.providers[place]) if place < len(self.menu.providers) else None

    def wish(self, package: str, provider: str, request: str, now: int) -> Choice | None:
        """A choice; the one before it is left behind. None while that one's start is to come, or for the same choice
        pressed twice."""
        before = self.choice
        if before is not None:
            twice = before.stage is Stage.WAITING and (before.package, before.provider) == (package, provider)
            if twice or before.stage is Stage.PAID:
                return None
        self.picked = ""
        self.choice = Choice(request, package, provider, now)
        return self.choice

    def back(self, now: int) -> str | None:
        """Go back one step; the request to take back where a code may be payable."""
        if self.picked:
            self.picked = ""
            return None
        if self.choice is None or self.choice.stage not in _OPEN:
            return None
        self.choice.move(Stage.OVER, now)
        return self.choice.request

    @property
    def under_way(self) -> bool:
        """Whether the display is the choice's: waiting, a code, or paid."""
        return self.choice is not None and self.choice.stage in (Stage.WAITING, *_PAYABLE, Stage.PAID)

    @property
    def unsure(self) -> Choice | None:
        """The choice that the server may have decided while nobody heard it: paid, begun, given back or expired."""
        return self.choice if self.under_way else None

    # ------------------------------------------------------------ what the server and the clock say

    def answered(self, show: Show, now: int) -> Note | None:
        """What the server says of a wish. The note to show, if it ends the choice for the person here."""
        choice = self.choice
        if choice is None or show.request != choice.request:
            return None
        if show.note is not None:
            return self._noted(choice, show.note, now)
        if show.qr is not None and choice.stage in _OPEN:
            self._code(choice, show, now)
        return None

    def is_latest(self, request: str | None) -> bool:
        """Whether this is the wish of whoever stands here."""
        return self.choice is not None and request == self.choice.request

    def started(self, now: int) -> None:
        """The outlet runs: no code is to be seen behind it, and no package half chosen."""
        self.picked = ""
        if self.choice is not None and self.choice.stage is not Stage.STARTED:
            self.choice.move(Stage.STARTED, now)

    def tick(self, now: int) -> Note | None:
        """What time alone ends: the note to show."""
        if self._menu_until is not None and now >= self._menu_until:
            self.menu = self._menu_until = None
            self.picked = ""
        if self.picked and now - self._picked_at >= PICK_MS:
            self.picked = ""
        choice = self.choice
        if choice is None:
            return None
        if choice.stage is Stage.WAITING and now - choice.since >= ANSWER_MS:
            choice.move(Stage.LATE, now)
            return Note.TRY_AGAIN
        if choice.stage in _PAYABLE and now >= choice.ends_at:
            choice.move(Stage.OVER, now)
            return Note.EXPIRED
        if choice.stage is Stage.PAID and now - choice.since >= PAID_MS:
            choice.move(Stage.OVER, now)
        return None

    def _code(self, choice: Choice, show: Show, now: int) -> None:
        ends_at = now + (CODE_MS if show.life_s is None else show.life_s * 1000)
        if choice.stage in _PAYABLE and show.qr == choice.qr:
            choice.ends_at = min(choice.ends_at, ends_at)  # said twice: it lives no longer for that
            return
        choice.qr, choice.ends_at = show.qr or "", ends_at
        choice.amount_minor, choice.currency = show.amount_minor, show.currency
        choice.move(Stage.CODE, now)

    def _noted(self, choice: Choice, note: Note, now: int) -> Note | None:
        match note:
            case Note.SCANNED:
                if choice.stage is Stage.CODE:
                    choice.move(Stage.SCANNED, now)
            case Note.PAID:
                if choice.stage not in (Stage.PAID, Stage.STARTED, Stage.DONE):
                    choice.move(Stage.PAID, now)
            case Note.REFUNDED:
                if choice.stage is not Stage.DONE:
                    choice.move(Stage.DONE, now)
                    return note
            case Note.EXPIRED | Note.BUSY | Note.UNAVAILABLE | Note.TRY_AGAIN:
                if choice.stage in _OPEN:
                    choice.move(Stage.OVER, now)
                    return note
        return None
