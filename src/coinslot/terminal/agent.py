"""The agent: feeds one core from real hardware and a real link, and carries out what it decides."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

from coinslot.terminal.actions import Action
from coinslot.terminal.clock import Clock, RealClock
from coinslot.terminal.core import Core
from coinslot.terminal.display import Texts
from coinslot.terminal.events import (
    Boot,
    BytesReceived,
    Event,
    LinkDown,
    LinkUp,
    MeterFailed,
    MeterRead,
    RestartWanted,
    SensorsRead,
    Shutdown,
    Tick,
    ValveIs,
)
from coinslot.terminal.hands import Hands, Observer, Wire
from coinslot.terminal.journal import Journal, JournalError
from coinslot.terminal.ports import Hardware, Outlet, Pressed
from coinslot.terminal.rating import Rater
from coinslot.terminal.settings import Settings
from coinslot.terminal.updating.port import Updates
from coinslot.wire.ids import new_id
from coinslot.wire.records import FaultCode

log = logging.getLogger(__name__)

IN_USE_MS = 150
"""Between two readings of the meters while in use: at 12 L/min that is 30 mL, one pulse of most meters."""
CLOSE_MS = 10
"""The same just before a limit, so that it is passed by one pulse and no more."""
IDLE_MS = 1_000
SENSORS_MS = 1_000
AGAIN_MS = 30_000
"""After a journal that cannot be written: outputs shut, then another try from the start."""
FAREWELL_MS = 300
"""For the last records and the farewell to leave the socket."""


class Connection(Wire, Protocol):
    """A wire that tells what happens on it."""

    def listen(self, listener: Agent) -> None:
        """Tell this agent about the link, on the event loop's thread."""

    async def close(self) -> None:
        """Drop the connection and everything that belongs to it."""


class Agent:
    """One terminal. Many may run in one process, each with its own journal, hardware and connection."""

    def __init__(
        self,
        config: Settings,
        hardware: Hardware,
        journal: Journal,
        connection: Connection,
        clock: Clock | None = None,
        rater: Rater | None = None,
        updates: Updates | None = None,
    ) -> None:
        self.config = config
        self.clock = clock if clock is not None else RealClock()
        self.beat_ms = 0
        """Ticks of the loop's latest turn, for a watchdog."""
        self._hardware = hardware
        self._journal = journal
        self._connection = connection
        self._rater = rater
        self._updates = updates
        self._hands = Hands(hardware, journal, connection, updates)
        self._core = Core(config, rater)
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._sensed_at = -SENSORS_MS
        hardware.listen(self.pressed)
        connection.listen(self)
        if updates is not None:
            updates.listen(self._put, self.stop)

    @property
    def core(self) -> Core:
        """The core of the present boot: to look at, not to feed."""
        return self._core

    def observe(self, observer: Observer | None) -> None:
        """Call this before each action; an exception from it is a crash at that point."""
        self._hands.observer = observer

    # ------------------------------------------------------------ from outside

    def link_up(self, link: int) -> None:
        """The connection stands and is subscribed."""
        self._put(LinkUp(link))

    def link_down(self, link: int) -> None:
        """The connection failed or ended."""
        self._put(LinkDown(link))

    def received(self, data: bytes) -> None:
        """A message came."""
        self._put(BytesReceived(data))

    def pressed(self, pressed: Pressed) -> None:
        """A key was pressed on the appliance."""
        self._put(pressed)

    def stop(self) -> None:
        """End: valves shut, sessions closed, farewell said. `run` returns soon after."""
        self._stopping = True
        self._wake.set()

    def restart_when_quiet(self) -> None:
        """Start again once nobody uses any outlet, types or pays: nobody is cut off in mid-use for it. Only where there
        are `updates`, which know how."""
        self._put(RestartWanted())

    def shut_all(self) -> None:
        """Shut every valve now; for a watchdog, from any thread."""
        self._hands.shut_all()

    # ------------------------------------------------------------ the loop

    async def run(self) -> None:
        """Until `stop`. On every way out, an exception's too, the valves are shut."""
        try:
            while not self._stopping:
                try:
                    await self._life()
                except JournalError as error:
                    log.error("%s; outlets shut, next try in %d s", error, AGAIN_MS // 1000)
                    self._hands.shut_all()
                    said = Texts(self.config.language).fault(FaultCode.JOURNAL)
                    self._hands.show_all(said, self.config.outlets)
                    self._connection.disconnect()
                    self._wake.clear()
                    await self._pause(AGAIN_MS)
        finally:
            self._hands.shut_all()
            self._journal.close()
            if self._updates is not None:
                await self._updates.close()
            await self._connection.close()

    async def _life(self) -> None:
        self._hands.shut_all()
        opened = self._journal.open()
        if opened.damaged:
            log.error("the journal was damaged; a copy is kept beside it, a new epoch begins")
        self._core = Core(self.config, self._rater)
        self._events.clear()
        self._feed(
            Boot(
                lines=opened.lines,
                seed=new_id("ep"),
                damaged=opened.damaged,
                wall_ms=self.clock.wall_ms(),
            )
        )
        if self._updates is not None:
            self._updates.began()
        while not self._stopping:
            self._turn()
            await self.clock.wait(self._wake, self._rest_ms())
            self._wake.clear()
        self._measure()
        self._feed(Shutdown())
        await asyncio.sleep(FAREWELL_MS / 1000)

    def _rest_ms(self) -> int:
        if not self._core.in_use:
            return IDLE_MS
        soon_ms = self._core.ms_to_limit
        return IN_USE_MS if soon_ms is None else max(CLOSE_MS, min(IN_USE_MS, soon_ms))

    async def _pause(self, ms: int) -> None:
        until = self.clock.ticks_ms() + ms
        while not self._stopping and self.clock.ticks_ms() < until:
            self.beat_ms = self.clock.ticks_ms()
            await self.clock.wait(self._wake, IDLE_MS)
            self._wake.clear()

    def _turn(self) -> None:
        self.beat_ms = self.clock.ticks_ms()
        self._measure()  # first, so that a stop key ends the session at what the meter shows now
        while self._events:
            self._feed(self._events.popleft())
        self._feed(Tick())
        if self._updates is not None:
            self._updates.turn(is_up=self._core.link.is_up)

    def _measure(self) -> None:
        sense = self.clock.ticks_ms() - self._sensed_at >= SENSORS_MS
        if sense:
            self._sensed_at = self.clock.ticks_ms()
        for number, outlet in self._hardware.outlets.items():
            self._meter(number, outlet)
            if sense:
                self._sense(number, outlet)

    def _meter(self, number: int, outlet: Outlet) -> None:
        if outlet.meter is None:
            return
        try:
            registers = outlet.meter.read()
        except OSError as error:
            log.warning("meter %d does not answer: %s", number, error)
            self._feed(MeterFailed(number))
        else:
            self._feed(MeterRead(number, registers))

    def _sense(self, number: int, outlet: Outlet) -> None:
        try:
            state = outlet.valve.state()
            values = outlet.sensors.read() if outlet.sensors is not None else None
        except OSError as error:
            log.warning("sensors of outlet %d do not answer: %s", number, error)
            return
        if state is not None:
            self._feed(ValveIs(number, state))
        if values is not None:
            self._feed(SensorsRead(number, values))

    def _feed(self, event: Event) -> list[Action]:
        actions = self._core.handle(event, self.clock.ticks_ms())
        self._hands.do(actions)
        return actions

    def _put(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()
