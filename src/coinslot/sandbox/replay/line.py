"""An agent that is driven: its clock is moved, its link made, cut and waited for.

The agent's time is the recording's; the link's and the server's is real. Where the two meet, the agent waits
for the link before its time moves on, or a resend would be due before the network could have answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from coinslot.sandbox.appliances.cable import Cable
from coinslot.sandbox.replay.clock import StepClock
from coinslot.terminal.agent import Agent
from coinslot.terminal.linking import CONNECT_CAP_MS, CONNECT_MS, Phase
from coinslot.terminal.mqtt import MqttConnection

_LOOK_S = 0.1
"""While something is waited for, the agent's clock keeps real time, in steps of this."""
_LAG_S = 2.0
"""A recorded step waits this long for the link; then it is lost, and only time passing sends again."""


class Stalled(Exception):
    """Something did not come within its time; `what` is what."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Line:
    """One agent on its clock. `begin` runs it, `end` ends it with the valve shut.

    With a `cable` its link can be cut: what is tried to connect meanwhile meets nobody.
    """

    def __init__(
        self,
        agent: Agent,
        clock: StepClock,
        connection: MqttConnection,
        patience_s: float,
        cable: Cable | None = None,
    ) -> None:
        self.agent = agent
        self.clock = clock
        self._connection = connection
        self._patience_s = patience_s
        self._cable = cable
        self._task: asyncio.Task[None] | None = None

    def begin(self, name: str) -> None:
        """Switch it on."""
        self._task = asyncio.create_task(self.agent.run(), name=name)
        self._task.add_done_callback(lambda _: self.clock.release())

    async def end(self) -> None:
        """Have it shut down in order."""
        self.agent.stop()
        if self._task is not None:
            await asyncio.wait([self._task])

    # ------------------------------------------------------------ the link

    @property
    def is_cut(self) -> bool:
        """Whether nothing can pass."""
        return self._cable is not None and not self._cable.plugged

    async def fresh(self) -> None:
        """Have a link whose time has just begun, welcomed by the server. Stalled when there is none."""
        if self.agent.core.link.is_up:
            await self._drop()
        if self.agent.core.link.phase is Phase.DOWN:
            await self.step(self.clock.ticks_ms() + 2 * CONNECT_MS)
        await self.until(lambda: self.agent.core.link.is_up, "the server's welcome")
        await self.reported()

    async def _drop(self) -> None:
        link = self.agent.core.link
        if link.phase is not Phase.DOWN:
            self._connection.disconnect()
            self.agent.link_down(link.number)
            await self.until(lambda: self.agent.core.link.phase is Phase.DOWN, "the end of the old link")

    async def cut(self) -> None:
        """Break the link without a farewell. Stalled when the agent does not notice."""
        assert self._cable is not None, "only what hangs on a cable can be cut"
        self._cable.pull()
        await self.until(lambda: not self.agent.core.link.is_up, "the link's end")

    async def joined(self) -> None:
        """Let connections through again and have a link, however long the agent would wait by itself. Stalled."""
        if self._cable is not None and self.is_cut:
            # What was tried meanwhile met nobody, and may not have noticed yet.
            await self._drop()
            self._cable.plug()
        begin_s = time.monotonic()
        while not self.agent.core.link.is_up:
            if self.agent.core.link.phase is Phase.DOWN:
                # Everything is shut: nobody minds that the wait for the next try is over at once.
                await self.step(self.clock.ticks_ms() + 2 * CONNECT_CAP_MS)
            await self.until(self._is_settled, "the server's welcome")
            if time.monotonic() - begin_s > self._patience_s:
                raise Stalled("the server's welcome")
        await self.reported()

    def _is_settled(self) -> bool:
        return self.agent.core.link.phase in (Phase.DOWN, Phase.UP)

    async def reported(self) -> None:
        """Every record has been acknowledged. Stalled when the server does not."""
        if not self._all_acked():
            await self.until(self._all_acked, "the server's acknowledgement")

    def _all_acked(self) -> bool:
        kept = self.agent.core.kept
        return kept.acked + 1 == kept.next_seq

    async def keeps_up(self, patience_s: float) -> float:
        """Let the acknowledgements come before time moves on; the seconds lost by waiting for one in vain.

        The clock stands meanwhile: with water running, moving it here could step over a limit. Without a link
        nothing is waited for.
        """
        if self.is_cut or self._all_acked():
            return 0.0
        if patience_s <= 0:
            raise Stalled("the server's acknowledgements")
        begin_s = time.monotonic()
        while not self._all_acked():
            self._check()
            left_s = begin_s + min(_LAG_S, patience_s) - time.monotonic()
            if left_s <= 0:
                return min(_LAG_S, patience_s)
            await asyncio.wait([self.clock.turn()], timeout=left_s)
        return 0.0

    # ------------------------------------------------------------ time

    async def step(self, to_ms: int) -> None:
        """Move the agent's clock, and let it see that."""
        self._check()
        await self.clock.step(to_ms)

    def _check(self) -> None:
        if self._task is None or self._task.done():
            raise Stalled("the agent, which has ended by itself")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Until the condition holds after some turn of the agent; its clock keeps real time meanwhile."""
        begin_s = time.monotonic()
        begin_ms = self.clock.ticks_ms()
        while not condition():
            self._check()
            waited_s = time.monotonic() - begin_s
            if waited_s > self._patience_s:
                raise Stalled(what)
            done, _ = await asyncio.wait([self.clock.turn()], timeout=_LOOK_S)
            if not done:
                await self.step(begin_ms + int((time.monotonic() - begin_s) * 1000))
