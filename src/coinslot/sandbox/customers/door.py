"""The doors through which simulated customers reach the product; whoever runs the sandbox provides them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.wire.ids import CustomerId, SessionId


class Answer(StrEnum):
    """What a customer makes of the answer to a start."""

    STARTED = "started"
    NO_MONEY = "no money"
    """The balance is too small: to the counter first."""
    NOT_NOW = "not now"
    """Busy, offline, out of order: somewhere else, or later."""


class Started(Struct, frozen=True, kw_only=True):
    """The answer, and the session where there is one."""

    answer: Answer
    session: SessionId | None = None


class Coded(Struct, frozen=True, kw_only=True):
    """The answer to who wants a code."""

    answer: Answer
    digits: str = ""

    def __repr__(self) -> str:
        """Without the digits: this could end up in a log."""
        return f"Coded({self.answer.value!r})"


class Door(Protocol):
    """The phone and the counter."""

    async def start(self, customer: CustomerId, terminal: SimulatedTerminal, outlet: int) -> Started:
        """Ask to use an outlet."""

    async def code(self, customer: CustomerId, terminal: SimulatedTerminal, outlet: int) -> Coded:
        """Ask for a code to type at an outlet; for one that needs no link where it has none."""

    async def untouched(self, terminal: SimulatedTerminal, outlet: int) -> bool:
        """Whether nobody has typed a wrong code at this keypad for long: one more does no harm there."""

    async def stop(self, session: SessionId) -> None:
        """Stop it on the phone."""

    async def top_up(self, customer: CustomerId, amount_minor: int) -> None:
        """Pay cash at the counter."""

    async def live(self, session: SessionId) -> bool:
        """Whether the session is still under way."""
