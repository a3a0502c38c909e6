"""The shell around the core: real loop, simulated appliance, virtual clock, a link that is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from coinslot.terminal.actions import Action, Append, OpenValve
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import VirtualClock
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.settings import Language
from coinslot.terminal.simulated import Model, SimulatedAppliance, settings_for, simulate
from coinslot.terminal.watchdog import Watchdog
from coinslot.wire.codec import decode_record
from coinslot.wire.messages import CodeEntered, Gone, Limits, Records, Start
from coinslot.wire.records import FaultCode, Record, Stopped, StopReason
from coinslot.wire.registers import Register
from tests.unit.terminal.fake_link import FakeConnection


class Bench:
    """An agent at work, and hands that move its clock on."""

    def __init__(self, model: Model = Model.SHOWER, *, answers: bool = True) -> None:
        self.clock = VirtualClock()
        self.hardware: SimulatedAppliance = simulate(model, self.clock, seed=7)
        self.journal = MemoryJournal()
        self.connection = FakeConnection(answers=answers)
        self.agent = Agent(
            settings_for(model, "t1", Language.EN), self.hardware, self.journal, self.connection, self.clock
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        task = asyncio.create_task(self.agent.run())
        await self.settle()
        yield self
        self.agent.stop()
        await task

    async def settle(self) -> None:
        """Let everything that is ready run: no time passes."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_ms(self, ms: int, step_ms: int = 50) -> None:
        for _ in range(0, ms, step_ms):
            self.clock.advance(step_ms)
            await self.settle()

    async def until(self, holds: Callable[[], bool], within_ms: int = 60_000, step_ms: int = 50) -> int:
        """Milliseconds that passed until it held."""
        for passed in range(0, within_ms, step_ms):
            if holds():
                return passed
            await self.pass_ms(step_ms, step_ms)
        raise AssertionError(f"still not so after {within_ms} ms")

    def start(self, ml: int = 2_000, session: str = "ses") -> None:
        limits = Limits(ml=ml, s=600, wh=1, count=1, idle_s=95)
        self.connection.say(
            Start(
                link=self.connection.links[-1],
                command=f"cmd-{session}",
                session=session,
                outlet=0,
                limits=limits,
                expires_at_ms=10**9,
            )
        )

    @property
    def is_open(self) -> bool:
        return self.hardware.simulated[0].is_open

    def told(self) -> list[Record]:
        return [
            decode_record(raw)
            for message in self.connection.sent
            if isinstance(message, Records)
            for raw in message.records
        ]

    def stopped(self) -> Stopped:
        found = [record for record in self.told() if isinstance(record, Stopped)]
        assert len(found) == 1
        return found[0]


async def test_a_session_from_start_to_limit_and_its_bill_agrees_with_the_water() -> None:
    async with Bench().running() as bench:
        bench.start(ml=2_000)
        await bench.until(lambda: bench.is_open)
        await bench.until(lambda: not bench.is_open, step_ms=10)
        await bench.settle()
        stopped = bench.stopped()
        used = stopped.registers[Register.ML] - stopped.start[Register.ML]
        assert stopped.reason is StopReason.LIMIT
        assert 2_000 <= used <= 2_000 + 2 * bench.hardware.simulated[0].flow.pulse_ml
        assert abs(bench.hardware.simulated[0].poured_ul // 1_000 - used) <= 10


async def test_the_stop_key_is_obeyed_at_once_while_the_server_is_silent() -> None:
    async with Bench().running() as bench:
        bench.start()
        await bench.until(lambda: bench.is_open)
        await bench.pass_ms(3_000)
        bench.connection.answers = False
        bench.hardware.press(StopKey(0))
        await bench.settle()
        assert not bench.is_open
        assert bench.hardware.simulated[0].lines[0] == "Stopped"


async def test_keys_become_a_code_for_the_server() -> None:
    async with Bench().running() as bench:
        for key in "12345678#":
            bench.hardware.press(KeyPressed(0, key))
        await bench.settle()
        assert [one.digits for one in bench.connection.sent if isinstance(one, CodeEntered)] == ["12345678"]


async def test_asked_to_end_it_shuts_the_valve_reports_and_says_farewell() -> None:
    bench = Bench()
    async with bench.running():
        bench.start()
        await bench.until(lambda: bench.is_open)
        await bench.pass_ms(3_000)
    assert not bench.is_open
    assert bench.stopped().reason is StopReason.POWER_LOSS
    assert isinstance(bench.connection.sent[-1], Gone)
    assert bench.connection.closed


async def test_whatever_breaks_the_loop_the_valve_is_shut_on_the_way_out() -> None:
    bench = Bench()
    task = asyncio.create_task(bench.agent.run())
    await bench.settle()
    bench.start()
    await bench.until(lambda: bench.is_open)

    def burst(action: Action) -> None:
        if isinstance(action, Append):
            raise RuntimeError("pulled")

    bench.agent.observe(burst)
    bench.hardware.press(StopKey(0))
    with pytest.raises(RuntimeError, match="pulled"):
        await task
    assert not bench.is_open


async def test_a_cancelled_agent_shuts_its_valve() -> None:
    bench = Bench()
    task = asyncio.create_task(bench.agent.run())
    await bench.settle()
    bench.start()
    await bench.until(lambda: bench.is_open)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not bench.is_open


async def test_a_disk_that_fills_shuts_the_valve_and_is_tried_again() -> None:
    async with Bench().running() as bench:
        opened: list[Action] = []
        bench.agent.observe(lambda action: opened.append(action) if isinstance(action, OpenValve) else None)
        bench.journal.room = len(bench.journal.durable) + 5
        bench.start()
        await bench.settle()
        assert opened == []
        assert not bench.is_open
        assert bench.hardware.simulated[0].lines == ("Out of order", "Memory fault")
        bench.journal.room = None
        await bench.pass_ms(31_000, 500)
        assert len(bench.connection.links) == 2
        bench.start(session="ses2")
        await bench.until(lambda: bench.is_open)


async def test_a_dead_meter_ends_the_session() -> None:
    async with Bench().running() as bench:
        bench.start()
        await bench.until(lambda: bench.is_open)
        await bench.pass_ms(2_000)
        bench.hardware.simulated[0].meter_dead = True
        assert await bench.until(lambda: not bench.is_open) <= 2_500
        assert FaultCode.SENSOR in bench.agent.core.taps[0].faults


async def test_a_stuck_meter_on_a_dispenser_ends_the_session() -> None:
    async with Bench(Model.DISPENSER).running() as bench:
        bench.hardware.simulated[0].meter_stuck = True
        bench.start()
        await bench.until(lambda: bench.is_open)
        await bench.until(lambda: not bench.is_open)
        assert bench.hardware.simulated[0].lines == ("Cold Out of order", "Meter stuck")


async def test_the_watchdog_shuts_the_valve_when_the_loop_stands() -> None:
    bench = Bench()
    async with bench.running():
        bench.start()
        await bench.until(lambda: bench.is_open)
        watchdog = Watchdog(bench.agent)
        watchdog.look()
        assert bench.is_open
        bench.clock._now += 2_000  # time passes, the loop does not turn
        watchdog.look()
        assert not bench.is_open


async def test_many_agents_share_one_loop() -> None:
    benches = [Bench() for _ in range(20)]
    tasks = [asyncio.create_task(bench.agent.run()) for bench in benches]
    await benches[0].settle()
    for bench in benches:
        bench.start(ml=500)
    for bench in benches:
        await bench.until(lambda bench=bench: bench.is_open)  # type: ignore[misc]
        await bench.until(lambda bench=bench: not bench.is_open)  # type: ignore[misc]
        bench.agent.stop()
    await asyncio.gather(*tasks)
    assert all(bench.stopped().reason is StopReason.LIMIT for bench in benches)
