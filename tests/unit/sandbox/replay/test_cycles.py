"""Power from a file: what is a recording of it, and that every joule passes the meter once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.sandbox.replay.cycles import Cycle, Step, playing, read_cycles
from coinslot.sandbox.replay.files import TraceError
from coinslot.sandbox.replay.recordings import read_recordings
from coinslot.sandbox.replay.running import Drawing
from coinslot.sandbox.replay.traces import Trace
from coinslot.terminal.simulated import Model, simulate
from tests.support.recordings import cycles_in, recorded_cycles
from tests.unit.terminal.test_simulated_power import Hand

HEAD = "cycle_id,t_s,mean_w\n"
WH = Drawing.fine


def written(folder: Path, text: str) -> Path:
    path = folder / "cycles.csv"
    path.write_text(text)
    return path


def test_what_a_file_holds_is_known_by_its_columns(tmp_path: Path) -> None:
    (cycle,) = read_recordings(written(tmp_path, HEAD + "7,0,9.0\n7,10,0.0\n7,40,105.4\n"))
    assert cycle == Cycle("7", (Step(0, 90), Step(40, 1_054)))
    assert (cycle.first_s, cycle.last_s, cycle.duration_s, cycle.joules) == (0, 40, 50, 1_144)
    (trace,) = read_recordings(written(tmp_path, "event_id,t_s,ml\n1,0,5\n"))
    assert isinstance(trace, Trace)


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("cycle_id,t_s\n1,0\n", "line 1", "no column `mean_w`"),
        ("t_s,mean_w\n0,1\n", "line 1", "no column `cycle_id`"),
        ("cycle_id,kind,duration_s,energy_wh\n0,washer,2805,217.0\n", "line 1", "cycles with their totals"),
        (HEAD, "cycles.csv", "a header and no rows"),
        (HEAD + "1,0,9.25\n", "line 2", "`mean_w` is '9.25', no number of watts"),
        (HEAD + "1,0,-1\n", "line 2", "`mean_w` is '-1', no number of watts"),
        (HEAD + "1,0,nan\n", "line 2", "`mean_w` is 'nan'"),
        (HEAD + "1,0,1e3\n", "line 2", "`mean_w` is '1e3'"),
        (HEAD + "1,0,٣\n", "line 2", "`mean_w` is '٣'"),
        (HEAD + "1,0,36000.1\n", "line 2", "above the most, 36000"),
        (HEAD + "1,5,9\n", "line 2", "`t_s` is 5, no multiple of 10"),
        (HEAD + "1,10,9\n1,0,9\n", "line 3", "`t_s` is 0, not later than the 10"),
        (HEAD + "1,0,9\n2,0,9\n1,10,9\n", "line 4", "`cycle_id` 1 comes again"),
        (HEAD + "1,0,0.0\n", "cycles.csv", "`mean_w` is 0 in every row"),
    ],
)
def test_a_mistake_is_named_with_its_line_field_and_reason(
    tmp_path: Path, text: str, where: str, reason: str
) -> None:
    with pytest.raises(TraceError) as caught:
        read_recordings(written(tmp_path, text))
    assert caught.value.where.endswith(where)
    assert reason in caught.value.reason
    assert caught.value.remedy


@given(
    steps=st.dictionaries(st.integers(0, 30), st.integers(1, 40_000), min_size=1, max_size=8),
    looks=st.lists(st.integers(0, 330_000), max_size=20),
)
def test_every_joule_passes_once_whenever_it_is_looked_at(steps: dict[int, int], looks: list[int]) -> None:
    cycle = Cycle("x", tuple(Step(at * 10, steps[at]) for at in sorted(steps)))
    drawing = Drawing(cycle, origin_ms=500)
    seen = [drawing.passed(500 + look) for look in sorted(looks)]
    assert seen == sorted(seen)
    assert drawing.passed(499) == 0
    for step in cycle.steps:
        begin_ms = 500 + step.t_s * 1000
        assert drawing.passed(begin_ms + 9_999) - drawing.passed(begin_ms - 1) == step.dw * 10_000
    end_ms = 500 + (cycle.last_s + 10) * 1000 - 1
    assert drawing.passed(end_ms) == drawing.passed(end_ms + 10**9) == cycle.joules * 10_000
    assert cycle.joules * 10_000 * 3_600 == cycle.joules * WH


def test_a_simulated_appliance_plays_a_recorded_cycle_to_the_joule_and_then_rests() -> None:
    cycle = Cycle("x", (Step(20, 4_000), Step(50, 21_115)))
    clock = Hand()
    socket = simulate(Model.DRYER, clock, curve=playing([cycle])).sockets[0]
    socket.open()
    seen = []
    for now_ms in (0, 9_999, 10_000, 29_999, 30_000, 40_000, 9_000_000):
        clock.now_ms = now_ms
        seen.append(socket.power_mw)
    assert seen == [400_000, 400_000, 0, 0, 2_111_500, 0, 0]
    assert socket.drawn_uj == cycle.joules * 1_000_000


def test_81_recorded_cycles_are_read_whole() -> None:
    file = recorded_cycles()
    cycles = read_cycles(file)
    assert len(cycles) == 81
    assert {cycle.event_id: (cycle.joules, cycle.duration_s) for cycle in cycles} == {
        cycle_id: (cycle.joules, cycle.seconds) for cycle_id, cycle in cycles_in(file).items()
    }
