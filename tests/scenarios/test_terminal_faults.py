"""A terminal whose clock is wrong, or whose power is cut with the valve open, over the real link."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from coinslot.app.seed import ensure_tariff, make_fleet
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.ledger.verify import verify
from coinslot.link.server import LinkServer
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.requests import StartRequest
from coinslot.terminal import identity as identities
from coinslot.terminal.actions import Action, OpenValve, ShutValve
from coinslot.terminal.clock import RealClock
from coinslot.terminal.events import StopKey
from coinslot.wire.messages import Config
from tests.support.kept import ROOT, becomes
from tests.support.plant import Plant

DAY_MS = 86_400_000


@pytest.fixture
async def plant(pool: Pool, broker: BrokerAccess, tmp_path: Path) -> AsyncIterator[Plant]:
    made = Plant(pool, broker, tmp_path)
    made.link = LinkServer(pool, broker, Config(checkpoint_s=1))
    async with made as plant:
        yield plant


class WrongClock(RealClock):
    """Ticks as they are, and a wall clock that says what it likes."""

    def __init__(self, wall_ms: int) -> None:
        super().__init__()
        self._wall_ms = wall_ms

    def wall_ms(self) -> int | None:
        """See `Clock`."""
        return self._wall_ms + self.ticks_ms()


@pytest.mark.parametrize("wrong", ["1970", "a day ago", "in ten years", "29 February", "never set"])
async def test_durations_come_from_ticks_whatever_the_wall_clock_says(plant: Plant, wrong: str) -> None:
    now_ms = time.time_ns() // 1_000_000
    wall_ms = {
        "1970": 0,
        "a day ago": now_ms - DAY_MS,
        "in ten years": now_ms + 3_652 * DAY_MS,
        "29 February": 1_835_395_199_500,  # half a second before midnight at UTC, 28 to 29 February 2028
        "never set": -1,
    }[wrong]
    tap = await plant.tap(clock=RealClock() if wall_ms < 0 else WrongClock(wall_ms))
    moved: dict[type[Action], float] = {}

    def see(action: Action) -> None:
        if isinstance(action, OpenValve | ShutValve):
            moved[type(action)] = time.monotonic()

    tap.agent.observe(see)
    session = await plant.starts(await plant.customer(20_00), tap)
    assert isinstance(session, Session)
    await becomes(lambda: tap.appliance.simulated[0].poured_ul >= 250_000, "water")
    tap.appliance.press(StopKey(0))
    ended = await plant.settled(session.id)
    assert ended.state is State.SETTLED
    measured_ms = (moved[ShutValve] - moved[OpenValve]) * 1000
    assert ended.duration_ms is not None
    assert abs(ended.duration_ms - measured_ms) < 250
    assert ended.captured_minor == ended.charge_minor
    assert await plant.pool.fetchval("SELECT count(*) FROM review") == 0
    # The server's own moments are the ones that are kept.
    assert ended.started_at is not None
    assert abs(ended.started_at.timestamp() * 1000 - now_ms) < 60_000


async def _spawn(folder: Path) -> Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COINSLOT_")}
    return await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "coinslot.app",
            "terminal",
            "--simulated",
            "shower",
            "--journal",
            str(folder),
        ),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        env={**environment, "PYTHONPATH": str(ROOT / "src")},
    )


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()


async def _terminal(plant: Plant, folder: Path) -> TerminalCredentials:
    async with plant.pool.acquire() as connection:
        tariff = await ensure_tariff(connection, plant.operator, "shower-litre")
        (made,) = await make_fleet(connection, plant.operator, terminals=1, tariff_id=tariff)
    identity = identities.Identity(
        terminal_id=made.terminal_id,
        secret=made.secret,
        mqtt_host=plant.broker.mqtt_host,
        mqtt_port=plant.broker.mqtt_port,
    )
    identities.save(folder / "identity.json", identity)
    return made


async def test_a_terminal_killed_with_its_valve_open_reports_its_last_register_and_settles_once(
    plant: Plant, tmp_path: Path
) -> None:
    folder = tmp_path / "board"
    terminal = await _terminal(plant, folder)
    customer = await plant.customer(20_00)
    process = await _spawn(folder)
    try:
        await plant.online(terminal.terminal_id)
        session = await plant.starter.start(
            StartRequest(
                operator=plant.operator,
                customer=customer,
                terminal=terminal.terminal_id,
                outlet=0,
                key="only-one",
            )
        )
        assert isinstance(session, Session)
        await plant.until(
            "SELECT (meter::json -> 'tracks' -> 'ml' ->> 'usage')::int >= 250 FROM session WHERE session_id = $1",
            session.id,
            what="a checkpoint with water",
        )
    finally:
        await _end(process)
    assert (await plant.session(session.id)).live  # silence is no end
    process = await _spawn(folder)
    try:
        ended = await plant.settled(session.id)
    finally:
        await _end(process)
    assert ended.state is State.SETTLED
    assert ended.stop_reason == "power_loss"
    assert ended.registers is not None
    assert msgspec.json.decode(ended.registers)["ml"] >= 250
    assert ended.captured_minor == ended.charge_minor
    assert ended.captured_minor
    assert ended.captured_minor <= ended.hold_minor
    async with plant.pool.acquire() as connection:
        report = await verify(connection)
    assert report.sound, report.faults
