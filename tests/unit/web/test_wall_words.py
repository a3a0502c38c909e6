"""The wall's words and figures: a status for every condition, a vessel for every amount, both languages."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from coinslot.web.pages.languages import Language, words
from coinslot.web.wall import showing
from coinslot.web.wall.port import ApplianceShown, CounterRefusal, Paid, TapShown, Trouble
from coinslot.web.wall.tour import STEPS
from coinslot.wire.ids import TerminalId

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
    said += [text for step in STEPS for text in (step.title, step.text)]
    for text in said:
        assert ZH.gettext(text) != text


def test_the_tour_has_at_most_six_steps() -> None:
    assert 1 <= len(STEPS) <= 6
    assert len({step.id for step in STEPS}) == len(STEPS)


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
