"""What a desk's page is made of: finished texts, so that scripts only put them in place."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """How a state is coloured, beside its word."""

    PLAIN = ""
    RUN = "run"
    WARN = "warn"
    BAD = "bad"


class UseView(Struct, frozen=True, kw_only=True):
    """A line of the list."""

    key: str
    at: datetime
    clock: str
    """When, by the clock on the wall."""
    room: str
    appliance: str
    package: str
    amount: str
    payer: str
    """Through whom it was paid."""
    confirmed: str
    """When the provider confirmed it; empty while it has not."""
    word: str
    kind: Kind
    note: str
    """What else is to be known: money on its way back, and why."""
    left_s: int | None
    """Until it ends by itself."""
    paid: bool
    """It is a use that was paid for: what the desk's bell rings for."""
    fault: bool
    """Somebody may come to the desk about it."""


class ApplianceView(Struct, frozen=True, kw_only=True):
    """An appliance of the site."""

    key: str
    room: str
    name: str
    word: str
    kind: Kind
    fault: bool


class DeskView(Struct, frozen=True, kw_only=True):
    """The whole page but its frame."""

    day: str
    clock: str
    """When it was read."""
    uses: tuple[UseView, ...]
    more: int
    """Earlier uses that are not listed."""
    paid_uses: int
    received: str
    returned: str
    """Empty where nothing went back, or will."""
    appliances: tuple[ApplianceView, ...]

    def paid_keys(self) -> list[str]:
        """What the page has rung for."""
        return [use.key for use in self.uses if use.paid]

    def fault_keys(self) -> list[str]:
        """What the page has sounded the other tone for."""
        return [
            *(f"{use.key} {use.word}" for use in self.uses if use.fault),
            *(each.key for each in self.appliances if each.fault),
        ]
