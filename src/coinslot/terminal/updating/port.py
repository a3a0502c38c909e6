"""What an agent and its updates are to each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from coinslot.terminal.events import RestartWanted, UpdateStands
from coinslot.wire.messages import Update, UpdateKind

Tell = Callable[[UpdateStands | RestartWanted], None]


class Trust(Struct, frozen=True, kw_only=True):
    """By whom, and for whom, a release must be signed."""

    keys: tuple[str, ...] = ()
    operator: str = ""
    ca: str | None = None
    """Believed beside the system's CAs when an artifact is loaded."""


class Running(Struct, frozen=True, kw_only=True):
    """The slots this very process was started from."""

    software: int = 0
    config: int = 0

    def of(self, kind: UpdateKind) -> int:
        """One kind's."""
        return self.software if kind is UpdateKind.SOFTWARE else self.config


class Updates(Protocol):
    """What an agent needs of it."""

    def listen(self, tell: Tell, stop: Callable[[], None]) -> None:
        """Tell the core through `tell`; `stop` ends the agent."""

    def began(self) -> None:
        """A core has booted: it knows nothing yet."""

    def turn(self, *, is_up: bool) -> None:
        """The loop turns; whether a server has welcomed this terminal on the present link."""

    def offered(self, update: Update) -> None:
        """The server announces something."""

    def restart(self) -> None:
        """Nobody uses the appliance: now."""

    async def close(self) -> None:
        """Leave nothing running."""
