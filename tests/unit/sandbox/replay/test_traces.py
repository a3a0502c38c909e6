"""Recordings: what is one, and what each mistake in a file is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from coinslot.sandbox.replay.files import TraceError
from coinslot.sandbox.replay.traces import Second, read_traces
from tests.support.recordings import recorded_showers, showers_in

HEAD = "event_id,t_s,ml\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "trace.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_uses_keep_their_order_and_their_seconds(tmp_path: Path) -> None:
    traces = read_traces(written(tmp_path, HEAD + "b,5,10\nb,7,20\na,0,1\n"))
    assert [trace.event_id for trace in traces] == ["b", "a"]
    assert traces[0].seconds == (Second(5, 10), Second(7, 20))
    assert (traces[0].ml, traces[0].first_s, traces[0].last_s, traces[0].duration_s) == (30, 5, 7, 3)
    assert traces[1].duration_s == 1


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffevent_id,t_s,ml\r\n1,0,5\r\n",  # as a spreadsheet writes it
        "ml,event_id,note,t_s\n5,1,cold,0\n",  # columns are found by name
        'event_id,t_s,ml\n\n"1", 0 ,5\n\n',
        "EVENT_ID,T_S,ML\n1,0,5\n",
    ],
)
def test_the_same_recording_in_other_clothes(tmp_path: Path, text: str) -> None:
    (trace,) = read_traces(written(tmp_path, text))
    assert (trace.event_id, trace.seconds) == ("1", (Second(0, 5),))


def test_seconds_without_flow_say_nothing(tmp_path: Path) -> None:
    (trace,) = read_traces(written(tmp_path, HEAD + "1,0,0\n1,3,5\n1,4,0\n1,5,2\n1,9,0\n"))
    assert trace.seconds == (Second(3, 5), Second(5, 2))


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("", "line 1", "no column `event_id`, `t_s`, `ml`"),
        ("event_id,t_s\n1,0\n", "line 1", "no column `ml`"),
        (HEAD, "trace.csv", "a header and no rows"),
        (HEAD + "1,0,5\n1,1\n", "line 3", "`ml` is missing"),
        (HEAD + ",0,5\n", "line 2", "`event_id` is empty"),
        (HEAD + "a\x1bb,0,5\n", "line 2", "`event_id` is"),
        (HEAD + f"{'a' * 65},0,5\n", "line 2", "`event_id` is"),
        (HEAD + "1,zero,5\n", "line 2", "`t_s` is 'zero', not a whole number"),
        (HEAD + "1,0,5.5\n", "line 2", "`ml` is '5.5', not a whole number"),
        (HEAD + "1,0,-5\n", "line 2", "`ml` is '-5', not a whole number"),
        (HEAD + "1,0,٣\n", "line 2", "`ml` is '٣', not a whole number"),
        (HEAD + "1,0,\n", "line 2", "`ml` is empty"),
        (HEAD + "1,0,1001\n", "line 2", "`ml` is '1001', above the most, 1000"),
        (HEAD + f"1,0,{'9' * 5000}\n", "line 2", "above the most, 1000"),
        (HEAD + "1,86401,5\n", "line 2", "`t_s` is '86401', above the most, 86400"),
        (HEAD + "1,4,5\n1,4,5\n", "line 3", "`t_s` is 4, not later than the 4"),
        (HEAD + "1,4,5\n1,3,5\n", "line 3", "`t_s` is 3, not later than the 4"),
        (HEAD + "1,0,5\n2,0,5\n1,1,5\n", "line 4", "`event_id` 1 comes again"),
        (HEAD + "1,0,0\n", "trace.csv", "`ml` is 0 in every row"),
        (HEAD + '1,0,"5\n', "trace.csv", "is not CSV"),
        (b"event_id,t_s,ml\n\xff,0,5\n", "trace.csv", "not text in UTF-8"),
        (b"\x00\x01\x02", "line 1", "there is no column"),
    ],
)
def test_a_mistake_is_named_with_its_line_field_and_reason(
    tmp_path: Path, text: str | bytes, where: str, reason: str
) -> None:
    with pytest.raises(TraceError) as caught:
        read_traces(written(tmp_path, text))
    assert caught.value.where.endswith(where)
    assert reason in caught.value.reason
    assert caught.value.remedy


def test_a_list_of_totals_is_no_recording(tmp_path: Path) -> None:
    text = "event_id,start_epoch,start_utc,duration_s,wet_seconds,litres\n0,1551435407,x,9,7,0.53\n"
    with pytest.raises(TraceError, match="totals") as caught:
        read_traces(written(tmp_path, text))
    assert "event_id,t_s,ml" in caught.value.remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        read_traces(tmp_path / "none.csv")
    with pytest.raises(TraceError, match="cannot be read"):
        read_traces(tmp_path)


def test_145_recorded_showers_are_read_whole() -> None:
    file = recorded_showers()
    showers = showers_in(file)
    traces = read_traces(file)
    assert len(traces) == 145
    assert {trace.event_id: (trace.ml, trace.duration_s) for trace in traces} == {
        shower.event_id: (shower.ml, shower.seconds) for shower in showers.values()
    }
