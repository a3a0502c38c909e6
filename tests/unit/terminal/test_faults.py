"""What is wrong at an outlet: billing stops, the valve shuts, a record says so, the display too."""

from __future__ import annotations

from msgspec.structs import replace

from coinslot.terminal.events import MeterFailed, MeterRead, SensorsRead, StopKey, ValveIs
from coinslot.terminal.settings import MeterKind, OutletSettings
from coinslot.wire.records import Declined, DeclineReason, Fault, FaultCode, Started, Stopped, StopReason
from tests.unit.terminal.rig import ML, SHOWER, Rig

ODOMETER = replace(SHOWER, outlets=(OutletSettings(outlet=0, meter=MeterKind.LASTING),))
WATCHED = replace(SHOWER, outlets=(OutletSettings(outlet=0, flow_within_s=15),))


def codes(rig: Rig) -> list[tuple[FaultCode, bool]]:
    return [(one.code, one.active) for one in rig.of(Fault)]


def test_flow_behind_a_shut_valve_is_a_fault_once_and_bars_starts_until_it_has_been_quiet() -> None:
    rig = Rig().ready()
    rig.tick(5_000)
    rig.flow(20)
    assert codes(rig) == [(FaultCode.FLOW_WHILE_SHUT, True)]
    assert rig.shown[0] == ("Out of order", "Flow while shut")
    rig.start()
    assert rig.of(Declined)[0].reason is DeclineReason.FAULT
    rig.tick(61_000)
    assert codes(rig)[-1] == (FaultCode.FLOW_WHILE_SHUT, False)
    rig.start("ses2", "cmd2")
    assert rig.open == {0}


def test_a_drip_is_no_fault_and_the_closing_valve_s_last_water_is_none() -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(3)
    rig.feed(StopKey(0))
    rig.meter(90, 900)
    rig.tick(5_000)
    for _ in range(60):
        rig.meter(1, 1_000)
    assert codes(rig) == []


def test_the_valve_says_shut_and_water_flows_on_so_billing_stops_before_it() -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(5)
    rig.feed(ValveIs(0, open=False))
    stopped = rig.of(Stopped)[0]
    assert stopped.reason is StopReason.FAULT
    assert rig.open == set()
    rig.flow(5)
    assert codes(rig) == [(FaultCode.VALVE_STUCK, True), (FaultCode.FLOW_WHILE_SHUT, True)]
    assert rig.of(Stopped) == [stopped]
    assert stopped.registers[ML] - stopped.start[ML] == 500


def test_a_valve_that_does_not_shut_is_a_fault() -> None:
    rig = Rig().ready()
    rig.start()
    rig.feed(ValveIs(0, open=True), 1_000)
    rig.feed(StopKey(0), 1_000)
    rig.feed(ValveIs(0, open=True), 1_000)
    assert codes(rig) == []
    rig.feed(ValveIs(0, open=True), 1_000)
    assert codes(rig) == [(FaultCode.VALVE_STUCK, True)]


def test_a_valve_that_does_not_open_ends_the_session_without_use() -> None:
    rig = Rig().ready()
    rig.feed(ValveIs(0, open=False))
    rig.start()
    rig.tick(2_500)
    rig.feed(ValveIs(0, open=False))
    stopped = rig.of(Stopped)[0]
    assert (stopped.reason, stopped.registers) == (StopReason.FAULT, stopped.start)
    assert rig.of(Fault)[0].session == "ses"


def test_a_valve_is_judged_by_what_it_said_after_its_time_to_follow_and_not_by_an_older_word() -> None:
    rig = Rig().ready()
    rig.feed(ValveIs(0, open=False))
    rig.start()
    rig.meter(400, 4_000)  # the loop stood still for four seconds; the meter is the first to be read again
    rig.feed(ValveIs(0, open=True))
    assert rig.of(Stopped) == []
    assert codes(rig) == []
    rig.feed(ValveIs(0, open=False), 1_000)
    assert codes(rig) == [(FaultCode.VALVE_STUCK, True)]


def test_an_open_valve_without_flow_is_a_fault_only_where_that_can_be_known() -> None:
    plain, watched = Rig().ready(), Rig(WATCHED).ready()
    for rig in (plain, watched):
        rig.start()
        for _ in range(20):
            rig.meter(0, 1_000)
    assert plain.open == {0}
    assert watched.open == set()
    assert codes(watched) == [(FaultCode.METER_STUCK, True)]
    watched.tick(601_000)
    assert codes(watched)[-1] == (FaultCode.METER_STUCK, False)


def test_a_meter_that_goes_backwards_ends_the_session_and_never_lowers_the_register() -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(5)
    rig.feed(MeterRead(0, {ML: 100}), 1_000)
    stopped = rig.of(Stopped)[0]
    assert stopped.reason is StopReason.FAULT
    assert stopped.registers[ML] - stopped.start[ML] == 500
    assert codes(rig) == [(FaultCode.METER_BACKWARDS, True)]
    rig.feed(MeterRead(0, {ML: 130}), 1_000)
    assert rig.core.taps[0].registers[ML] == 530


def test_an_odometer_s_first_reading_is_its_register_and_no_usage() -> None:
    rig = Rig(ODOMETER).boot().link_up()
    rig.tick(10_000)
    rig.feed(MeterRead(0, {ML: 9_876_543}))
    rig.start()
    assert rig.of(Started)[0].registers[ML] == 9_876_543
    assert codes(rig) == []


def test_an_odometer_keeps_its_value_over_a_loss_of_power() -> None:
    rig = Rig(ODOMETER).boot().link_up()
    rig.feed(MeterRead(0, {ML: 1_000_000}))
    rig.start()
    rig.feed(MeterRead(0, {ML: 1_000_500}), 1_000)
    rig.power_cycle()
    rig.feed(MeterRead(0, {ML: 1_000_700}), 100)
    assert rig.core.taps[0].registers[ML] == 1_000_700
    assert codes(rig) == []


def test_a_leak_ends_the_session_and_is_over_a_minute_after_it_dried() -> None:
    rig = Rig().ready()
    rig.start()
    rig.feed(SensorsRead(0, {"leak": 1, "tds_ppm": 40}), 1_000)
    assert rig.of(Stopped)[0].reason is StopReason.FAULT
    for _ in range(61):
        rig.feed(SensorsRead(0, {"leak": 0, "tds_ppm": 40}), 1_000)
    assert codes(rig) == [(FaultCode.LEAK, True), (FaultCode.LEAK, False)]


def test_a_meter_that_does_not_answer_ends_the_session_after_two_seconds() -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(3)
    rig.feed(MeterFailed(0), 500)
    assert rig.open == {0}
    rig.feed(MeterFailed(0), 1_600)
    assert rig.open == set()
    assert codes(rig) == [(FaultCode.SENSOR, True)]


def test_a_fault_is_still_active_after_a_reboot() -> None:
    rig = Rig().ready()
    rig.tick(5_000)
    rig.flow(20)
    rig.power_cycle().link_up()
    rig.meter(0)
    rig.start()
    assert rig.of(Declined)[0].reason is DeclineReason.FAULT
