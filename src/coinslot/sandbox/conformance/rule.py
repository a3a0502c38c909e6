"""What a rule is, and the list of them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from coinslot.sandbox.conformance.history import History
    from coinslot.sandbox.conformance.player import Player


class Weight(StrEnum):
    """What it means to break a rule."""

    MUST = "must"
    """Money or safety: no terminal may go to a wall without it."""
    SHOULD = "should"
    """People or costs: it works without, and less well."""
    WHERE = "where it has one"
    """Of a part that not every terminal has: whoever has it must keep the rule."""


class Need(StrEnum):
    """What a rule takes besides the wire."""

    POWER = "power"
    """The power cut without a farewell, and back."""
    KEYPAD = "keypad"
    """Keys of digits pressed at an outlet."""
    STOP = "stop"
    """The stop key pressed at an outlet."""
    FLOW = "flow"
    """The tap behind the valve closed, so that nothing is metered, and opened again."""


WANTING: Mapping[Need, str] = {
    Need.POWER: "needs the power cut: --firmware, or --interactive and a person",
    Need.KEYPAD: "needs keys pressed: --firmware with --control keypad, or --interactive and a person",
    Need.STOP: "needs the stop key pressed: --firmware with --control stop, or --interactive and a person",
    Need.FLOW: "needs a tap that can be closed behind the open valve: --control flow",
}
"""What is said where a rule could not be tried for want of it."""


class Broken(Exception):
    """The terminal did not keep the rule; the text says what was expected and what came."""


class NotTried(Exception):
    """The rule could not be tried; the text says why and what would help."""


Play: TypeAlias = Callable[["Player"], Awaitable[None]]
"""Tries a rule on the terminal. Broken, or NotTried, or it is kept."""
Judge: TypeAlias = Callable[["History"], None]
"""Looks at everything that crossed the wire in the whole run."""


class Rule(Struct, frozen=True, kw_only=True):
    """One thing a terminal must keep."""

    number: str
    """`2.3`: the third rule of the second section."""
    name: str
    sentence: str
    weight: Weight
    anchor: str
    """The heading below docs/link/README.md that it stands under."""
    needs: frozenset[Need] = frozenset()
    long: bool = False
    """Takes more than a few seconds of the terminal's own time."""
    play: Play | None = None
    judge: Judge | None = None

    @property
    def where(self) -> str:
        """The place in the documents."""
        return f"docs/link/README.md#{self.anchor}"


class Section:
    """Rules of one kind, numbered as they are written down."""

    def __init__(self, number: int, title: str, anchor: str) -> None:
        self.number = number
        self.title = title
        self._anchor = anchor
        self.rules: list[Rule] = []

    def played(
        self,
        name: str,
        sentence: str,
        *,
        weight: Weight = Weight.MUST,
        needs: tuple[Need, ...] = (),
        long: bool = False,
        anchor: str = "",
    ) -> Callable[[Play], Play]:
        """The rule that the function below tries."""

        def keep(play: Play) -> Play:
            self._add(name, sentence, weight, anchor, needs=frozenset(needs), long=long, play=play)
            return play

        return keep

    def judged(
        self, name: str, sentence: str, *, weight: Weight = Weight.MUST, anchor: str = ""
    ) -> Callable[[Judge], Judge]:
        """The rule that the function below looks for in the whole run."""

        def keep(judge: Judge) -> Judge:
            self._add(name, sentence, weight, anchor, judge=judge)
            return judge

        return keep

    def _add(
        self,
        name: str,
        sentence: str,
        weight: Weight,
        anchor: str,
        *,
        needs: frozenset[Need] = frozenset(),
        long: bool = False,
        play: Play | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.rules.append(
            Rule(
                number=f"{self.number}.{len(self.rules) + 1}",
                name=name,
                sentence=sentence,
                weight=weight,
                anchor=anchor or self._anchor,
                needs=needs,
                long=long,
                play=play,
                judge=judge,
            )
        )
