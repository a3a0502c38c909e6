"""Failure switches: on for one operation or all, for some times or until turned off."""

from __future__ import annotations

from coinslot.sandbox.providers.switches import Failure, Switches


def test_a_switch_is_on_for_its_operation_alone() -> None:
    switches = Switches()
    switches.turn_on(Failure.RATE_LIMIT, on="create")
    assert switches.take(Failure.RATE_LIMIT, "query") is None
    assert switches.take(Failure.SERVER_ERROR, "create") is None
    assert switches.take(Failure.RATE_LIMIT, "create") is not None


def test_a_switch_for_all_is_on_for_each() -> None:
    switches = Switches()
    switches.turn_on(Failure.RATE_LIMIT)
    assert all(switches.take(Failure.RATE_LIMIT, on) for on in ("create", "query", "close"))


def test_a_switch_for_some_times_turns_itself_off() -> None:
    switches = Switches()
    switches.turn_on(Failure.RATE_LIMIT, times=2)
    assert [switches.take(Failure.RATE_LIMIT, "x") is not None for _ in range(3)] == [True, True, False]
    assert switches.armed() == ()


def test_one_or_all_are_turned_off() -> None:
    switches = Switches()
    switches.turn_on(Failure.RATE_LIMIT)
    switches.turn_on(Failure.SERVER_ERROR)
    switches.turn_off(Failure.RATE_LIMIT)
    assert [armed.failure for armed in switches.armed()] == [Failure.SERVER_ERROR]
    switches.turn_off()
    assert switches.armed() == ()


def test_a_switch_may_hold_a_number() -> None:
    armed = Switches().turn_on(Failure.NOTIFY_LATE, value="120")
    assert armed.number(600) == 120
    assert Switches().turn_on(Failure.NOTIFY_LATE).number(600) == 600
