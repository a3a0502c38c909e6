"""The example for firmware makers: it keeps every rule that it has a part for, and reads what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from coinslot.sandbox.conformance.report import Result
from coinslot.sandbox.conformance.rule import Weight
from coinslot.sandbox.conformance.rules import RULES
from coinslot.sandbox.conformance.vectors import judge, vectors
from tests.support.example_terminal import load, report_of_example


def test_the_example_keeps_every_rule_that_it_has_a_part_for(tmp_path: Path) -> None:
    report = report_of_example(RULES, tmp_path / "journal")

    assert [(one.name, one.why) for one in report.of(Result.FAILED)] == []
    assert {one.weight for one in report.of(Result.SKIPPED)} == {Weight.WHERE}


def test_its_journal_leaves_a_torn_line_out_and_takes_damage_for_a_reason_to_begin_anew(
    tmp_path: Path,
) -> None:
    made = load()
    first = made.memory.Memory(made.journal.Journal(str(tmp_path)))
    first.record({"type": "declined", "boot": 1, "ticks_ms": 1, "command": "c", "session": "s"})
    file = tmp_path / "journal"
    whole = file.read_bytes()

    file.write_bytes(whole + whole[-40:-20])
    torn = made.memory.Memory(made.journal.Journal(str(tmp_path)))
    assert (torn.epoch, torn.next_seq, torn.boot) == (first.epoch, 2, 2)

    file.write_bytes(whole.replace(b"declined", b"declinee"))
    damaged = made.memory.Memory(made.journal.Journal(str(tmp_path)))
    assert damaged.epoch != first.epoch
    assert damaged.link == first.link


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_wherever_the_power_goes_in_the_last_line_everything_before_it_is_there(
    tmp_path: Path, cut: int
) -> None:
    made = load()
    memory = made.memory.Memory(made.journal.Journal(str(tmp_path)))
    memory.write({"k": "link", "n": 41})
    memory.write({"k": "stop", "session": "ses_of_somebody_who_stopped_before_it_began"})
    file = tmp_path / "journal"
    file.write_bytes(file.read_bytes()[:-cut])

    again = made.memory.Memory(made.journal.Journal(str(tmp_path)))

    assert (again.epoch, again.link, again.over) == (memory.epoch, 41, [])


def test_it_takes_the_servers_vectors_and_refuses_what_is_none() -> None:
    asked = [one for one in vectors() if one.direction == "down"]
    words = load().words
    known = {"welcome", "ack", "start", "stop", "configure", "ping"}

    answered = []
    for one in asked:
        message = words.understand(one.data)
        if message is None:
            answered.append(
                "refused" if any(f'"{word}"'.encode() in one.data[:30] for word in known) else "skip"
            )
        else:
            fits = message["type"] != "start" or words.sound_limits(message)
            answered.append("ok" if fits else "refused")

    found = judge(asked, answered)
    assert found.wrong == []
    assert found.right > 10
