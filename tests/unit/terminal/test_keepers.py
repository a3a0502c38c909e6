"""Systemd, the board's watchdog and the valves' supply: told while the loop turns, and by silence when it does not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from coinslot.terminal.drivers.fronts import WatchdogTable
from coinslot.terminal.drivers.gpio import OutputLine
from coinslot.terminal.drivers.tables import Output
from coinslot.terminal.keepers import Board, Enable, Systemd, keepers
from coinslot.terminal.watchdog import SILENT_MS, Watchdog
from tests.unit.terminal.drivers.played import PlayedChip
from tests.unit.terminal.test_agent import Bench


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(listening: socket.socket) -> list[str]:
    out = []
    while True:
        try:
            out.append(listening.recv(100).decode())
        except BlockingIOError:
            return out


def test_systemd_hears_ready_once_then_a_beat_a_second_then_the_end(notified: socket.socket) -> None:
    systemd = Systemd(notified.getsockname())
    for _ in range(11):
        systemd.beat()
    systemd.stopping()
    systemd.end(orderly=True)
    assert heard(notified) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize(("orderly", "last"), [(True, b"V"), (False, b"\0")])
def test_a_boards_watchdog_is_stopped_by_an_orderly_end_alone(
    tmp_path: Path, orderly: bool, last: bytes
) -> None:
    device = tmp_path / "watchdog"
    device.touch()
    board = Board(str(device), 15)
    board.beat()
    board.end(orderly=orderly)
    assert device.read_bytes()[-1:] == last


def test_the_valves_supply_is_held_by_a_line_that_changes_and_dropped_at_the_end() -> None:
    chip = PlayedChip()
    enable = Enable(OutputLine(Output(line=24), chip))
    for _ in range(4):
        enable.beat()
    enable.end(orderly=False)
    assert [active for _, _, active in chip.driven] == [False, True, False, True, False]
    assert chip.taken == {}


async def test_nobody_is_told_before_the_core_has_booted_nor_when_the_loop_stands(
    tmp_path: Path, notified: socket.socket
) -> None:
    bench = Bench()
    device = tmp_path / "watchdog"
    os.mkfifo(device)
    reading = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    told = keepers(WatchdogTable(device=str(device)), {"NOTIFY_SOCKET": notified.getsockname()})
    watchdog = Watchdog(bench.agent, told)
    watchdog.look()
    assert heard(notified) == []
    async with bench.running():
        await bench.pass_ms(1_100)
        watchdog.look()
        assert heard(notified) == ["READY=1", "WATCHDOG=1"]
        assert os.read(reading, 10) == b"\0"
        bench.clock.advance(SILENT_MS)
        for _ in range(10):
            watchdog.look()
        assert heard(notified) == []
        with pytest.raises(BlockingIOError):
            os.read(reading, 10)
    for keeper in told:
        keeper.end(orderly=False)
    os.close(reading)


async def test_a_keeper_that_fails_keeps_none_of_the_others_from_being_told(
    notified: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    lost = Systemd(str(tmp_path / "nobody"))
    watchdog = Watchdog(bench.agent, (lost, Systemd(notified.getsockname())))
    async with bench.running():
        await bench.pass_ms(1_100)
        for _ in range(6):
            watchdog.look()
    assert heard(notified) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert caplog.text.count("does not take the beat") == 1


def test_without_systemd_and_without_a_table_there_is_nobody_to_tell() -> None:
    assert keepers(None, {}) == []
    with pytest.raises(FileNotFoundError):
        keepers(WatchdogTable(device="/dev/no-such-watchdog"), {})
