"""How often one address may look and send: kept by each process, generous, since a dormitory shares one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Generic, TypeVar

from coinslot.people.logins import LoggedIn, StillYours
from coinslot.web.customer.pending import Pending
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.problems import Problem
from coinslot.web.throttle import Throttle

VIEWS: Final = 240
"""Pages at once from one address: a lecture hall at the end of a lecture."""
VIEW_EVERY_S: Final = 0.25
FORMS: Final = 80
FORM_EVERY_S: Final = 1.0
"""A form costs more than a page; what it leads to (codes, starts) has limits of its own."""
CODE_REMEMBERED_S: Final = 60.0
"""As long as no other can be had for the same number."""
LOGIN_REMEMBERED_S: Final = 20.0
ASKS: Final = 4
ASK_EVERY_S: Final = 5.0
"""Somebody who waits presses more often than a provider wants to be asked; it is polled anyway."""
PICTURES: Final = 2
"""Pictures looked at in one moment; each takes up to a second and a connection to the database."""
_ALL: Final = 100
"""Everybody together, in addresses' worth: 400 pages a second, about what a process can show."""
_PRESS_LOCKS: Final = 256
_STATE: Final = "arriving_limits"
_REMEMBERED: Final = 2_000

T = TypeVar("T")


class Recent(Generic[T]):
    """What was answered a moment ago, so that a form sent twice in a hurry gets the same answer.

    A browser that sends a form a second time drops the first answer with its cookies; without this, somebody who
    pressed twice would have a code and no field for it.
    """

    def __init__(self, life_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._life_s = life_s
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def keep(self, key: Hashable, answer: T) -> None:
        """Remember it for a while."""
        self._kept[key] = (self._clock() + self._life_s, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > _REMEMBERED or self._first_is_over():
            self._kept.popitem(last=False)

    def find(self, key: Hashable) -> T | None:
        """What was answered, if it was a moment ago."""
        until_s, answer = self._kept.get(key, (0.0, None))
        return answer if until_s > self._clock() else None

    def _first_is_over(self) -> bool:
        return next(iter(self._kept.values()))[0] <= self._clock()


@dataclass
class Limits:
    """One process's."""

    views: Throttle = field(default_factory=lambda: _throttle(VIEWS, VIEW_EVERY_S))
    forms: Throttle = field(default_factory=lambda: _throttle(FORMS, FORM_EVERY_S))
    codes: Recent[Pending] = field(default_factory=lambda: Recent(CODE_REMEMBERED_S))
    """The code sent last, by browser, operator and number."""
    logins: Recent[LoggedIn | StillYours] = field(default_factory=lambda: Recent(LOGIN_REMEMBERED_S))
    """What a right code opened, by browser, code's id and code."""
    presses: tuple[asyncio.Lock, ...] = field(
        default_factory=lambda: tuple(asyncio.Lock() for _ in range(_PRESS_LOCKS))
    )
    asked: Throttle = field(
        default_factory=lambda: Throttle(
            burst=ASKS, every_s=ASK_EVERY_S, all_burst=ASKS * _ALL, all_every_s=ASK_EVERY_S / _ALL
        )
    )
    """Questions to a provider about one payment, by its id."""
    pictures: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PICTURES))

    def press(self, page: Page) -> asyncio.Lock:
        """Held while a browser's form is decided: a second press finds what the first one got."""
        return self.presses[hash(page.token) % _PRESS_LOCKS]


def _throttle(burst: int, every_s: float) -> Throttle:
    return Throttle(burst=burst, every_s=every_s, all_burst=burst * _ALL, all_every_s=every_s / _ALL)


def count_view(page: Page) -> None:
    """One more page for this address. Problem 429 when there were too many."""
    _count(limits_of(page).views, page.source)


def count_form(page: Page) -> None:
    """One more form from this address. Problem 429 likewise."""
    _count(limits_of(page).forms, page.source)


def limits_of(page: Page) -> Limits:
    """The limits of the process that answers."""
    state = page.request.app.state
    found = state.get(_STATE)
    if not isinstance(found, Limits):
        found = Limits()
        state[_STATE] = found
    return found


def _count(throttle: Throttle, address: str) -> None:
    wait_s = throttle.wait_s(address)
    if wait_s:
        raise Problem(
            429,
            "too_many_requests",
            marked("Too much at once"),
            marked("Many people use this network at this moment. Wait a few seconds, then try again."),
            headers={"Retry-After": str(wait_s)},
        )
    throttle.failed(address)
