"""A whole appliance of drivers under a real agent: sessions on played wires."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec import Raw

from coinslot.terminal import config
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import VirtualClock
from coinslot.terminal.drivers.coin import CoinOutput
from coinslot.terminal.drivers.wired import WiredAppliance
from coinslot.terminal.memory import MemoryJournal
from coinslot.wire.codec import decode_record
from coinslot.wire.messages import Limits, Records, Start
from coinslot.wire.records import Fault, FaultCode, Record, Stopped, StopReason
from coinslot.wire.registers import Register
from tests.unit.terminal.drivers.played import PlayedChip
from tests.unit.terminal.fake_link import FakeConnection

SHOWER = """
language = "en"
[[outlets]]
[outlets.valve]
driver = "gpio"
line = 17
[outlets.meter]
driver = "gpio"
line = 22
pulses = 450
most_hz = 10000
debounce_us = 0
[outlets.stop]
driver = "button"
line = 21
"""
WASHER = """
language = "en"
[[outlets]]
on_power = "resume"
[outlets.valve]
driver = "coin"
line = 17
width_ms = 1
gap_ms = 1
settle_ms = 0
start_within_s = 1
most_credits = 9
busy = { line = 27 }
[outlets.meter]
driver = "coin"
"""


class Site:
    """One appliance of this file, on a played chip, with an agent whose journal outlives it."""

    def __init__(self, folder: Path, text: str) -> None:
        path = folder / "terminal.toml"
        path.write_text(text)
        self.file = config.load(path)
        self.chip, self.journal = PlayedChip(), MemoryJournal()
        self.boot()

    def boot(self) -> None:
        self.clock, self.connection = VirtualClock(), FakeConnection()
        self.hardware = WiredAppliance(self.file.wiring, self.file.bus, self.chip)
        settings = config.settings(self.file, "t1")
        self.agent = Agent(settings, self.hardware, self.journal, self.connection, self.clock)
        self.task = asyncio.create_task(self.agent.run())

    async def pass_ms(self, ms: int) -> None:
        for _ in range(0, ms, 50):
            self.clock.advance(50)
            for _ in range(10):
                await asyncio.sleep(0)

    async def end(self) -> None:
        self.agent.stop()
        await self.task
        self.hardware.close()

    async def crash(self) -> None:
        """The process is gone between two instructions, its lines with it."""
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        self.hardware.close()

    async def start(self, *, ml: int = 2**53 - 1, count: int = 2**53 - 1) -> None:
        await self.pass_ms(1_500)
        limits = Limits(ml=ml, s=600, wh=2**53 - 1, count=count, idle_s=90)
        link = self.connection.links[-1]
        start = Start(
            link=link,
            command="c1",
            session="s1",
            outlet=0,
            limits=limits,
            quote=Raw(b"null"),
            expires_at_ms=60_000,
        )
        self.connection.say(start)
        await self.pass_ms(200)

    @property
    def records(self) -> list[Record]:
        said = [one for one in self.connection.sent if isinstance(one, Records)]
        return [decode_record(bytes(raw)) for one in said for raw in one.records]

    @property
    def stopped(self) -> list[Stopped]:
        return [record for record in self.records if isinstance(record, Stopped)]

    @property
    def coin(self) -> CoinOutput:
        valve = self.hardware.outlets[0].valve
        assert isinstance(valve, CoinOutput)
        return valve

    @property
    def pulses(self) -> int:
        return sum(active for _, line, active in self.chip.driven if line == 17)


async def test_a_session_on_real_wires_ends_at_its_limit_with_the_valve_shut(tmp_path: Path) -> None:
    site = Site(tmp_path, SHOWER)
    await site.start(ml=1_000)
    assert site.chip.outputs() == {17: True}
    for _ in range(500):
        site.chip.edge(22, 5_000_000)
    await site.pass_ms(500)
    assert site.chip.outputs() == {17: False}
    (stopped,) = site.stopped
    assert stopped.reason is StopReason.LIMIT
    assert stopped.registers[Register.ML] - stopped.start[Register.ML] == 500 * 1000 // 450
    await site.end()
    assert site.chip.taken == {}


async def test_the_stop_key_ends_it(tmp_path: Path) -> None:
    site = Site(tmp_path, SHOWER)
    await site.start()
    site.chip.edge(21)
    await site.pass_ms(300)
    assert [one.reason for one in site.stopped] == [StopReason.KEY]
    await site.end()


async def test_a_wash_is_paid_once_and_its_end_ends_the_session(tmp_path: Path) -> None:
    site = Site(tmp_path, WASHER)
    await site.start(count=4)
    train = site.coin._train
    assert train is not None
    train._thread.join(2)
    site.chip.high[27] = True
    await site.pass_ms(2_000)
    site.chip.high[27] = False
    await site.pass_ms(2_000)
    (stopped,) = site.stopped
    assert (stopped.reason, stopped.registers[Register.COUNT]) == (StopReason.LIMIT, 4)
    assert site.pulses == 4
    await site.end()


async def test_a_terminal_that_died_in_mid_train_gives_no_second_one_and_tells_of_a_fault(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, WASHER.replace("gap_ms = 1\n", "gap_ms = 5000\n"))
    await site.start(count=4)
    assert site.pulses == 1
    site.journal.crash()
    await site.crash()
    site.boot()
    await site.pass_ms(500)
    assert site.agent.core.in_use, "the session goes on, as the washer might"
    site.coin._since_ns -= 2_000_000_000
    await site.pass_ms(4_000)
    assert site.pulses == 1
    faults = [record.code for record in site.records if isinstance(record, Fault)]
    assert faults == [FaultCode.SENSOR]
    (stopped,) = site.stopped
    assert (stopped.reason, stopped.registers[Register.COUNT]) == (StopReason.FAULT, 0)
    await site.end()


async def test_credits_that_no_tariff_by_credits_would_sell_are_not_paid(tmp_path: Path) -> None:
    site = Site(tmp_path, WASHER)
    await site.start()
    await site.pass_ms(3_000)
    assert site.pulses == 0
    assert [one.reason for one in site.stopped] == [StopReason.FAULT]
    await site.end()
