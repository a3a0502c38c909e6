"""The reference agent as a terminal under test: in this process, in virtual time, with whatever is to be wrong with it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TypeVar

from msgspec import structs

from coinslot.sandbox.conformance.history import Login
from coinslot.sandbox.conformance.player import Manner, Player
from coinslot.sandbox.conformance.report import Report
from coinslot.sandbox.conformance.rule import Need, Rule
from coinslot.sandbox.conformance.runner import run
from coinslot.sandbox.conformance.stand import STOP_KEY, Listener
from coinslot.terminal.agent import Agent
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.settings import Language
from coinslot.terminal.simulated import Model, settings_for, simulate
from coinslot.wire.codec import encode
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Gone, Up
from coinslot.wire.topics import Channel, topic

T = TypeVar("T")
TERMINAL = TerminalId("trm_conformance")
_WIRE_S = 0.002


class _Leaping(selectors.DefaultSelector):
    """Instead of waiting for time to pass, lets it have passed."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready:
            assert timeout is not None, "nothing will ever happen any more"
            self.now_s += max(0.0, timeout)
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time leaps to the next timer: nothing in it may wait for the world outside."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._leaping.now_s


def leaping(work: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run this to its end, in virtual time."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work())


class LoopClock:
    """The agent's clock, by the loop's time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()

    def ticks_ms(self) -> int:
        return int((self._loop.time() - self._began_s) * 1000)

    def wall_ms(self) -> int | None:
        return 1_800_000_000_000 + self.ticks_ms()

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        try:
            async with asyncio.timeout(ms / 1000):
                await event.wait()
        except TimeoutError:
            return


class Plant:
    """What is wrong with a terminal: as it is, nothing."""

    stand: AgentStand
    """Where it stands: known from the beginning of the run."""

    def login(self, link: int) -> Login:
        """What its CONNECT says."""
        return Login(
            client_id=TERMINAL,
            user=TERMINAL,
            clean_session=True,
            keep_alive_s=60,
            will_topic=topic(TERMINAL, Channel.GONE),
            will=encode(Gone(link=link)),
        )

    def broke(self) -> None:
        """What it does when its connection breaks."""

    def says(self, message: Up) -> list[Up | bytes]:
        """What it really publishes."""
        return [message]

    def hears(self, data: bytes) -> list[bytes]:
        """What it really acts upon."""
        return [data]

    def loses_power(self, journal: MemoryJournal) -> None:
        """What a power cut does to its disk."""


class AgentStand:
    """The real agent on simulated water, its line and its plug."""

    def __init__(self, plant: Plant | None = None, model: Model = Model.SHOWER) -> None:
        self.plant = plant or Plant()
        self.plant.stand = self
        self.can = frozenset(Need)
        self._clock = LoopClock()
        self._journal = MemoryJournal()
        self._appliance = simulate(model, self._clock, 1)
        self._settings = structs.replace(settings_for(model, TERMINAL, Language.EN), journal_bytes=64 * 1024)
        self._listener: Listener | None = None
        self._held = False
        self._link = 0
        self._next_s = 0.0
        self._up = False
        self._agent: Agent | None = None
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ the stand

    def listen(self, listener: Listener | Agent) -> None:
        """The suite's, and the agent's: told apart by what they are."""
        if not isinstance(listener, Agent):
            self._listener = listener

    def say(self, data: bytes) -> None:
        """To the terminal, if it is connected."""
        agent = self._agent
        if self._up and agent is not None:
            for one in self.plant.hears(data):
                self._later(partial(self._received, agent, one))

    def cut(self, *, hold: bool = False) -> None:
        """Both ends hear that it is over."""
        self._held = hold
        self._end("the connection broke")

    def mend(self) -> None:
        """Let it through again."""
        self._held = False

    async def power_cut(self) -> None:
        """Nothing is said; what was not forced to disk is gone."""
        await self._off()
        self._journal.crash()
        self.plant.loses_power(self._journal)
        await asyncio.sleep(0.5)
        self.power_on()

    async def press(self, outlet: int, key: str) -> None:
        """A key of the appliance."""
        self._appliance.press(StopKey(outlet) if key == STOP_KEY else KeyPressed(outlet, key))
        await asyncio.sleep(0.01)

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """Behind the valve."""
        self._appliance.simulated[outlet].tap_closed = not is_open

    @property
    def link(self) -> int:
        """The number of the latest connection."""
        return self._link

    @property
    def link_ms(self) -> int:
        """Its link time."""
        return 0 if self._agent is None else self._agent.core.link.link_ms

    @property
    def greeting(self) -> bool:
        """Whether it waits for its welcome."""
        return self._agent is not None and not self._agent.core.link.is_up

    @property
    def open_sessions(self) -> list[str]:
        """What runs."""
        return [] if self._agent is None else [str(one) for one in self._agent.core.kept.open]

    def press_stop(self) -> None:
        """The stop key of outlet 0."""
        self._appliance.press(StopKey(0))

    def power_on(self) -> None:
        """Boot."""
        self._agent = Agent(self._settings, self._appliance, self._journal, self, LoopClock())
        self._task = asyncio.create_task(self._agent.run())

    async def _off(self) -> None:
        self._up, was_up = False, self._up
        if was_up and self._listener is not None:
            self._listener.closed("the power went")
        task, self._task, self._agent = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # ------------------------------------------------------------ the agent's connection

    def connect(self, link: int) -> None:
        """Through, unless the line is held down."""
        self._link = link
        agent = self._agent
        assert agent is not None
        if self._held:
            self._later(lambda: agent.link_down(link))
            return

        def through() -> None:
            if agent is not self._agent or link != self._link:
                return
            self._up = True
            if self._listener is not None:
                self._listener.opened(self.plant.login(link))
                self._listener.subscribed(topic(TERMINAL, Channel.DOWN), 0)
            agent.link_up(link)

        self._later(through)

    def send(self, message: Up) -> None:
        """To the suite."""
        if not self._up or self._listener is None:
            return
        channel = Channel.GONE if isinstance(message, Gone) else Channel.UP
        for one in self.plant.says(message):
            data = one if isinstance(one, bytes) else encode(one)
            self._later(partial(self._heard, topic(TERMINAL, channel), data))

    def disconnect(self) -> None:
        """The agent's own wish."""
        if self._up:
            self._up = False
            if self._listener is not None:
                self._listener.closed("the terminal disconnected")

    async def close(self) -> None:
        """Nothing more to come."""
        self.disconnect()

    def _end(self, why: str) -> None:
        if not self._up:
            return
        self._up = False
        if self._listener is not None:
            self._listener.closed(why)
        if self._agent is not None:
            self._agent.link_down(self._link)
            self.plant.broke()

    def _received(self, agent: Agent, data: bytes) -> None:
        if self._up:
            agent.received(data)

    def _heard(self, name: str, data: bytes) -> None:
        if self._listener is not None:
            self._listener.heard(name, data, 0, False)

    def _later(self, call: Callable[[], object]) -> None:
        # In order: a loop calls two timers of one moment in any.
        loop = asyncio.get_running_loop()
        self._next_s = max(self._next_s + 1e-6, loop.time() + _WIRE_S)
        loop.call_at(self._next_s, call)

    async def __aenter__(self) -> AgentStand:
        self.power_on()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._off()


def report_of(rules: tuple[Rule, ...], plant: Plant | None = None) -> Report:
    """The suite's report on the reference agent, with this wrong with it."""

    async def work() -> Report:
        async with AgentStand(plant) as stand:
            return await run(Player(stand, Manner(terminal=TERMINAL)), rules, first_s=30)

    return leaping(work)
