"""A register chained through sessions: what was billed, what was not, by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from coinslot import metering
from coinslot.metering import MeterSpec, RegisterSpec
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.differences import What
from coinslot.settlement.leakage import Chain
from coinslot.wire.ids import ApplianceId, CommandId, CustomerId, Epoch, OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register

MON, TUE, WED = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAIN = MeterSpec()
FIVE_DIGITS = MeterSpec(ml=RegisterSpec(max_per_s=1_000, unclocked=200_000, modulus=100_000))


def session(
    *readings: int,
    name: str = "s",
    state: State = State.SETTLED,
    spec: MeterSpec = PLAIN,
    charge_minor: int = 100,
    epoch: str = "ep1",
) -> Session:
    """A session whose millilitres were read so, ten seconds apart; its hold is 5.00 and its limit 10 L."""
    meter = None
    for number, ml in enumerate(readings):
        reading = metering.Reading(registers={Register.ML: ml}, boot=1, ticks_ms=number * 10_000)
        meter = metering.begin(reading) if meter is None else metering.advance(meter, reading, spec)
    return Session(
        operator=OperatorId("op"), id=SessionId(name), customer=CustomerId("c"), appliance=ApplianceId("a"),
        terminal=TerminalId("t"), outlet=0, state=state, command=CommandId("cmd"), request_key="k",
        request_hash=b"", currency="CNY", quote="{}",
        limits=msgspec.json.encode(Limits(ml=10_000, s=600, wh=1, count=1, idle_s=60)).decode(),
        hold_principal_minor=500, hold_bonus_minor=0, link=1, expires_at_ms=0, expired_at=NOON, give_up_at=NOON,
        wake_at=None, meter_spec=msgspec.json.encode(spec).decode(),
        meter=None if meter is None else metering.encode_state(meter).decode(),
        epoch=Epoch(epoch), charge_minor=charge_minor, created_at=NOON,
    )  # fmt: skip


def chain() -> Chain:
    return Chain("op", "t", 0)


def days(made: Chain) -> list[tuple[date, int, int]]:
    """Day, billed, leakage."""
    return [(flow.day, flow.billed, flow.leakage) for flow in made.flows()]


def test_what_flowed_between_two_sessions_belongs_to_the_later_ones_day() -> None:
    made = chain()
    made.session(session(1_000, 4_000), MON)
    made.session(session(4_250, 9_250), TUE)
    assert days(made) == [(MON, 3_000, 0), (TUE, 5_000, 250)]
    assert made.faults == []


def test_usage_beyond_the_limit_is_unbilled_only_where_the_hold_was_passed() -> None:
    over, within = chain(), chain()
    over.session(session(0, 5_000, 10_040, charge_minor=502), MON)
    within.session(session(0, 5_000, 10_040, charge_minor=500), MON)
    assert days(over) == [(MON, 10_000, 40)]
    assert days(within) == [(MON, 10_040, 0)]


def test_a_register_that_rolls_over_inside_and_between_sessions_is_followed() -> None:
    made = chain()
    made.session(session(97_000, 99_000, spec=FIVE_DIGITS), MON)
    made.session(session(500, 3_000, spec=FIVE_DIGITS), TUE)
    made.session(session(99_500, 99_900, 400, spec=FIVE_DIGITS), WED)
    (_, _, monday), (_, _, tuesday), (_, used, _) = days(made)
    assert (monday, tuesday, used) == (0, 1_500, 900)


def test_a_small_step_back_is_no_whole_turn_of_a_short_register() -> None:
    made = chain()
    made.session(session(50_000, 60_000, spec=FIVE_DIGITS), MON)
    made.session(session(59_000, 59_500, name="later", spec=FIVE_DIGITS), TUE)
    assert [(what, name) for what, name, _ in made.faults] == [(What.BACKWARDS, "later")]
    assert days(made)[1] == (TUE, 500, 0)


@pytest.mark.parametrize(("epoch", "faults"), [("ep1", 1), ("ep2", 0)])
def test_a_register_may_begin_anew_only_with_another_journal(epoch: str, faults: int) -> None:
    made = chain()
    made.session(session(50_000, 60_000), MON)
    made.session(session(100, 600, epoch=epoch), TUE)
    assert len(made.faults) == faults
    assert days(made)[1] == (TUE, 500, 0)


def test_nothing_is_made_of_a_first_reading_that_nobody_believes() -> None:
    made = chain()
    made.session(session(1_000_000, 1_004_000), MON)
    made.session(session(0, 1_004_000, 1_006_000), TUE)
    assert made.faults == []
    assert days(made) == [(MON, 4_000, 0), (TUE, 2_000, 0)]


def test_what_was_used_after_a_release_and_never_settled_was_not_sold() -> None:
    made = chain()
    made.session(session(0, 4_000), MON)
    made.session(session(4_000, 7_000, state=State.RELEASED), MON)
    made.session(session(7_000, 8_000), TUE)
    assert days(made) == [(MON, 4_000, 0), (TUE, 1_000, 3_000)]


def test_a_session_that_turns_up_late_takes_back_what_readings_had_shown() -> None:
    made = chain()
    made.session(session(0, 4_000), MON)
    made.reading({Register.ML: 7_100}, MON)  # its records were still on the terminal
    made.session(session(4_100, 7_100), TUE)
    assert days(made) == [(MON, 4_000, 3_100), (TUE, 3_000, -3_000)]
    assert sum(leakage for _, _, leakage in days(made)) == 100
    assert made.faults == []


def test_a_reading_while_the_outlet_is_in_use_is_no_leak() -> None:
    made = chain()
    made.session(session(0, 4_000), MON)
    made.session(session(4_000, state=State.RUNNING), MON)
    made.reading({Register.ML: 6_000}, MON)
    assert days(made) == [(MON, 4_000, 0)]


def test_readings_below_the_last_place_or_of_a_short_register_say_nothing() -> None:
    made = chain()
    made.session(session(1_000, 4_000), MON)
    made.reading({Register.ML: 3_000}, MON)
    assert days(made) == [(MON, 3_000, 0)]
    short = chain()
    short.session(session(97_000, 99_000, spec=FIVE_DIGITS), MON)
    short.reading({Register.ML: 99_500}, MON)
    assert days(short) == [(MON, 2_000, 0)]


def test_an_outlet_nobody_ever_used_can_leak_too() -> None:
    made = chain()
    made.reading({Register.ML: 1_000}, MON)
    made.reading({Register.ML: 1_600}, TUE)
    made.session(session(1_700, 2_000), WED)
    assert days(made) == [(TUE, 0, 600), (WED, 300, 100)]
