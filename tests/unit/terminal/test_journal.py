"""The journal: torn, damaged, full; it never crashes its reader and never loses a line in silence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from coinslot.terminal.events import LinkDown, StopKey
from coinslot.terminal.journal import FileJournal, JournalError, frame, parse
from coinslot.terminal.memory import MemoryJournal
from coinslot.wire.messages import Ack, Lost
from coinslot.wire.records import Checkpoint, Declined, Started, Stopped, StopReason
from tests.unit.terminal.rig import SHOWER, Rig, limits

LINES = (b'{"kind":"boot","boot":1}', b'{"kind":"link","link":7}', b'{"kind":"boot","boot":2}')
SMALL = replace(SHOWER, journal_bytes=64 * 1024)


def used() -> Rig:
    rig = Rig().ready()
    rig.start()
    rig.flow(12)
    return rig


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "new" / "folder")
    assert journal.open().lines == ()
    for line in LINES:
        journal.append(line)
    journal.close()
    opened = FileJournal(tmp_path / "new" / "folder").open()
    assert (opened.lines, opened.damaged) == (LINES, False)
    assert os.stat(tmp_path / "new" / "folder" / "journal").st_mode & 0o077 == 0


def test_a_rewrite_replaces_everything_and_appending_goes_on(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.open()
    for line in LINES:
        journal.append(line)
    journal.rewrite(LINES[2:])
    journal.append(LINES[0])
    assert FileJournal(tmp_path).open().lines == (LINES[2], LINES[0])


def test_a_rewrite_that_the_power_cut_short_leaves_the_old_journal(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    journal.open()
    journal.append(LINES[0])
    (tmp_path / "journal.new").write_bytes(frame(LINES[1])[:9])
    assert FileJournal(tmp_path).open().lines == LINES[:1]
    assert not (tmp_path / "journal.new").exists()


def test_cut_anywhere_the_whole_lines_before_remain_and_nothing_is_called_damage() -> None:
    data = b"".join(map(frame, LINES))
    whole = [len(b"".join(map(frame, LINES[:count]))) for count in range(len(LINES) + 1)]
    for length in range(len(data) + 1):
        opened, keep = parse(data[:length])
        count = max(at for at, size in enumerate(whole) if size <= length)
        assert opened.lines == LINES[:count]
        assert not opened.damaged
        assert keep == whole[count]


def test_any_flipped_byte_costs_lines_but_never_changes_one() -> None:
    data = b"".join(map(frame, LINES))
    for at in range(len(data)):
        for mask in (0x01, 0x20, 0xFF):
            spoiled = bytearray(data)
            spoiled[at] ^= mask
            opened, _ = parse(bytes(spoiled))
            assert set(opened.lines) < set(LINES)
            assert opened.damaged or at >= len(data) - len(frame(LINES[-1])) - 1


def test_a_terminal_boots_from_its_journal_cut_at_every_byte() -> None:
    data = bytes(used().journal.durable)
    for length in range(len(data) + 1):
        rig = Rig(journal=MemoryJournal(data[:length])).boot()
        assert rig.open == set()
        assert rig.durable().open == {}
        assert len(rig.of(Stopped)) == len(rig.of(Started)) <= 1


def test_a_terminal_boots_from_its_journal_with_any_byte_flipped() -> None:
    data = bytes(used().journal.durable)
    for at in range(len(data)):
        spoiled = bytearray(data)
        spoiled[at] ^= 0x04
        rig = Rig(journal=MemoryJournal(bytes(spoiled))).boot()
        assert rig.open == set()
        assert rig.durable().open == {}
        rig.link_up()


def test_damage_begins_a_new_epoch_with_the_records_that_were_left() -> None:
    rig = used()
    old = rig.epoch
    rig.journal.durable[rig.journal.durable.index(b"checkpoint") + 3] ^= 0xFF
    rig.highest.clear()  # what was certain is lost with the line that said so
    rig.power_cycle()
    assert rig.epoch != old
    assert [type(one) for one in rig.records()] == [Started, Stopped]


def test_a_damaged_file_is_kept_aside_and_only_eight_of_them(tmp_path: Path) -> None:
    for _ in range(12):
        (tmp_path / "journal").write_bytes(frame(LINES[0])[:-3] + b"??\n" + frame(LINES[1]))
        opened = FileJournal(tmp_path).open()
        assert (opened.damaged, opened.lines) == (True, (LINES[1],))
    assert len(list(tmp_path.glob("journal.damaged-*"))) == 8


def test_what_was_not_forced_to_disk_may_go_and_the_rest_stays() -> None:
    journal = MemoryJournal()
    journal.append(LINES[0])
    journal.note(LINES[1])
    journal.crash(keep_bytes=5)
    assert journal.open().lines == LINES[:1]


def test_a_write_that_fails_closes_the_journal_until_it_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = FileJournal(tmp_path)
    journal.open()
    journal.append(LINES[0])

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(JournalError, match="cannot write the journal"):
            journal.append(LINES[1])
    with pytest.raises(JournalError, match="not open"):
        journal.append(LINES[2])
    assert journal.open().lines[0] == LINES[0]


def fill(rig: Rig) -> int:
    """Start and end sessions with nobody to take the records, until one is refused."""
    for number in range(500):
        rig.start(f"ses{number}", f"cmd{number}")
        if rig.open:
            rig.flow(12)
            rig.feed(StopKey(0))
        if any(isinstance(one, Declined) for one in rig.records()[-1:]):
            return number
    raise AssertionError("the journal never filled")


def test_a_nearly_full_journal_declines_starts_and_keeps_every_record_but_superseded_checkpoints() -> None:
    rig = Rig(SMALL).ready()
    refused = fill(rig)
    assert refused > 20
    assert {one.session for one in rig.of(Stopped)} == {f"ses{number}" for number in range(refused)}
    assert {one.session for one in rig.of(Started)} == {f"ses{number}" for number in range(refused)}
    assert rig.of(Declined)[0].reason.value == "journal_full"
    assert rig.durable().file_bytes <= SMALL.journal_bytes
    rig.power_cycle()
    assert len(rig.of(Stopped)) == refused


def test_a_full_journal_has_room_again_once_the_server_took_its_records() -> None:
    rig = Rig(SMALL).ready()
    fill(rig)
    rig.feed(LinkDown(rig.link))
    rig.sent.clear()
    rig.link_up()
    for _ in range(3_000):
        kept = rig.core.kept
        if kept.acked == kept.next_seq - 1:
            break
        first = rig.last(Lost).to_seq if rig.messages(Lost) else 0
        message = rig.sent[-1] if rig.sent else None
        seq = getattr(message, "first_seq", 1) + len(getattr(message, "records", [])) - 1
        expected = kept.acked + 1
        if getattr(message, "first_seq", expected) > max(expected, first + 1):
            rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=kept.acked, want=expected))
        else:
            rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=max(seq, first)))
    assert rig.core.kept.acked == rig.core.kept.next_seq - 1
    rig.start("fresh", "fresh-cmd")
    assert rig.open == {0}


def test_a_long_session_in_a_nearly_full_journal_still_gets_its_end_written() -> None:
    rig = Rig(SMALL).ready()
    for number in range(500):
        if not rig.core._scribe.has_room(2):
            break
        rig.start(f"ses{number}", f"cmd{number}")
        rig.flow(3)
        rig.feed(StopKey(0))
    rig.start("long", "long-cmd", within=limits(ml=10**9, s=100_000))
    assert rig.open == {0}
    rig.flow(3_000)
    rig.feed(StopKey(0))
    assert rig.of(Stopped)[-1].session == "long"
    assert rig.of(Stopped)[-1].reason is StopReason.KEY
    assert rig.durable().file_bytes <= SMALL.journal_bytes


def test_the_journal_is_rewritten_with_the_newest_acknowledged_records_kept() -> None:
    rig = Rig(SMALL).ready()
    for number in range(200):
        rig.start(f"ses{number}", f"cmd{number}")
        rig.flow(2)
        rig.feed(StopKey(0))
        rig.ack_all()
    assert rig.durable().file_bytes <= SMALL.journal_bytes // 2 + 4_096
    kept = rig.durable()
    assert kept.records
    assert list(kept.records) == list(range(kept.oldest_seq, kept.next_seq))
    assert rig.of(Checkpoint) == []


def test_a_disk_that_fills_at_any_append_stops_before_the_valve_opens() -> None:
    rig = Rig().ready()
    rig.journal.room = len(rig.journal.durable) + 10
    with pytest.raises(JournalError):
        rig.start()
    assert rig.open == set()
    rig.journal.room = None
    rig.power_cycle()
    assert rig.records() == []
