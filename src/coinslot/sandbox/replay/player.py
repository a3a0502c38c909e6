"""One terminal that plays recordings: a real agent, journal and connection on a clock moved by the recording.

Each use that is started over the link has a link of its own: a start's expiry is counted in the link's time, and
what has passed in the recording would be taken for the age of the link.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from coinslot.sandbox.appliances.cable import Cable
from coinslot.sandbox.replay.appliance import OUTLET, Kind, RecordedAppliance, settings_for
from coinslot.sandbox.replay.clock import StepClock
from coinslot.sandbox.replay.line import Line, Stalled
from coinslot.sandbox.replay.recordings import Recording
from coinslot.sandbox.replay.running import SECOND_MS, Running, run
from coinslot.terminal import views
from coinslot.terminal.agent import Agent
from coinslot.terminal.events import StopKey
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.limits import limit_of
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.ports import Pressed
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.runs import Run
from coinslot.wire.ids import SessionId

__all__ = ["PATIENCE_S", "Player", "Stalled"]

PATIENCE_S = 20.0
"""For one step of the link. On this machine's loopback it takes milliseconds."""

TYPED = 3
"""How often somebody types a code that is not taken."""


class Player:
    """One terminal. `async with` runs its agent, and ends it with the valve shut.

    `speed` is recorded seconds for each real one; None is as fast as the link lets it. `stops` is what is pressed
    where a recording ends. `line` is its link: one that hangs on a `cable` can be cut.
    """

    def __init__(
        self,
        account: Account,
        folder: Path,
        kind: Kind,
        speed: float | None = None,
        *,
        patience_s: float = PATIENCE_S,
        stops: Pressed | None = None,
        cable: Cable | None = None,
    ) -> None:
        self.terminal = account.terminal
        clock = StepClock()
        self.appliance = RecordedAppliance(clock, kind.register)
        self._clock = clock
        self._speed = speed
        self._patience_s = patience_s
        self._stops = stops or StopKey(OUTLET)
        self.shown: tuple[str, ...] = ()
        """What the display said when the last use ended."""
        connection = MqttConnection(account)
        self._agent = Agent(
            settings_for(kind, account.terminal),
            self.appliance,
            FileJournal(folder / account.terminal),
            connection,
            clock,
            QuoteRater(),
        )
        self.line = Line(self._agent, clock, connection, patience_s, cable)

    async def __aenter__(self) -> Self:
        self.line.begin(f"agent {self.terminal}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.line.end()

    @property
    def is_open(self) -> bool:
        """Whether the valve is."""
        return self.appliance.outlet.is_open

    # ------------------------------------------------------------ use

    async def opened(self, command: str) -> bool:
        """Wait for the terminal's answer to a start; whether the valve is open. Stalled without an answer."""
        await self.line.until(
            lambda: command in self._agent.core.kept.answered, "the terminal's answer to the start"
        )
        return self.is_open

    async def chooses(self, package: str, provider: str) -> str:
        """Press these on the display; the code to pay. Stalled when there is no menu or no code."""
        await self.line.until(lambda: self._display() is views.Phase.CHOOSE, "a menu on the display")
        self.appliance.choose(package, provider)
        asking = (views.Phase.CHOOSE, views.Phase.WAITING, views.Phase.FINISHED)
        await self.line.until(lambda: self._display() not in asking, "the code to pay")
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
        await self.line.until(lambda: self._run() is not None, "the start of what was paid for")
        run = self._run()
        assert run is not None  # it cannot end while the clock stands
        return SessionId(run.about.session)

    async def opened_by(self, keys: str) -> SessionId:
        """Type these, again where the display says why not; which session it opened. Stalled when it opens none."""
        for _ in range(TYPED):
            for key in keys:
                self.appliance.press_key(key)
            await self.line.step(self._clock.ticks_ms())
            await self.line.until(
                lambda: self._run() is not None or self._display() is views.Phase.NOTICE,
                "the start that a typed code is good for",
            )
            run = self._run()
            if run is not None:
                return SessionId(run.about.session)
        said = " ".join(filter(None, self.appliance.outlet.lines))
        raise Stalled(f"the start that a typed code is good for; the display says: {said}")

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
            await self.line.step(self._clock.ticks_ms())  # the first pulse begins the use
            for at_s in range(first_s, recording.last_s + 1, running.step_s):
                if self._run() is None:
                    break
                await self._pass(running, at_s)
                lost_s += await self.line.keeps_up(self._patience_s - lost_s)
                if self._speed is not None:
                    played_s = (at_s + running.step_s - first_s) / self._speed
                    await asyncio.sleep(max(0.0, played_s - (time.monotonic() - began_s)))
        finally:
            self.appliance.outlet.end()
        await self.stop()

    async def stop(self) -> None:
        """Press what stops it if anything runs, and see it shut."""
        if self._run() is not None:
            self.appliance.press(self._stops)
            await self.line.until(lambda: self._run() is None, "the stop key's effect")
        self.shown = self.appliance.outlet.lines

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
                    await self.line.step(at_ms)
        if self._run() is not None:
            await self.line.step(end_ms)

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

    def _run(self) -> Run | None:
        return self._agent.core.taps[OUTLET].run
