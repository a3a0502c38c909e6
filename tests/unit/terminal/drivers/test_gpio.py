"""Valves, switches and pulses on a chip that is played."""

from __future__ import annotations

import pytest

from coinslot.terminal.drivers.gpio import GpioValve
from coinslot.terminal.drivers.pulses import PulseMeter
from coinslot.terminal.drivers.tables import GpioValveTable, Input, PulseTable
from coinslot.wire.registers import Register
from tests.unit.terminal.drivers.played import BUFFER, PlayedChip

FLOW = PulseTable(line=22, pulses=450, per=1000, debounce_us=500, most_hz=300)
HZ_167_NS = 1_000_000_000 // 167


def meter(chip: PlayedChip, table: PulseTable = FLOW) -> PulseMeter:
    return PulseMeter(table, chip)


def flow(chip: PlayedChip, pulses: int, every_ns: int = HZ_167_NS) -> None:
    """So many pulses, as an even flow makes them."""
    for _ in range(pulses):
        chip.edge(22, every_ns)


def test_a_valve_is_shut_from_its_first_moment_to_its_last_whatever_it_was_told_meanwhile() -> None:
    chip = PlayedChip()
    valve = GpioValve(GpioValveTable(line=17), chip)
    assert chip.outputs() == {17: False}
    valve.open()
    assert chip.outputs() == {17: True}
    valve.close()
    assert (chip.driven[-1][1:], chip.taken) == ((17, False), {})


def test_an_end_switch_speaks_for_the_valve_and_without_one_nobody_does() -> None:
    chip = PlayedChip(high={27: True})
    table = GpioValveTable(line=17, feedback=Input(line=27, active_low=True))
    valve = GpioValve(table, chip)
    assert valve.state() is False
    chip.high[27] = False
    assert valve.state() is True
    assert GpioValve(GpioValveTable(line=18), chip).state() is None


def test_a_line_that_another_program_has_is_an_error_at_once() -> None:
    chip = PlayedChip()
    GpioValve(GpioValveTable(line=17), chip)
    with pytest.raises(OSError, match="busy"):
        GpioValve(GpioValveTable(line=17), chip)


def test_pulses_are_counted_as_a_ratio_without_rounding_away_any() -> None:
    chip = PlayedChip()
    counter = meter(chip)
    seen = []
    for _ in range(3):
        flow(chip, 150)
        seen.append(counter.read()[Register.ML])
    assert seen == [333, 666, 1000]


def test_no_pulse_is_lost_at_167_hz_when_the_loop_stands_still_for_longer_than_the_kernel_keeps_them() -> (
    None
):
    chip = PlayedChip()
    counter = meter(chip)
    flow(chip, 167 * 20)
    assert len(chip.taken[22].events) == BUFFER  # most of them have fallen out
    counter.read()
    assert counter.pulses == 167 * 20


def test_the_kernels_number_may_begin_anew() -> None:
    chip = PlayedChip()
    counter = meter(chip)
    flow(chip, 1)
    counter.read()
    chip.taken[22].numbers[22] = counter._sequence = 2**32 - 3  # 800 days at 60 pulses a second
    flow(chip, 10)
    counter.read()
    assert counter.pulses == 11


def test_a_bounce_is_no_pulse() -> None:
    chip = PlayedChip()
    counter = meter(chip)
    for after_ns in (HZ_167_NS, 200_000, 200_000, HZ_167_NS):
        chip.edge(22, after_ns)
    counter.read()
    assert counter.pulses == 2


def test_noise_on_the_cable_is_nobodys_water() -> None:
    chip = PlayedChip()
    counter = meter(chip)
    flow(chip, 100)
    before = counter.read()
    flow(chip, 900, every_ns=600_000)
    with pytest.raises(OSError, match="noise"):
        counter.read()
    assert counter.read() == before


def test_a_chip_that_is_gone_is_an_error_and_not_an_old_figure() -> None:
    chip = PlayedChip()
    counter = meter(chip)
    chip.broken = True
    with pytest.raises(OSError, match="No such device"):
        counter.read()
