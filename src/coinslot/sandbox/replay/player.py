"""One terminal that plays recordings: a real agent, journal and connection on a clock moved by the recording.

The agent's time is the recording's; the link's and the server's is real. Where the two meet, the agent waits
for the link before its time moves on, or a resend would be due before the network could have answered. For
the same reason each use has a link of its own: a start's expiry is counted in the link's time, and what has
passed in the recording would be taken for the age of the link.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from coinslot.sandbox.replay.appliance import OUTLET, Kind, RecordedAppliance, settings_for
from coinslot.sandbox.replay.clock import StepClock
from coinslot.sandbox.replay.recordings import Recording
from coinslot.sandbox.replay.running import SECOND_MS, Running, run
from coinslot.terminal import views
from coinslot.terminal.agent import Agent
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.limits import limit_of
from coinslot.terminal.linking import CONNECT_MS, Phase
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.runs import Run
from coinslot.wire.ids import SessionId

PATIENCE_S = 20.0
"""For one step of the link. On this machine's loopback it takes milliseconds."""
_LOOK_S = 0.1
"""While something is waited for, the agent's clock keeps real time, in steps of this."""
_LAG_S = 2.0
"""A recorded step waits this long for the link; then it is lost, and only time passing sends again."""


class Stalled(Exception):
    """Something did not come within its time; `what` is what."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Player:
    """One terminal. `async with` runs its agent, and ends it with the valve shut.

    `speed` is recorded seconds for each real one; None is as fast as the link lets it.
    """

    def __init__(
        self,
        account: Account,
        folder: Path,
        kind: Kind,
        speed: float | None = None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.terminal = account.terminal
        self.appliance = RecordedAppliance(clock := StepClock(), kind.register)
        self._clock = clock
        self._connection = MqttConnection(account)
        self._speed = speed
        self._patience_s = patience_s
        self._agent = Agent(
            settings_for(kind, account.terminal),
            self.appliance,
            FileJournal(folder / account.terminal),
            self._connection,
            clock,
            QuoteRater(),
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._agent.run(), name=f"agent {self.terminal}")
        self._task.add_done_callback(lambda _: self._clock.release())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._agent.stop()
        if self._task is not None:
            await asyncio.wait([self._task])

    @property
    def is_open(self) -> bool:
        """Whether the valve is."""
        return self.appliance.outlet.is_open

    # ------------------------------------------------------------ the link

    async def fresh_link(self) -> None:
        """Have a link whose time has just begun, welcomed by the server. Stalled when there is none."""
        link = self._agent.core.link
        if link.is_up:
            self._connection.disconnect()
            self._agent.link_down(link.number)
            await self._until(lambda: not self._agent.core.link.is_up, "the end of the old link")
        if self._agent.core.link.phase is Phase.DOWN:
            await self._step(self._clock.ticks_ms() + 2 * CONNECT_MS)
        await self._until(lambda: self._agent.core.link.is_up, "the server's welcome")
        await self.reported()

    async def reported(self) -> None:
        """Every record has been acknowledged. Stalled when the server does not."""
        if not self._all_acked():
            await self._until(self._all_acked, "the server's acknowledgement")

    def _all_acked(self) -> bool:
        kept = self._agent.core.kept
        return kept.acked + 1 == kept.next_seq

    # ------------------------------------------------------------ use

    async def opened(self, command: str) -> bool:
        """Wait for the terminal's answer to a start; whether the valve is open. Stalled without an answer."""
        await self._until(
            lambda: command in self._agent.core.kept.answered, "the terminal's answer to the start"
        )
        return self.is_open

    async def chooses(self, package: str, provider: str) -> str:
        """Press these on the display; the code to pay. Stalled when there is no menu or no code."""
        await self._until(lambda: self._display() is views.Phase.CHOOSE, "a menu on the display")
        self.appliance.choose(package, provider)
        asking = (views.Phase.CHOOSE, views.Phase.WAITING, views.Phase.FINISHED)
        await self._until(lambda: self._display() not in asking, "the code to pay")
        view = self.appliance.outlet.view
        if view is None or view.qr is None:
            raise Stalled(f"a code; the display says {'nothing' if view is None else view.phase.value}")
        return view.qr

    def _display(self) -> views.Phase | None:
        """What the display is about. Whoever comes next puts the bill of the one before away."""
        view = self.appliance.outlet.view
        phase = None if view is None else view.phase
        if phase is views.Phase.FINISHED:
            self.appliance.back()
        return phase

    async def started(self) -> SessionId:
        """Wait until it runs on its own, as when it was paid for here; which session. Stalled when it does not."""
        await self._until(lambda: self._run() is not None, "the start of what was paid for")
        run = self._run()
        assert run is not None  # it cannot end while the clock stands
        return SessionId(run.about.session)

    async def play(self, recording: Recording) -> None:
        """Let the recording pass the open valve, then press the stop key, unless it is shut before.

        Stalled when the link does not keep up; the valve is then still open.
        """
        first_s = recording.first_s
        running = run(recording, self._clock.ticks_ms() - first_s * SECOND_MS)
        self.appliance.outlet.play(running)
        began_s = time.monotonic()
        lost_s = 0.0
        try:
            await self._step(self._clock.ticks_ms())  # the first pulse begins the use
            for at_s in range(first_s, recording.last_s + 1, running.step_s):
                if self._run() is None:
                    return
                await self._pass(running, at_s)
                lost_s += await self._link_keeps_up(self._patience_s - lost_s)
                if self._speed is not None:
                    played_s = (at_s + running.step_s - first_s) / self._speed
                    await asyncio.sleep(max(0.0, played_s - (time.monotonic() - began_s)))
        finally:
            self.appliance.outlet.end()
        await self.stop()

    async def stop(self) -> None:
        """Press the stop key if anything runs, and see it shut."""
        if self._run() is not None:
            self.appliance.press_stop()
            await self._until(lambda: self._run() is None, "the stop key's effect")

    async def _pass(self, running: Running, at_s: int) -> None:
        """One recorded step. Far from every limit the meter is read at its end; near one, at each pulse.

        In the last millisecond of a step all of it has passed.
        """
        end_ms = running.origin_ms + (at_s + running.step_s) * SECOND_MS - 1
        use = self._run()
        if use is not None and self._limit_within(running, use, end_ms):
            moments = [at_ms for at_ms in running.pulses_ms(at_s) if at_ms > self._clock.ticks_ms()]
            for at_ms in sorted({*moments, *self._time_limits(use)}):
                if self._run() is not None and self._clock.ticks_ms() < at_ms < end_ms:
                    await self._step(at_ms)
        if self._run() is not None:
            await self._step(end_ms)

    def _limit_within(self, running: Running, use: Run, end_ms: int) -> bool:
        now_ms = self._clock.ticks_ms()
        coming = -((running.passed(now_ms) - running.passed(end_ms)) // running.fine)
        used = use.usage(self._agent.core.taps[OUTLET].registers)[running.register]
        # What the meter kept of an earlier use may complete one unit more.
        rest = int(running.fine > 1)
        if used + coming + rest >= limit_of(use.about.limits, running.register):
            return True
        return any(now_ms < at_ms <= end_ms for at_ms in self._time_limits(use))

    def _time_limits(self, use: Run) -> list[int]:
        limits = use.about.limits
        idle_ms = max(use.opened_at, use.last_at) + limits.idle_s * SECOND_MS
        if use.first_at is None:
            return [idle_ms]
        return [idle_ms, use.first_at + limits.s * SECOND_MS]

    # ------------------------------------------------------------ time

    def _run(self) -> Run | None:
        return self._agent.core.taps[OUTLET].run

    async def _step(self, to_ms: int) -> None:
        self._check()
        await self._clock.step(to_ms)

    def _check(self) -> None:
        if self._task is None or self._task.done():
            raise Stalled("the agent, which has ended by itself")

    async def _link_keeps_up(self, patience_s: float) -> float:
        """Let the acknowledgements come before time moves on; the seconds lost by waiting for one in vain.

        The clock stands meanwhile: with water running, moving it here could step over a limit.
        """
        if self._all_acked():
            return 0.0
        if patience_s <= 0:
            raise Stalled("the server's acknowledgements")
        begin_s = time.monotonic()
        while not self._all_acked():
            self._check()
            left_s = begin_s + min(_LAG_S, patience_s) - time.monotonic()
            if left_s <= 0:
                return min(_LAG_S, patience_s)
            await asyncio.wait([self._clock.turn()], timeout=left_s)
        return 0.0

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        """Until the condition holds after some turn of the agent; its clock keeps real time meanwhile."""
        begin_s = time.monotonic()
        begin_ms = self._clock.ticks_ms()
        while not condition():
            self._check()
            waited_s = time.monotonic() - begin_s
            if waited_s > self._patience_s:
                raise Stalled(what)
            done, _ = await asyncio.wait([self._clock.turn()], timeout=_LOOK_S)
            if not done:
                await self._step(begin_ms + int((time.monotonic() - begin_s) * 1000))
