"""145 recorded showers, second by second, through a meter: all of it counted, none of it doubted.

Showers: WEUSEDTO-Data (Di Mauro, Venticinque, Santonastaso, Di Nardo), CC BY 4.0.
"""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest

from coinslot.metering import DEFAULT_SPEC, Reading, advance, begin, finish
from coinslot.wire.registers import Register
from tests.support.recordings import recorded_showers

ODOMETER_ML = 123_456_789


@pytest.mark.parametrize("every_s", [1, 10, 60])
def test_a_recorded_shower_is_counted_whole(every_s: int) -> None:
    recording = recorded_showers()
    showers: dict[str, dict[int, int]] = defaultdict(dict)
    with recording.open(newline="") as file:
        for row in csv.DictReader(file):
            showers[row["event_id"]][int(row["t_s"])] = int(row["ml"])
    assert len(showers) == 145
    for flow in showers.values():
        last, ml = max(flow) + 1, ODOMETER_ML
        state = begin(_reading(0, ml))
        for second in range(1, last + 1):
            ml += flow.get(second - 1, 0)
            if second % every_s == 0 or second == last:
                state = advance(state, _reading(second, ml), DEFAULT_SPEC)
        state = finish(state, DEFAULT_SPEC, set(Register) - {Register.WH, Register.COUNT})
        assert state.usage == {Register.ML: sum(flow.values()), Register.S: last}
        assert state.doubts == ()


def _reading(second: int, ml: int) -> Reading:
    registers = {Register.ML: ml, Register.S: 5_000 + second}
    return Reading(registers=registers, boot=3, ticks_ms=77_000 + second * 1000)
