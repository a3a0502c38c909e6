"""The wall's words and figures: a status for every condition, a vessel for every amount, both languages."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from coinslot.terminal.views import Phase, View
from coinslot.web.pages.languages import Language, words
from coinslot.web.wall import bath_views, room_views, showing
from coinslot.web.wall.baths import StallShown
from coinslot.web.wall.port import ApplianceShown, CounterRefusal, Facts, Paid, TapShown, Trouble
from coinslot.web.wall.rooms import RoomShown, RoomTrouble
from coinslot.web.wall.tour import TOURS
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import PackageOffered
from coinslot.wire.registers import Register

EN, ZH = words(Language.EN), words(Language.ZH)
TAP = TapShown(
    outlet=0,
    name="Cold",
    lines=("Scan or enter code", ""),
    valve_open=False,
    flow_ml_per_min=0,
    glass_ml=0,
    tank_permille=900,
    in_use=False,
    out_of_order=False,
)
ONE = ApplianceShown(
    terminal=TerminalId("trm_1"),
    kind="dispenser",
    name="Dispenser 1",
    site="North Hall",
    code="7KQ2M4XR",
    path="/m/7KQ2M4XR.0123456789ab",
    online=True,
    powered=True,
    troubles=(),
    taps=(TAP, replace(TAP, outlet=1, name="Boiling")),
)
USED = replace(TAP, in_use=True, valve_open=True, flow_ml_per_min=2_400, glass_ml=250)


@pytest.mark.parametrize(
    ("one", "word", "tone"),
    [
        (ONE, "free", ""),
        (replace(ONE, taps=(USED, TAP)), "in use", "run"),
        (replace(ONE, taps=(TAP, replace(TAP, out_of_order=True))), "out of order", "warn"),
        (replace(ONE, taps=(USED, replace(TAP, out_of_order=True))), "in use", "run"),
        (replace(ONE, online=False, taps=(USED, TAP)), "offline", "bad"),
        (replace(ONE, online=False, powered=False), "no power", "bad"),
    ],
)
def test_the_status_says_what_matters_most(one: ApplianceShown, word: str, tone: str) -> None:
    view = showing.appliance(one, EN)
    assert (view.word, view.tone) == (word, tone)
    assert showing.appliance(one, ZH).word != word


@pytest.mark.parametrize(
    ("glass_ml", "vessel", "fill"),
    [
        (0, "0.5 L", 0),
        (250, "0.5 L", 500),
        (500, "0.5 L", 1000),
        (501, "5 L", 100),
        (50_000, "50 L", 1000),
        (99_999, "50 L", 1000),
    ],
)
def test_what_runs_out_finds_a_vessel_that_holds_it(glass_ml: int, vessel: str, fill: int) -> None:
    view = showing.appliance(replace(ONE, taps=(replace(TAP, glass_ml=glass_ml),)), EN).taps[0]
    assert (view.vessel, view.fill) == (vessel, fill)


def test_usual_names_of_taps_are_translated_and_others_stay() -> None:
    taps = showing.appliance(replace(ONE, taps=(TAP, replace(TAP, name="Tap 7"))), ZH).taps
    assert [tap.name for tap in taps] == ["冷水", "Tap 7"]


def test_every_trouble_and_every_refusal_has_words_in_both_languages() -> None:
    assert set(showing.TROUBLES) == set(Trouble)
    said = [text for pair in showing.TROUBLES.values() for text in pair]
    said += [showing.refusal_of(reason)[1] for reason in CounterRefusal]
    said += [text for tour in TOURS for text in (tour.name, tour.done)]
    said += [text for tour in TOURS for step in tour.steps for text in (step.title, step.text)]
    assert set(room_views.ROOM_TROUBLES) == set(RoomTrouble)
    said += [text for pair in room_views.ROOM_TROUBLES.values() for text in pair]
    said += [*room_views.PHASES.values(), *room_views.PROVIDERS.values()]
    for text in said:
        assert ZH.gettext(text) != text


def test_a_tour_has_at_most_six_steps_and_ticks_by_figures_that_there_are() -> None:
    for tour in TOURS:
        assert 1 <= len(tour.steps) <= 6
        assert {step.fact for step in tour.steps} - {""} <= set(Facts.__struct_fields__)
    ids = [step.id for tour in TOURS for step in tour.steps]
    assert len(set(ids)) == len(ids)


# ---------------------------------------------------------------- the bathroom

STALL = StallShown(
    terminal=TerminalId("trm_5"),
    outlet=1,
    name="淋浴间 4 · Stall 4",
    site="Bathhouse",
    room="East room",
    code="7KQ2M4XR",
    path="/m/7KQ2M4XR.0123456789ab",
    columns=20,
    lines=("Scan or enter code", "", "", ""),
    beside=("淋浴间 3 · Stall 3",),
    online=True,
    powered=True,
    troubles=(),
    valve_open=False,
    flow_ml_per_min=0,
    poured_ml=0,
    in_use=False,
    paused=False,
    out_of_order=False,
)


@pytest.mark.parametrize(
    ("one", "word", "tone"),
    [
        (STALL, "free", ""),
        (replace(STALL, in_use=True), "in use", "run"),
        (replace(STALL, in_use=True, paused=True), "paused", "run"),
        (replace(STALL, out_of_order=True), "out of order", "warn"),
        (replace(STALL, online=False), "offline", "bad"),
        (replace(STALL, online=False, in_use=True), "in use, offline", "bad"),
        (replace(STALL, online=False, in_use=True, paused=True), "paused, offline", "bad"),
        (replace(STALL, online=False, powered=False), "no power", "bad"),
    ],
)
def test_a_stalls_status_says_what_matters_most(one: StallShown, word: str, tone: str) -> None:
    view = bath_views.stall(one, EN)
    assert (view.word, view.tone) == (word, tone)
    assert bath_views.stall(one, ZH).word != word


def test_a_stall_is_known_by_its_outlet_and_names_those_of_its_board() -> None:
    shown = replace(STALL, valve_open=True, flow_ml_per_min=9_000, poured_ml=4_320)
    view = bath_views.stall(shown, EN)
    assert (view.id, view.litres, view.flows, view.valve) == ("trm_5-1", "4.3 L", True, "Valve open")
    assert bath_views.beside_words(STALL, Language.EN) == "Stall 3"
    assert bath_views.beside_words(STALL, Language.ZH) == "淋浴间 3"


# ---------------------------------------------------------------- the hotel

SANDBOX = "http://127.0.0.1:8090"
MENU = View(
    phase=Phase.CHOOSE,
    currency="CNY",
    packages=(
        PackageOffered(package="min-30", title="30 分钟 · 30 min", price_minor=500),
        PackageOffered(package="by-use", title="Fresh air", price_minor=1_000, by_use=True),
    ),
    providers=("wechat", "unionpay"),
)
ROOM = RoomShown(
    terminal=TerminalId("trm_8"),
    outlet=0,
    model="dryer",
    name="烘干机 · Dryer",
    site="Hotel",
    room="801",
    code="7KQ2M4XR",
    online=True,
    powered=True,
    troubles=(),
    running=False,
    power_w=0,
    in_use=False,
    out_of_order=False,
    view=MENU,
)
QR = View(phase=Phase.QR, provider="wechat", qr=f"{SANDBOX}/pay/x", amount_minor=500, left_s=65)


@pytest.mark.parametrize(
    ("one", "word", "tone"),
    [
        (ROOM, "free", ""),
        (replace(ROOM, in_use=True), "in use", "run"),
        (replace(ROOM, out_of_order=True), "out of order", "warn"),
        (replace(ROOM, online=False, in_use=True), "offline", "bad"),
        (replace(ROOM, powered=False, online=False, view=None), "no power", "bad"),
    ],
)
def test_a_rooms_status_says_what_matters_most(one: RoomShown, word: str, tone: str) -> None:
    view = room_views.room(one, SANDBOX, EN)
    assert (view.word, view.tone) == (word, tone)


def test_a_menu_speaks_one_language_and_names_deposits() -> None:
    english, chinese = (room_views.room(ROOM, SANDBOX, words).glass for words in (EN, ZH))
    assert "<b>30 min</b><i>¥5.00</i>" in english
    assert "<b>Fresh air</b><i>¥10.00 <small>deposit</small></i>" in english
    assert "<b>30 分钟</b>" in chinese
    assert ("WeChat Pay" in english, "微信支付" in chinese, "unionpay" in chinese) == (True, True, True)


def test_what_turns_and_glows_follows_the_power_and_a_blocked_drum_stands() -> None:
    running = replace(ROOM, running=True, power_w=2_509)
    view = room_views.room(running, SANDBOX, EN)
    assert (view.runs, view.hot, view.power) == (True, True, "2,509 W")
    blocked = room_views.room(replace(running, power_w=1_100, troubles=(RoomTrouble.BLOCKED,)), SANDBOX, EN)
    assert (blocked.runs, blocked.hot) == (False, False)
    assert not room_views.room(replace(running, power_w=0), SANDBOX, EN).runs


@pytest.mark.parametrize(
    ("qr", "payers_at", "there"),
    [
        (f"{SANDBOX}/pay/x", SANDBOX, True),
        (f"{SANDBOX}/pay/x", "", False),
        ("weixin://wxpay/bizpayurl?pr=x", SANDBOX, False),
        ("http://127.0.0.1:80900/pay/x", SANDBOX, False),
        ("javascript:alert(1)", SANDBOX, False),
        ("http://127.0.0.1:8090@elsewhere.example/pay", SANDBOX, False),
    ],
)
def test_only_a_page_of_the_sandbox_is_opened_beside_the_wall(qr: str, payers_at: str, there: bool) -> None:
    view = room_views.room(replace(ROOM, view=replace(QR, qr=qr)), payers_at, EN)
    assert ("data-payer" in view.glass) is there
    assert (view.phase, view.left) == ("qr", "1:05")


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_a_display_that_seals_its_forms_and_escapes_what_it_shows(phase: Phase) -> None:
    shown = replace(
        QR, phase=phase, text="<b>x", packages=MENU.packages, provider="<i>", usage={Register.WH: 3}
    )
    view = room_views.room(replace(ROOM, view=shown, name='"><img>'), SANDBOX, EN)
    assert "<b>x" not in view.glass
    assert "<img" not in view.glass
    assert "style" not in view.glass
    filled = room_views.filled(view, "sealed-text")
    assert 'name="form" value=""' not in filled
    assert filled.count('value="sealed-text"') == view.glass.count("<form")


@pytest.mark.parametrize(
    ("paid", "text"),
    [
        (Paid(amount_minor=5_00, balance_minor=5_00), "Paid ¥5.00. The balance is ¥5.00."),
        (
            Paid(amount_minor=5_00, balance_minor=4_50, repaid_minor=50),
            "Paid ¥5.00, of which ¥0.50 settled what was owed. The balance is ¥4.50.",
        ),
        (
            Paid(amount_minor=5_00, balance_minor=5_00, again=True),
            "This payment of ¥5.00 was made before. The balance is ¥5.00.",
        ),
    ],
)
def test_the_counter_says_what_it_took_and_what_there_is_now(paid: Paid, text: str) -> None:
    assert showing.paid_text(paid, "CNY", EN) == text
    assert "%" not in showing.paid_text(paid, "CNY", ZH)


def test_a_qr_brings_its_quiet_zone_and_no_style_that_the_policy_forbids() -> None:
    svg = showing.qr("http://127.0.0.1:8080/m/7KQ2M4XR.0123456789ab")
    assert svg.startswith('<svg viewBox="0 0 41 41"')
    assert "style" not in svg
    assert 'd="M4 4.5' in svg
