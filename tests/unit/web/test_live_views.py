"""A watched session's figures come from the bill's own rules, whatever a reading says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coinslot import metering, tariffs
from coinslot.sessions.model import Session
from coinslot.sessions.states import LIVE, State
from coinslot.tariffs.named import NAMED
from coinslot.web.live.views import Heard, Standing, view_of
from coinslot.wire.ids import ApplianceId, CommandId, CustomerId, OperatorId, SessionId, TerminalId
from coinslot.wire.registers import Register, Registers
from tests.support.using import START_ML, START_MS, meter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONLINE = Standing(link=1, boot=0, online=True)
QUOTE = tariffs.make_quote(
    NAMED["dispenser-cold"],
    tariff_id="trf_1",
    version=1,
    context=tariffs.Context(started_local=NOW.replace(tzinfo=None)),
)


def session(state: State = State.RUNNING, *, ml: int = 0, after_s: int = 0, hold_minor: int = 500) -> Session:
    kept = metering.encode_state(meter(ml, START_MS + after_s * 1000)).decode()
    return Session(
        operator=OperatorId("opr_1"),
        id=SessionId("ses_1"),
        customer=CustomerId("cus_1"),
        appliance=ApplianceId("app_1"),
        terminal=TerminalId("trm_1"),
        outlet=0,
        state=state,
        command=CommandId("cmd_1"),
        request_key="k",
        request_hash=b"",
        currency="CNY",
        quote=tariffs.encode_quote(QUOTE).decode(),
        limits='{"ml": 23809, "s": 14400, "wh": 20000, "count": 100, "idle_s": 90}',
        hold_principal_minor=hold_minor,
        hold_bonus_minor=0,
        link=1,
        expires_at_ms=15_000,
        expired_at=NOW,
        give_up_at=NOW + timedelta(days=1),
        wake_at=None,
        meter_spec="{}",
        meter=None if state in (State.AUTHORIZED, State.UNKNOWN) else kept,
        created_at=NOW,
    )


def heard(ml: int, after_s: int, *, boot: int = 0, registers: Registers | None = None) -> Heard:
    return Heard(
        boot=boot,
        ticks_ms=START_MS + after_s * 1000,
        registers=registers or {Register.ML: START_ML + ml, Register.S: after_s},
        at=NOW,
        flow_ml_per_min=2_400,
        sensors={"water_decic": 140},
    )


def test_a_reading_moves_the_stored_meter_and_is_rated_by_the_quote() -> None:
    view = view_of(session(ml=400, after_s=10), ONLINE, heard(1_400, 35))
    assert view.usage == {Register.ML: 1_400, Register.S: 35}
    assert view.charge_minor == 29  # 1.4 L at 0.21
    assert (view.released_minor, view.duration_ms, view.at) == (471, 35_000, NOW)
    assert not view.doubted


def test_without_a_reading_the_last_checkpoint_is_shown_and_no_moment() -> None:
    view = view_of(session(ml=400, after_s=10), ONLINE, None)
    assert (view.usage[Register.ML], view.at, view.duration_ms) == (400, None, 10_000)


def test_a_reading_older_than_the_checkpoint_moves_nothing() -> None:
    view = view_of(session(ml=400, after_s=10), ONLINE, heard(300, 8))
    assert (view.usage[Register.ML], view.at, view.doubted) == (400, None, False)


@pytest.mark.parametrize(
    ("registers", "why"),
    [
        ({Register.ML: START_ML - 1, Register.S: 12}, "backwards"),
        ({Register.ML: START_ML + 900_000, Register.S: 12}, "faster than any meter"),
        ({Register.S: 12}, "no meter at all"),
        ({Register.ML: 0, Register.S: 12}, "a meter that begins anew"),
    ],
)
def test_what_cannot_be_true_is_doubted_and_not_counted(registers: Registers, why: str) -> None:
    view = view_of(session(ml=400, after_s=10), ONLINE, heard(0, 12, registers=registers))
    assert view.doubted, why
    assert view.usage[Register.ML] == 400


def test_the_charge_shown_never_passes_the_hold() -> None:
    view = view_of(session(ml=400, after_s=10, hold_minor=20), ONLINE, heard(9_000, 60))
    assert view.charge_minor == view.hold_minor == 20
    assert view.released_minor == 0


@pytest.mark.parametrize("state", [State.AUTHORIZED, State.UNKNOWN])
def test_before_its_start_is_stored_a_session_has_cost_nothing(state: State) -> None:
    view = view_of(session(state), ONLINE, heard(500, 3))
    assert (view.usage, view.charge_minor, view.at) == ({}, 0, None)


@pytest.mark.parametrize("state", list(State))
def test_ended_is_what_is_not_live(state: State) -> None:
    assert view_of(session(state), ONLINE, None).ended is (state not in LIVE)
