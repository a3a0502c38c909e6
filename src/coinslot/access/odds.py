"""How likely a guess opens something: exact arithmetic, one rule for issuing and for the table that staff read.

A keypad's chance in a day is at most the sum, over the kinds of code that it takes, of tries × live codes ÷ 10ⁿ. It
is kept at one in a million by how many codes are made. While the link is down a keypad takes
nothing but offline codes, and while it is up none of them by itself; both share the same tries, so that the worse of
the two counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from coinslot.access.guarding import LONG_TRIES, MOST_TRIES

TARGET = Fraction(1, 10**6)
"""The most for one keypad and day."""


class Kind(StrEnum):
    """A kind of code, by who takes it where."""

    OUTLET = "outlet"
    """8 digits, for one outlet."""
    ROOM = "room"
    """9 digits, for any free outlet of a room: live at each of its keypads."""
    LONG = "long"
    """12 digits, for one outlet: past a lock, one each 3 s."""
    PROMISED = "promised"
    """9 digits made for the time without the link and not used yet: the server takes them while there is one."""
    OFFLINE = "offline"
    """9 digits taken without the link, by one value for each count; live: the counts that are accepted at a time."""


class Rule(Struct, frozen=True):
    """What a kind's arithmetic is made of."""

    digits: int
    most_live: int
    tries_a_day: int


RULES: Mapping[Kind, Rule] = {
    Kind.OUTLET: Rule(digits=8, most_live=2, tries_a_day=MOST_TRIES),
    Kind.ROOM: Rule(digits=9, most_live=25, tries_a_day=MOST_TRIES),
    Kind.LONG: Rule(digits=12, most_live=3, tries_a_day=LONG_TRIES),
    Kind.PROMISED: Rule(digits=9, most_live=8, tries_a_day=MOST_TRIES),
    Kind.OFFLINE: Rule(digits=9, most_live=15, tries_a_day=MOST_TRIES),
}
"""15 counts: eight even ones ahead within the jump of 16, and seven passed over within 16 behind."""


def chance(kind: Kind, live: int) -> Fraction:
    """What one kind adds to a keypad's day."""
    rule = RULES[kind]
    return Fraction(rule.tries_a_day * live, 10**rule.digits)


def keypad_day(live: Mapping[Kind, int]) -> Fraction:
    """A keypad's chance in a day of being opened by guessing."""
    with_link = sum(
        (chance(kind, live.get(kind, 0)) for kind in Kind if kind is not Kind.OFFLINE), Fraction()
    )
    return max(with_link, chance(Kind.OFFLINE, live.get(Kind.OFFLINE, 0)))


def room_for(kind: Kind, live_now: Mapping[Kind, int]) -> bool:
    """Whether one more code of a kind may be live at a keypad beside those that are. To be asked for every keypad that
    would take the code, under a lock on what is counted."""
    live = live_now.get(kind, 0) + 1
    return live <= RULES[kind].most_live and keypad_day({**live_now, kind: live}) <= TARGET


class Table(Struct, frozen=True):
    """One line for staff: a keypad, or the sum of one (`kind` is empty)."""

    keypad: str
    kind: Kind | None
    digits: int
    live: int
    tries_a_day: int
    odds: str
    """As text: `6.6e-7`."""
    fits: bool
    """Whether it is within what is allowed."""


def table(keypads: Iterable[tuple[str, Mapping[Kind, int]]]) -> list[Table]:
    """The lines for some keypads, each with a name and what is live there; after each keypad's kinds its sum."""
    rows = []
    for name, live in keypads:
        for kind, rule in RULES.items():
            count = live.get(kind, 0)
            if count:
                odds = chance(kind, count)
                fits = odds <= TARGET and count <= rule.most_live
                rows.append(Table(name, kind, rule.digits, count, rule.tries_a_day, text(odds), fits))
        total = keypad_day(live)
        rows.append(Table(name, None, 0, sum(live.values()), 0, text(total), total <= TARGET))
    return rows


def text(odds: Fraction) -> str:
    """A chance in two digits, rounded half up: `6.6e-7`."""
    if odds <= 0:
        return "0"
    exponent = 0
    while odds * 10**-exponent < 1:
        exponent -= 1
    tenths = int(odds * 10 ** (1 - exponent) + Fraction(1, 2))
    if tenths == 100:
        tenths, exponent = 10, exponent + 1
    return f"{tenths // 10}.{tenths % 10}e{exponent}"
