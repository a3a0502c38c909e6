"""Power over time: what an appliance draws from the moment its relay closes, in stretches of even power.

The dryer's curve is made up, and fitted to figures of 15 recorded cycles of 2 dryers (their median per 10 s): with
the heater on 2,509 and 3,149 W (tenth and ninetieth percentile of the smaller machine 2,459 and 2,535 W); the motor
alone 211 and 246 W; heater on for 180 s and off for 20 s at a time, 97 and 106 times in the smaller machine's nine
cycles; for the first 10 s the motor alone, 170 W; a cold heater takes up to 12 % more, falling off within a minute;
one peak of 4.9 kW within a second. After about 35 minutes it cools for 600 s, then turns for 10 s in every 30.
The figures are from information of the tracebase data set (Reinhardt et al., SustainIT 2012), which is made available
at http://www.tracebase.org under the Open Database License (ODbL). The other curves are of no particular machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple, TypeAlias

W = 1_000
"""Milliwatts in a watt."""
S = 1_000
"""Milliseconds in a second."""
DRYER_HEATED_MW = 2_509 * W
DRYER_MOTOR_MW = 211 * W
DRYER_HEATINGS = 10
"""Of 180 s with 20 s between them; the last of 230 s."""


class Stretch(NamedTuple):
    """A time of even power."""

    ms: int
    mw: int


Curve: TypeAlias = Callable[[random.Random], Iterator[Stretch]]
"""The stretches of one use; where they end, nothing is drawn any more."""


def _near(chance: random.Random, mw: int, permille: int = 12) -> int:
    """A power that differs from one moment to the next, as a mains voltage does."""
    return mw * (1000 + chance.randint(-permille, permille)) // 1000


def _steady(chance: random.Random, seconds: int, mw: int) -> Iterator[Stretch]:
    for _ in range(seconds // 10):
        yield Stretch(10 * S, _near(chance, mw))
    if seconds % 10:
        yield Stretch(seconds % 10 * S, _near(chance, mw))


def dryer(chance: random.Random) -> Iterator[Stretch]:
    """The motor starts, the heater joins and comes and goes, then the drum cools and turns now and then."""
    yield Stretch(300, 1_100 * W)  # a motor takes about five times its current until it turns
    yield Stretch(9_700, _near(chance, 170 * W))
    yield Stretch(1 * S, _near(chance, DRYER_HEATED_MW * 112 // 100))
    yield Stretch(9 * S, _near(chance, DRYER_HEATED_MW * 106 // 100))
    yield Stretch(20 * S, _near(chance, DRYER_HEATED_MW * 103 // 100))
    yield from _steady(chance, 150, DRYER_HEATED_MW)
    for number in range(1, DRYER_HEATINGS):
        yield from _steady(chance, 20, DRYER_MOTOR_MW)
        yield from _steady(chance, 180 if number < DRYER_HEATINGS - 1 else 230, DRYER_HEATED_MW)
    yield from _steady(chance, 600, DRYER_MOTOR_MW)
    while True:
        yield Stretch(10 * S, _near(chance, 247 * W))
        yield Stretch(20 * S, 2 * W)


def air_purifier(chance: random.Random) -> Iterator[Stretch]:
    """A fan that runs up, and then follows the air by a few watts."""
    yield Stretch(2 * S, 64 * W)
    while True:
        yield Stretch(chance.randint(8, 40) * S, _near(chance, 38 * W, 80))


def water_purifier(chance: random.Random) -> Iterator[Stretch]:
    """The pump fills the tank, the lamp shines meanwhile and in between."""
    while True:
        yield Stretch(500, 110 * W)
        yield Stretch(chance.randint(30, 45) * S, _near(chance, 52 * W, 30))
        yield Stretch(chance.randint(10, 18) * S, _near(chance, 9 * W, 30))


def diffuser(chance: random.Random) -> Iterator[Stretch]:
    """Mist for half a minute, then the fan alone."""
    while True:
        yield Stretch(30 * S, _near(chance, 12_500, 40))
        yield Stretch(15 * S, _near(chance, 7 * W, 40))


def recorded(stretches: Sequence[Stretch]) -> Curve:
    """A recording, the same for each use, and then nothing."""

    def curve(_chance: random.Random) -> Iterator[Stretch]:
        return chain(stretches, repeat(Stretch(3_600 * S, 0)))

    return curve
