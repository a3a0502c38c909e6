"""Wishes without a broker: how much of the server one terminal may take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from coinslot.link.outgoing import Outgoing
from coinslot.link.wishes import Wishes
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import CodeEntered, Down, KeypadGuard

if TYPE_CHECKING:
    from coinslot.link.wishes import Pool

FORGED = TerminalId("trm_forged")
HONEST = TerminalId("trm_honest")


class Slow:
    """Decides nothing before it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.under_way = 0
        self.most = 0
        self.decided: list[tuple[TerminalId, int]] = []

    async def typed(self, terminal: TerminalId, said: CodeEntered) -> list[tuple[TerminalId, Down]]:
        """See `Typed`."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if terminal == FORGED:
            await self.go.wait()
        self.under_way -= 1
        self.decided.append((terminal, said.outlet))
        return []

    async def guarded(self, terminal: TerminalId, said: KeypadGuard) -> None:
        """See `Typed`."""
        await self.typed(terminal, CodeEntered(link=said.link, outlet=said.outlet, digits="", request=""))


async def test_a_terminal_that_speaks_for_256_outlets_takes_a_few_connections_and_no_more() -> None:
    slow = Slow()
    wishes = Wishes(cast("Pool", None), cast("Outgoing", None), None, lambda _terminal: None, slow)
    for number in range(2 * 256):
        outlet = number % 256
        wishes.take(FORGED, CodeEntered(link=1, outlet=outlet, digits="12345678", request=f"r{number}"))
        wishes.take(FORGED, KeypadGuard(link=1, outlet=outlet, tries=1, locked_s=0))
    wishes.take(HONEST, CodeEntered(link=1, outlet=0, digits="12345678", request="r"))
    async with asyncio.timeout(5):
        while not slow.decided:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert slow.decided == [(HONEST, 0)]
        assert slow.most <= 4 + 1 + 1
        slow.go.set()
        # Nothing of a real keypad is lost: the latest of each outlet is decided.
        while len({outlet for terminal, outlet in slow.decided if terminal == FORGED}) < 256:  # noqa: ASYNC110
            await asyncio.sleep(0)
    await wishes.close()
