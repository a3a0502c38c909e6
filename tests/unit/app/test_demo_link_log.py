"""What the wall shows of the link: short lines, at a rate that can be read, without what somebody typed."""

from __future__ import annotations

import msgspec

from coinslot.app.demo_link_log import LinkLog
from coinslot.wire.ids import TerminalId
from coinslot.wire.topics import Channel, subject

ONE = TerminalId("trm_one")
TWO = TerminalId("trm_two")


class Bench:
    """A log, and time that passes only by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.log = LinkLog({ONE: "Dispenser 1", TWO: "Dispenser 2"}, clock=lambda: self.now_s)

    def passes(
        self, kind: str, terminal: TerminalId = ONE, way: Channel = Channel.UP, **fields: object
    ) -> None:
        self.log.note(subject(terminal, way), msgspec.json.encode({"type": kind, "link": 3, **fields}))

    @property
    def kinds(self) -> list[str]:
        return [line.kind for line in self.log.lines()]


def test_a_message_becomes_one_line() -> None:
    bench = Bench()
    bench.passes("hello", epoch="epo_1")
    bench.passes("welcome", TWO, Channel.DOWN, acked=7)
    bench.passes("gone", way=Channel.GONE)
    assert [(one.number, one.name, one.up, one.kind, one.text) for one in bench.log.lines()] == [
        (1, "Dispenser 1", True, "hello", '{"epoch":"epo_1"}'),
        (2, "Dispenser 2", False, "welcome", '{"acked":7}'),
        (3, "Dispenser 1", True, "gone", "{}"),
    ]


def test_frequent_readings_are_thinned_out_for_each_outlet_and_what_was_left_out_is_counted() -> None:
    bench = Bench()
    for _ in range(20):
        for outlet in (0, 1):
            bench.passes("readings", outlet=outlet)
        bench.now_s += 0.5
    assert len(bench.kinds) == 10
    bench.passes("stop")
    assert bench.log.lines()[-1].skipped == 6


def test_a_flood_shows_a_screenful_and_then_five_a_second() -> None:
    bench = Bench()
    for _ in range(10_000):
        bench.passes("code_entered", digits="1234")
    assert len(bench.kinds) == 20
    bench.now_s += 2
    for _ in range(100):
        bench.passes("hello")
    assert bench.kinds.count("hello") == 10


def test_only_the_last_hundred_are_kept() -> None:
    bench = Bench()
    for number in range(300):
        bench.passes("ack", way=Channel.DOWN, seq=number)
        bench.now_s += 1
    assert len(bench.kinds) == 100
    assert bench.log.lines()[-1].number == 300


def test_what_somebody_typed_is_not_shown_and_what_is_long_is_cut() -> None:
    bench = Bench()
    bench.passes("code_entered", digits="48151623")
    bench.passes("start", way=Channel.DOWN, quote={"rates": ["x"] * 500}, session="ses_1" * 100)
    typed, long = bench.log.lines()
    assert "48151623" not in typed.text
    assert "rates" not in long.text
    assert len(long.text) <= 180
    assert long.text.endswith("…")


def test_what_is_no_message_of_ours_does_no_harm() -> None:
    bench = Bench()
    for foreign in ("coinslot.1.trm_other.up", "elsewhere", "coinslot.1.*.up", "coinslot.1.trm_one.sideways"):
        bench.log.note(foreign, b"{}")
    assert bench.kinds == []
    for data in (
        b"",
        b"\xff\xfe",
        b"[1]",
        b"[" * 5_000,
        b'{"type":{"deep":1}}',
        b'{"type":"' + b"x" * 500 + b'"}',
    ):
        bench.log.note(subject(ONE, Channel.UP), data)
    assert len(bench.kinds) == 6
    assert all(len(kind) <= 20 for kind in bench.kinds)
