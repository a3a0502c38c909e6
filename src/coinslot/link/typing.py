"""The port to whoever knows what typed codes open, and how keypads are guarded."""

from __future__ import annotations

from typing import Protocol

from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import CodeEntered, Down, KeypadGuard


class Typed(Protocol):
    """Decides what is typed at keypads. Both may raise what a database out of reach raises."""

    async def typed(self, terminal: TerminalId, said: CodeEntered) -> list[tuple[TerminalId, Down]]:
        """What is to be sent; it is committed. The same request again is the same answer; nothing for what was said on
        a link that is over."""

    async def guarded(self, terminal: TerminalId, said: KeypadGuard) -> None:
        """How a keypad says that it stands against guessing; what is known of it never becomes less strict."""
