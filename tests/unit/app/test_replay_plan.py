"""What is asked of a replay is checked before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coinslot.app.errors import Problem
from coinslot.app.replay_plan import Pay, Plan, Way, Where, find_tariff, make_plan, parse_speed
from coinslot.app.replay_results import Played, add_up
from coinslot.sandbox.replay.appliance import Kind
from tests.support.recordings import Shower, fen_by_hand


def plan(
    folder: Path, *, tariff: str = "shower-litre", speed: str = "max", terminals: int | None = None
) -> Plan:
    trace = folder / "trace.csv"
    rows = "".join(f"{event},0,5\n" for event in range(12))
    trace.write_text("event_id,t_s,ml\n" + rows)
    return make_plan(trace, kind=Kind.SHOWER, tariff=tariff, speed=parse_speed(speed), terminals=terminals)


def test_as_many_terminals_as_are_useful(tmp_path: Path) -> None:
    assert plan(tmp_path).terminals == 8
    assert plan(tmp_path, speed="60").terminals == 1
    assert plan(tmp_path, speed="60", terminals=3).terminals == 3
    assert plan(tmp_path, terminals=64).terminals == 12


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("1", 1.0), ("0.5", 0.5), ("1000", 1000.0)])
def test_a_speed(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "nan", "inf", "1e9"])
def test_no_speed(text: str) -> None:
    with pytest.raises(Problem, match="--speed cannot be"):
        parse_speed(text)


def test_a_tariff_by_name_or_from_a_file(tmp_path: Path) -> None:
    assert find_tariff("shower-30s")[0] == "shower-30s"
    file = tmp_path / "evening.json"
    body = {"currency": "CNY", "hold": "2.00", "minimum_start": "1.00"}
    rate = {"register": "ml", "per": 1000, "price": "0.05"}
    file.write_text(json.dumps(body | {"rates": [rate]}))
    name, tariff = find_tariff(str(file))
    assert (name, tariff.hold) == ("evening", "2.00")
    assert plan(tmp_path, tariff=str(file)).balance_minor == 200
    assert plan(tmp_path).balance_minor == 500


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{", "evening.json"),
        ('{"currency": "CNY"}', "rates"),
        ('{"currency": "CNY", "hold": "1.00", "rates": [{"register": "wh", "price": "1"}]}', "prices `wh`"),
    ],
)
def test_a_tariff_that_cannot_be_used(tmp_path: Path, body: str, complaint: str) -> None:
    file = tmp_path / "evening.json"
    file.write_text(body)
    with pytest.raises(Problem, match=complaint):
        find_tariff(str(file))


def test_a_tariff_by_the_load_has_nothing_to_go_by() -> None:
    with pytest.raises(Problem, match="wash-load prices `count`"):
        find_tariff("wash-load")


def test_no_such_tariff_names_those_there_are() -> None:
    with pytest.raises(Problem, match="shower-litre"):
        find_tariff("shower-liter")


def test_totals_count_what_came_and_what_did_not() -> None:
    good = Played(
        event_id="1", recorded_ml=900, recorded_s=60, register_ml=800, charge_minor=4, held_minor=500,
        captured_minor=4, released_minor=496, state="settled", end="limit", cut_by_hold=True,
    )  # fmt: skip
    lost = Played(event_id="2", recorded_ml=100, recorded_s=5, state="not started", problem="no answer")
    doubted = Played(
        event_id="3", recorded_ml=1, recorded_s=1, state="settled", end="key", problem="in review"
    )
    totals = add_up([good, lost, doubted])
    assert (totals.events, totals.settled, totals.failed, totals.cut_by_hold) == (3, 1, 2, 1)
    assert (totals.recorded_ml, totals.register_ml, totals.recorded_s) == (1_001, 800, 66)
    assert (totals.held_minor, totals.captured_minor, totals.released_minor) == (500, 4, 496)
    assert totals.ends == {"failed": 2, "limit": 1}


@pytest.mark.parametrize(
    ("tariff", "ml", "seconds", "fen"),
    [
        ("shower-litre", 10_000, 200, 45),  # 10 L at 4.5 fen
        ("shower-litre", 17_700, 230, 80),  # 79.65
        ("shower-litre", 111, 1, 0),  # 0.4995: below the half
        ("shower-litre", 1_000, 9, 5),  # 4.5: the half goes up
        ("shower-litre", 83_192, 600, 374),  # 374.364
        ("dispenser-litre", 500, 12, 11),  # 10.5
        ("dispenser-litre", 23_809, 300, 500),  # 499.989
        ("shower-30s", 5_000, 1, 8),
        ("shower-30s", 5_000, 30, 8),
        ("shower-30s", 5_000, 31, 16),
        ("shower-30s", 5_000, 247, 72),  # nine started half minutes
    ],
)
def test_the_figures_worked_out_by_hand(tariff: str, ml: int, seconds: int, fen: int) -> None:
    assert fen_by_hand(tariff, Shower("x", ml, 3, 3 + seconds - 1)) == fen


@pytest.mark.parametrize(
    ("rows", "kind", "tariff", "complaint"),
    [
        (
            "cycle_id,t_s,mean_w\n1,0,9\n",
            Kind.SHOWER,
            None,
            "--kind shower does not fit: the recording is one of power",
        ),
        (
            "event_id,t_s,ml\n1,0,9\n",
            Kind.SOCKET,
            None,
            "--kind socket does not fit: the recording is one of flow",
        ),
        (
            "event_id,t_s,ml\n1,0,9\n",
            None,
            "hotel-dryer",
            "hotel-dryer prices `wh`, which a recording of flow",
        ),
        (
            "cycle_id,t_s,mean_w\n1,0,9\n",
            None,
            "shower-litre",
            "shower-litre prices `ml`, which a recording of power",
        ),
        ("cycle_id,kind,duration_s,energy_wh\n1,dryer,9,9\n", None, None, "cycles with their totals"),
    ],
)
def test_what_does_not_fit_a_recording_is_said_before_anything_starts(
    rows: str, kind: Kind | None, tariff: str | None, complaint: str, tmp_path: Path
) -> None:
    source = tmp_path / "recording.csv"
    source.write_text(rows)
    with pytest.raises(Problem, match=complaint):
        make_plan(source, kind=kind, tariff=tariff, speed=None, terminals=None)


def test_guests_buy_the_package_they_are_told_to_or_the_one_that_gives_the_rest_back(tmp_path: Path) -> None:
    source = tmp_path / "recording.csv"
    source.write_text("cycle_id,t_s,mean_w\n1,0,9\n")

    def bought(
        *,
        pay: Pay = Pay.DIRECT,
        package: str | None = None,
        tariff: str | None = None,
        where: Where = Where.OWN,
    ) -> str:
        return make_plan(
            source, pay=pay, package=package, tariff=tariff, where=where, speed=None, terminals=None
        ).package

    assert (bought(), bought(package="min-60"), bought(pay=Pay.WALLET)) == ("by-use", "min-60", "")
    with pytest.raises(Problem, match="no package 'min-61'"):
        bought(package="min-61")
    with pytest.raises(Problem, match="hair-dryer-10min sells no packages"):
        bought(tariff="hair-dryer-10min")
    with pytest.raises(Problem, match="--package is what guests buy"):
        bought(pay=Pay.WALLET, package="by-use")
    with pytest.raises(Problem, match="providers of the replay's own"):
        bought(where=Where.GIVEN)


# ---------------------------------------------------------------- the way of beginning


def by(
    folder: Path,
    way: Way,
    *,
    credit: str | None = None,
    tariff: str = "shower-litre",
    kind: Kind | None = None,
    pay: Pay = Pay.WALLET,
) -> Plan:
    trace = folder / "trace.csv"
    trace.write_text("event_id,t_s,ml\n1,0,5\n")
    return make_plan(
        trace, kind=kind, tariff=tariff, speed=None, terminals=None, pay=pay, way=way, credit=credit
    )


def test_a_code_without_a_link_has_a_credit_and_its_customer_the_money_for_it(tmp_path: Path) -> None:
    assert by(tmp_path, Way.OFFLINE).credit_minor == 300
    assert by(tmp_path, Way.OFFLINE, credit="0.50", tariff="shower-30s").credit_minor == 50
    rich = by(tmp_path, Way.OFFLINE, credit="5.00", tariff="hair-dryer-10min")
    assert (rich.credit_minor, rich.balance_minor) == (500, 500)
    assert by(tmp_path, Way.KEYPAD).credit_minor == 0


@pytest.mark.parametrize(
    ("credit", "tariff", "complaint"),
    [
        ("three", "shower-litre", "--credit: .*not a plain decimal amount"),
        ("0", "shower-litre", "--credit cannot be 0"),
        ("5.01", "shower-litre", "--credit cannot be 5.01"),
        ("0.01", "shower-30s", "no code without a link can be had"),
    ],
)
def test_no_credit(tmp_path: Path, credit: str, tariff: str, complaint: str) -> None:
    with pytest.raises(Problem, match=complaint):
        by(tmp_path, Way.OFFLINE, credit=credit, tariff=tariff)


def test_ways_that_do_not_go_with_what_else_was_asked(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="guests pay on the appliance"):
        by(tmp_path, Way.KEYPAD, pay=Pay.DIRECT)
    with pytest.raises(Problem, match="needs a keypad"):
        by(tmp_path, Way.OFFLINE, kind=Kind.FAUCET)
    with pytest.raises(Problem, match="--credit is what"):
        by(tmp_path, Way.SCAN, credit="3.00")
