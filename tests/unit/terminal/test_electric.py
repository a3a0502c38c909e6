"""Electrical outlets: what is drawn is looked at, time is sold from opening, and nothing is charged for nothing."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from coinslot.terminal.events import MeterRead, SensorsRead, StopKey, Tick
from coinslot.terminal.power import Power
from coinslot.terminal.sessions import MOST_RESUMES
from coinslot.terminal.settings import Band, OnPower, OutletSettings, Seconds
from coinslot.wire.messages import Readings
from coinslot.wire.records import Checkpoint, Declined, DeclineReason, Fault, FaultCode, Stopped, StopReason
from coinslot.wire.registers import Register
from tests.unit.terminal.rig import SHOWER, Rig, S, limits

WH = Register.WH
DRYER = OutletSettings(
    outlet=0,
    meters=(WH,),
    seconds=Seconds.OPENING,
    no_load_w=3,
    load_within_s=60,
    idle_w=8,
    overload_w=4_000,
    stall=(Band(above_w=400, to_w=1_500), Band(above_w=2_900, to_w=4_000)),
)
BY_USE = replace(DRYER, seconds=Seconds.USE)
PURIFIER = replace(DRYER, idle_w=3, no_load_w=4, stall=(Band(above_w=80, to_w=400),), overload_w=400)


class Bench(Rig):
    """A rig with a socket: power that lasts, watt-hours that follow from it."""

    def __init__(self, outlet: OutletSettings = DRYER) -> None:
        super().__init__(replace(SHOWER, outlets=(outlet,)))
        self.mws = 0
        """Watt-milliseconds drawn."""
        self.meter_stands = False

    def ready(self) -> Bench:
        self.boot().link_up()
        self.sense(0)
        return self

    def sense(self, watts: int, ms: int = 0) -> None:
        """One turn of the agent's loop: the meter, the sensors, a tick."""
        self.mws += 0 if self.meter_stands else watts * ms
        self.feed(MeterRead(0, {WH: self.mws // 3_600_000}), ms)
        self.feed(SensorsRead(0, {"power_w": watts}))
        self.feed(Tick())

    def draw(self, watts: int, seconds: int) -> None:
        """Draw this much while the relay is closed."""
        for _ in range(seconds):
            self.sense(watts if 0 in self.open else 0, 1_000)

    @property
    def stopped(self) -> list[tuple[StopReason, int]]:
        """Why sessions ended, after how many seconds of use."""
        return [(one.reason, one.registers[S] - one.start.get(S, 0)) for one in self.of(Stopped)]

    @property
    def codes(self) -> list[FaultCode]:
        return [one.code for one in self.of(Fault) if one.active]


def test_time_that_was_bought_counts_from_opening_though_the_meter_is_slow() -> None:
    bench = Bench(PURIFIER).ready()
    bench.start(within=limits(s=120, idle_s=30))
    bench.draw(40, 119)
    assert bench.open == {0}
    bench.draw(40, 2)
    assert bench.stopped == [(StopReason.LIMIT, 120)]
    assert bench.codes == []


def test_a_diffuser_that_makes_one_watt_hour_in_twelve_minutes_is_not_idle() -> None:
    by_use = Bench(replace(BY_USE, idle_w=2)).ready()
    by_meter = Bench(replace(BY_USE, idle_w=None)).ready()
    for bench in (by_use, by_meter):
        bench.start(within=limits(s=3_600, idle_s=300))
        bench.draw(5, 900)
    assert by_use.stopped == []
    assert by_meter.stopped[0][0] is StopReason.IDLE


@pytest.mark.parametrize("outlet", [DRYER, BY_USE])
def test_what_is_drawn_on_standby_is_no_use_whatever_watt_hours_it_makes(outlet: OutletSettings) -> None:
    bench = Bench(outlet).ready()
    bench.start(within=limits(s=7_200, idle_s=300))
    bench.draw(2_000, 60)
    bench.draw(7, 299)
    assert bench.open == {0}
    bench.draw(7, 2)
    assert bench.of(Stopped)[0].reason is StopReason.IDLE


def test_a_dryer_that_draws_nothing_is_a_failed_start_that_used_nothing() -> None:
    bench = Bench().ready()
    bench.start()
    bench.draw(0, 59)
    assert bench.open == {0}
    assert bench.of(Checkpoint) == []
    bench.draw(0, 1)
    assert bench.open == set()
    assert bench.stopped == [(StopReason.FAULT, 0)]
    assert bench.codes == [FaultCode.NO_LOAD]
    assert bench.of(Fault)[0].session == "ses"


def test_a_package_shorter_than_the_time_to_start_is_a_failed_start_too() -> None:
    bench = Bench().ready()
    bench.start(within=limits(s=30))
    bench.draw(0, 30)
    assert bench.stopped == [(StopReason.FAULT, 0)]
    assert bench.codes == [FaultCode.NO_LOAD]


def test_the_seconds_before_something_is_drawn_count_once_it_is() -> None:
    bench = Bench().ready()
    bench.start(within=limits(s=100))
    bench.draw(1, 40)
    assert bench.core.taps[0].registers[S] == 0
    bench.draw(2_500, 10)
    assert bench.core.taps[0].registers[S] == 51
    bench.feed(StopKey(0))
    assert bench.stopped == [(StopReason.KEY, 51)]
    assert bench.codes == []


def test_an_overload_is_shut_at_once_but_not_the_current_of_a_motor_that_starts() -> None:
    bench = Bench().ready()
    bench.start()
    bench.draw(4_881, 2)  # the highest second of the recorded cycles
    bench.draw(2_500, 60)
    assert bench.open == {0}
    bench.draw(5_500, 3)
    assert bench.open == {0}
    bench.draw(5_500, 1)
    assert bench.open == set()
    assert bench.stopped[0][0] is StopReason.FAULT
    assert bench.codes == [FaultCode.OVERLOAD]


def test_a_blocked_drum_is_found_with_the_heater_and_without() -> None:
    for watts in (1_000, 3_300):
        bench = Bench().ready()
        bench.start()
        bench.draw(2_500, 120)
        bench.draw(watts, 45)
        assert bench.open == {0}
        bench.draw(watts, 1)
        assert bench.open == set()
        assert bench.codes == [FaultCode.STALL]


def test_a_blocked_fan_is_found() -> None:
    bench = Bench(PURIFIER).ready()
    bench.start()
    bench.draw(40, 60)
    bench.draw(170, 50)
    assert bench.codes == [FaultCode.STALL]


def test_faults_of_an_appliance_bar_starts_for_ten_minutes_and_then_the_next_may_try() -> None:
    bench = Bench().ready()
    bench.start()
    bench.draw(0, 60)
    bench.start("ses2", "cmd2")
    assert bench.of(Declined)[0].reason is DeclineReason.FAULT
    bench.draw(0, 601)
    assert [one.active for one in bench.of(Fault)] == [True, False]
    bench.start("ses3", "cmd3")
    assert bench.open == {0}


def test_power_behind_an_open_relay_is_told_and_bars_starts_while_it_lasts() -> None:
    bench = Bench().ready()
    bench.start()
    bench.draw(2_500, 10)
    bench.feed(StopKey(0))
    for _ in range(4):
        bench.sense(2_500, 1_000)
    assert bench.codes == []
    bench.sense(2_500, 1_000)
    assert bench.codes == [FaultCode.FLOW_WHILE_SHUT]
    assert bench.shown[0] == ("Out of order", "Power while off")
    for _ in range(120):
        bench.sense(2_500, 1_000)
    assert len(bench.of(Fault)) == 1
    for _ in range(61):
        bench.sense(0, 1_000)
    assert not bench.of(Fault)[-1].active


def test_power_that_is_drawn_and_not_counted_is_a_fault_of_the_meter() -> None:
    bench = Bench(BY_USE).ready()
    bench.meter_stands = True
    bench.start()
    bench.draw(2_500, 7)
    assert bench.codes == []
    bench.draw(2_500, 2)
    assert bench.codes == [FaultCode.METER_STUCK]


def test_an_outlet_whose_power_is_not_known_is_not_run_nor_sold() -> None:
    bench = Bench().ready()
    bench.start()
    bench.draw(2_500, 10)
    for _ in range(5):
        bench.tick(1_000)
    assert bench.open == set()
    assert bench.codes == [FaultCode.SENSOR]
    bench.start("ses2", "cmd2")
    assert bench.of(Declined)[0].reason is DeclineReason.FAULT
    bench.draw(0, 61)
    bench.start("ses3", "cmd3")
    assert bench.open == {0}


def test_a_loop_that_stood_still_is_no_silent_sensor_and_no_missing_load() -> None:
    bench = Bench().ready()
    bench.start()
    bench.feed(MeterRead(0, {WH: 0}), 70_000)
    bench.feed(SensorsRead(0, {"power_w": 2_500}))
    bench.feed(Tick())
    assert bench.open == {0}
    assert bench.codes == []


def test_readings_carry_the_power_and_not_twice() -> None:
    bench = Bench().ready()
    bench.start()
    bench.draw(2_500, 15)
    reading = bench.last(Readings)
    assert (reading.power_w, reading.valve_open, reading.sensors) == (2_500, True, {})
    bench.feed(StopKey(0))
    assert bench.of(Stopped)[0].sensors["power_w"].max == 2_500


def test_a_room_s_power_cut_does_not_eat_the_package() -> None:
    bench = Bench(replace(DRYER, on_power=OnPower.RESUME)).ready()
    bench.start(within=limits(s=300, idle_s=300))
    bench.draw(2_500, 100)
    certain = bench.of(Checkpoint)[-1].registers[S]
    bench.power_cycle()
    assert bench.open == {0}
    bench.draw(0, 65)  # the guest must press the dryer's own button again: no failed start any more
    bench.draw(2_500, 300 - certain - 66)
    assert bench.open == {0}
    bench.draw(2_500, 2)
    assert bench.stopped == [(StopReason.LIMIT, 300)]
    assert bench.codes == []


def test_a_cut_before_anything_was_drawn_leaves_a_start_that_may_still_fail() -> None:
    bench = Bench(replace(DRYER, on_power=OnPower.RESUME)).ready()
    bench.start()
    bench.draw(0, 30)
    bench.power_cycle()
    bench.draw(0, 60)
    assert bench.stopped == [(StopReason.FAULT, 0)]
    assert bench.codes == [FaultCode.NO_LOAD]


def test_the_card_in_the_door_does_not_make_a_package_longer_for_ever() -> None:
    bench = Bench(replace(DRYER, on_power=OnPower.RESUME)).ready()
    bench.start()
    for _ in range(MOST_RESUMES):
        bench.draw(2_500, 12)
        bench.power_cycle()
    assert bench.open == {0}
    bench.draw(2_500, 12)
    bench.power_cycle()
    assert bench.stopped[0][0] is StopReason.POWER_LOSS


def test_without_thresholds_power_is_only_told() -> None:
    bench = Bench(OutletSettings(outlet=0, meters=(WH,))).ready()
    bench.start()
    bench.draw(9_000, 30)
    for _ in range(30):
        bench.tick(1_000)
    assert bench.open == {0}
    assert bench.codes == []


@cache
def dryers() -> dict[str, list[tuple[int, int]]]:
    """Recorded cycles: (seconds, watts) of each. tracebase (Reinhardt et al.), ODbL 1.0."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("COINSLOT_DATA", beside)) / "tracebase"
    if not folder.is_dir():
        pytest.skip(
            f"the recorded dryers are not here ({folder}); COINSLOT_DATA names the folder of real data"
        )
    with (folder / "cycles.csv").open() as cycles:
        kinds = {row["cycle_id"]: (row["kind"], row["device"]) for row in csv.DictReader(cycles)}
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with (folder / "cycles_power_10s.csv").open() as powers:
        for row in csv.DictReader(powers):
            if kinds[row["cycle_id"]] == ("dryer", "dev_B7E43D"):
                found[row["cycle_id"]].append((int(row["t_s"]), round(float(row["mean_w"]))))
    return found


def test_nine_recorded_dryers_are_sound_and_each_is_found_once_it_is_blocked_or_shorted() -> None:
    assert len(dryers()) == 9
    for cycle, curve in dryers().items():
        for at_s, extra, found in (
            (10**9, 0, set()),
            (600, 1_000, {FaultCode.STALL}),
            (600, 4_000, {FaultCode.OVERLOAD}),
        ):
            power, seen = Power(DRYER), set()
            power.ordered(0)
            for t_s, watts in curve:
                if watts > 100 and t_s >= at_s:
                    watts += extra
                for second in range(10):
                    power.counted()
                    seen |= set(power.read(watts, (t_s + second) * 1_000, is_open=True))
            assert seen >= found if found else not seen, (cycle, seen)
