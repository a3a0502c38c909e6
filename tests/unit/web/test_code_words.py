"""Codes in words and figures: how they are read out, what becomes of them, why there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot.sessions.states import State
from coinslot.settlement.codes.model import CodeRefusal, CodeRefused, CodeState, CodeView, Scope
from coinslot.settlement.offline.model import OfflineCode, OfflineRefusal, OfflineState
from coinslot.web.customer import code_words, friend, offline_text
from coinslot.web.customer.amounts import WrongAmount
from coinslot.web.customer.code_text import Phase, Place, code_text, groups, phase_of
from coinslot.web.customer.live_text import Phase as LivePhase
from coinslot.web.customer.live_text import phase_of as live_phase_of
from coinslot.web.customer.offline_text import OfflinePhase
from coinslot.web.live.views import LiveView
from coinslot.web.pages.languages import Language
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, SiteId, TerminalId
from coinslot.wire.messages import Limits
from tests.unit.web.test_customer_words import Speaker

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PLACE = Place(
    appliance="Shower 5",
    code="ABC",
    site="North Hall",
    room="3F",
    timezone="UTC",
    currency="CNY",
    operator="Campus",
    help_phone="",
    pause_s=300,
)
CODE = CodeView(
    code_id="cod_1",
    digits="40719255",
    scope=Scope.OUTLET,
    operator=OperatorId("opr_1"),
    customer=CustomerId("cus_1"),
    terminal=TerminalId("trm_1"),
    outlet=0,
    appliance=ApplianceId("app_1"),
    room="3F",
    site=SiteId("sit_1"),
    for_friend=False,
    cap_minor=None,
    created_at=NOW - timedelta(minutes=4),
    expires_at=NOW + timedelta(minutes=6),
    state=CodeState.LIVE,
    session=None,
)
ROOMS = replace(CODE, digits="407192553", scope=Scope.ROOM, appliance=None, terminal=None, outlet=None)
FRIENDS = replace(CODE, for_friend=True, cap_minor=5_00)
OFFLINE = OfflineCode(
    session=SessionId("off_1_2"),
    digits="123456789",
    state=OfflineState.LIVE,
    operator=CODE.operator,
    customer=CODE.customer,
    appliance=ApplianceId("app_1"),
    terminal=TerminalId("trm_1"),
    outlet=0,
    site=CODE.site,
    credit_minor=5_00,
    currency="CNY",
    link_down=True,
    made_at=NOW - timedelta(hours=1),
    expires_at=NOW + timedelta(hours=1),
)


@pytest.mark.parametrize(
    ("digits", "shown"),
    [
        ("40719255", ("4071", "9255")),
        ("407192553", ("407", "192", "553")),
        ("407192553001", ("4071", "9255", "3001")),
        ("12345", ("12345",)),
        ("", ()),
    ],
)
def test_digits_are_shown_in_groups_that_can_be_said(digits: str, shown: tuple[str, ...]) -> None:
    assert tuple(part for part in groups(digits) if part) == shown


def test_a_live_code_says_what_it_opens_and_how_long() -> None:
    text = code_text(Speaker(), CODE, PLACE, NOW)  # type: ignore[arg-type]
    assert (text.phase, text.groups, text.left, text.percent) == (Phase.LIVE, ("4071", "9255"), "6:00", 60)
    assert (text.detail, text.where) == ("Shower 5", "North Hall · 3F")
    assert (text.notes, text.share) == ((), "")
    room = code_text(Speaker(), ROOMS, PLACE, NOW)  # type: ignore[arg-type]
    assert room.detail == "Any free shower"


def test_a_code_whose_time_is_over_is_shown_so_whoever_noted_it() -> None:
    late = CODE.expires_at
    assert phase_of(CODE, late - timedelta(milliseconds=1)) is Phase.LIVE
    assert phase_of(CODE, late) is Phase.EXPIRED
    text = code_text(Speaker(), CODE, PLACE, late)  # type: ignore[arg-type]
    assert (text.groups, text.left_ms, text.where) == ((), 0, "")


def test_a_long_code_and_a_friends_say_what_is_special() -> None:
    long = code_text(Speaker(), replace(CODE, digits="407192553001", scope=Scope.LONG), PLACE, NOW)  # type: ignore[arg-type]
    assert "twelve digits" in long.notes[0]
    given = code_text(Speaker(), FRIENDS, PLACE, NOW)  # type: ignore[arg-type]
    assert "¥5.00" in given.notes[0]
    for part in ("4071 9255", "North Hall · 3F · Shower 5", "¥5.00", "12:06"):
        assert part in given.share, part


@pytest.mark.parametrize("language", list(Language))
def test_every_refusal_has_words_in_both_languages(language: Language) -> None:
    speaker = Speaker(language)
    told = {
        reason: code_words.refusal_words(speaker, CodeRefused(reason=reason), "CNY", "UTC")  # type: ignore[arg-type]
        for reason in CodeRefusal
    }
    assert len(set(told.values())) == len(told)
    assert set(offline_text.REFUSALS) == set(OfflineRefusal)


def test_a_refusal_names_its_figures_and_when_it_ends() -> None:
    poor = CodeRefused(reason=CodeRefusal.NO_BALANCE, needed_minor=1_00, balance_minor=30)
    said = code_words.refusal_words(Speaker(), poor, "CNY", "UTC")  # type: ignore[arg-type]
    assert "¥0.30" in said
    assert "¥1.00" in said
    assert said.endswith("Nothing was held.")
    shut = CodeRefused(reason=CodeRefusal.OUT_OF_HOURS, again_at=NOW)
    assert "2026-05-01 12:00" in code_words.refusal_words(Speaker(), shut, "CNY", "UTC")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cap", "own", "answer"),
    [
        ("2", "", 2_00),
        ("2", "3.5", 3_50),
        ("2", "３元", 3_00),
        ("", "0.10", "A use there takes at least %(least)s."),
        ("2", "99", "You have %(most)s: choose a limit up to that."),
    ],
)
def test_a_friends_limit_is_between_a_start_and_the_balance(cap: str, own: str, answer: int | str) -> None:
    typed = friend.Typed(cap=cap, own=own)
    assert friend.read_cap(typed, "CNY", least_minor=50, most_minor=20_00) == answer


@pytest.mark.parametrize("own", ["", "two", "1.234", "-2", "1e3"])
def test_what_is_no_amount_is_no_limit(own: str) -> None:
    with pytest.raises(WrongAmount):
        friend.read_cap(friend.Typed(own=own), "CNY", least_minor=50, most_minor=20_00)


def test_limits_are_offered_in_the_currencys_own_units() -> None:
    assert friend.caps("CNY") == [2_00, 5_00, 10_00]
    assert friend.caps("JPY") == [2, 5, 10]


@pytest.mark.parametrize(
    ("state", "after", "phase"),
    [
        (OfflineState.LIVE, timedelta(0), OfflinePhase.LIVE),
        (OfflineState.LIVE, timedelta(hours=1), OfflinePhase.ENDING),
        (OfflineState.ENDING, timedelta(hours=22), OfflinePhase.ENDING),
        (OfflineState.ENDING, timedelta(hours=24), OfflinePhase.REVIEW),
        (OfflineState.USED, timedelta(days=3), OfflinePhase.USED),
        (OfflineState.RETURNED, timedelta(days=3), OfflinePhase.RETURNED),
    ],
)
def test_a_code_without_link_is_followed_until_it_is_accounted_for(
    state: OfflineState, after: timedelta, phase: OfflinePhase
) -> None:
    text = offline_text.offline_text(Speaker(), replace(OFFLINE, state=state), NOW + after)  # type: ignore[arg-type]
    assert text.phase is phase
    assert bool(text.groups) is (phase is OfflinePhase.LIVE)
    assert phase is OfflinePhase.USED or "¥5.00" in text.detail
    assert phase is not OfflinePhase.RETURNED or "¥5.00" in text.title


@pytest.mark.parametrize(
    ("after", "phase"),
    [(timedelta(0), OfflinePhase.TAKEN_BACK), (timedelta(hours=24), OfflinePhase.REVIEW)],
)
def test_one_taken_back_says_when_its_money_returns_until_a_person_looks(
    after: timedelta, phase: OfflinePhase
) -> None:
    code = replace(OFFLINE, state=OfflineState.ENDING, taken_back=True, digits="")
    text = offline_text.offline_text(Speaker(), code, NOW + after)  # type: ignore[arg-type]
    assert (text.phase, text.groups, text.kind) == (phase, (), "warn")
    assert "¥5.00" in text.detail


def test_a_code_that_lost_its_digits_is_not_shown_as_one_to_type() -> None:
    assert offline_text.phase_of(replace(OFFLINE, digits=""), NOW) is OfflinePhase.ENDING


@pytest.mark.parametrize(
    ("state", "valve_open", "pause_s", "phase"),
    [
        (State.RUNNING, False, 300, LivePhase.PAUSED),
        (State.RUNNING, True, 300, LivePhase.RUNNING),
        (State.RUNNING, None, 300, LivePhase.RUNNING),
        (State.RUNNING, False, 0, LivePhase.RUNNING),
        (State.STOPPING, False, 300, LivePhase.STOPPING),
        (State.PROMISED, None, 300, LivePhase.PROMISED),
    ],
)
def test_a_shut_valve_in_a_use_that_may_be_paused_is_a_pause(
    state: State, valve_open: bool | None, pause_s: int, phase: LivePhase
) -> None:
    view = LiveView(
        session="ses_1",
        state=state,
        currency="CNY",
        usage={},
        charge_minor=0,
        hold_minor=5_00,
        limit=Limits(ml=1, s=1, wh=1, count=1, idle_s=90, pause_s=pause_s),
        duration_ms=0,
        flow_ml_per_min=None,
        valve_open=valve_open,
        sensors={},
        at=NOW,
        online=True,
        stop_asked=False,
        doubted=False,
    )
    assert live_phase_of(view) is phase
