"""Loading from servers that cut, stall, lie and know no ranges."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from coinslot.terminal.updating.fetching import (
    RESERVE_BYTES,
    Later,
    Refused,
    check_address,
    check_digest,
    fetch,
)
from tests.support.releases import Depot, depot

DATA = hashlib.shake_256(b"artifact").digest(300_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Depot]:
    with depot() as served:
        yield served


@pytest.fixture
def served(server: Depot) -> Depot:
    server.files = {"/a": DATA}
    server.ranges, server.most, server.cut_after = True, None, []
    server.stalls, server.status, server.moved_to, server.asked = None, None, "", []
    return server


def load(served: Depot, part: Path, size: int = len(DATA), free: int = 2**40) -> None:
    fetch(part, f"{served.url}/a", size, lambda: free, stall_s=2)


def test_it_goes_on_where_it_was_cut(served: Depot, tmp_path: Path) -> None:
    part = tmp_path / "part"
    served.cut_after = [100_000, 0]
    with pytest.raises(Later, match="cut"):
        load(served, part)
    assert part.stat().st_size == 100_000
    load(served, part)
    assert part.read_bytes() == DATA
    assert served.asked == ["bytes=0-", "bytes=100000-", "bytes=100000-"]
    load(served, part)
    assert len(served.asked) == 3, "what is whole is not asked for"


def test_a_server_that_sends_less_than_was_asked_for_is_asked_again(served: Depot, tmp_path: Path) -> None:
    served.most = 70_000
    load(served, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA
    assert len(served.asked) == 5


def test_a_server_without_ranges_sends_all_of_it_and_that_replaces_the_part(
    served: Depot, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"x" * 5_000)
    served.ranges = False
    load(served, part)
    assert part.read_bytes() == DATA


def test_more_than_was_announced_is_refused(served: Depot, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="longer"):
        load(served, tmp_path / "part", size=1_000)
    assert (tmp_path / "part").stat().st_size <= 1_000


def test_a_part_that_is_too_long_is_not_believed(served: Depot, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(DATA + b"x")
    load(served, part)
    assert part.read_bytes() == DATA


def test_a_server_that_stalls_or_refuses_is_asked_later(served: Depot, tmp_path: Path) -> None:
    served.status = 503
    with pytest.raises(Later, match="503"):
        load(served, tmp_path / "part")
    served.status, served.stalls = None, threading.Event()
    with pytest.raises(Later, match="Timeout"):
        fetch(tmp_path / "part", f"{served.url}/a", len(DATA), lambda: 2**40, stall_s=0.1)
    served.stalls.set()


def test_nobody_is_sent_elsewhere_in_the_clear(served: Depot, tmp_path: Path) -> None:
    served.moved_to = "http://updates.example/a"
    with pytest.raises(Refused, match="https"):
        load(served, tmp_path / "part")


@pytest.mark.parametrize(
    "url",
    [
        "http://updates.example/a",
        "ftp://updates.example/a",
        "file:///etc/passwd",
        "https://",
        "//x/a",
        "http://[",
        "",
    ],
)
def test_addresses_are_https(url: str) -> None:
    with pytest.raises(Refused):
        check_address(url)


def test_the_disk_keeps_room_for_the_journal(served: Depot, tmp_path: Path) -> None:
    with pytest.raises(Later, match="room"):
        load(served, tmp_path / "part", free=len(DATA) + RESERVE_BYTES - 1)
    assert served.asked == []


def test_what_is_not_what_was_signed_goes(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(DATA)
    check_digest(part, hashlib.sha256(DATA).hexdigest())
    with pytest.raises(Refused):
        check_digest(part, "0" * 64)
    assert not part.exists()
