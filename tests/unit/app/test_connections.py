"""Places for connections: who loses his when all are taken, and when one is taken from who waits too long."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest

from coinslot.app.connections import Connections, Phase, Place, raise_file_limit, room


class Hall:
    """Connections with a clock that stands, and a list of who was cut."""

    def __init__(self, most: int = 100, per_source: int = 100) -> None:
        self.now_s = 0.0
        self.connections = Connections(most, per_source, lambda: self.now_s)
        self.cut: list[str] = []

    def come(self, name: str, source: str | None = "a", phase: Phase = Phase.HEAD) -> Place:
        self.now_s += 0.001
        place = self.connections.admit(source)
        assert place is not None, f"no place for {name}"
        place.taken(lambda: self.cut.append(name))
        place.enter(phase)
        return place


def test_a_full_server_gives_the_place_of_who_has_waited_longest() -> None:
    hall = Hall(most=3)
    first = hall.come("first")
    hall.come("second", phase=Phase.KEPT)
    hall.come("third")
    first.enter(Phase.WORKING)
    hall.come("fourth", source="b")
    assert hall.cut == ["second"]
    assert hall.connections.count == 3


def test_one_address_loses_its_own_longest_waiting_place_and_nobody_elses() -> None:
    hall = Hall(per_source=2)
    hall.come("another's", source="b")
    busy = hall.come("busy", phase=Phase.STREAM)
    hall.come("waits")
    hall.come("new")
    assert hall.cut == ["waits"]
    hall.come("newer")
    assert hall.cut == ["waits", "new"]
    busy.enter(Phase.KEPT)
    hall.come("newest")
    assert hall.cut == ["waits", "new", "newer"]


def test_connections_at_work_are_never_taken_away_so_a_newcomer_is_refused() -> None:
    hall = Hall(most=3, per_source=2)
    for number in range(2):
        hall.come(f"works {number}", phase=Phase.WORKING)
    assert hall.connections.admit("a") is None
    hall.come("watches", source="b", phase=Phase.STREAM)
    assert hall.connections.admit("c") is None
    assert hall.cut == []
    assert hall.connections.count == 3


def test_a_proxy_has_no_share_of_one_address() -> None:
    hall = Hall(per_source=1)
    for number in range(50):
        hall.come(str(number), source=None, phase=Phase.WORKING)
    assert hall.connections.count == 50


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.STREAM])
def test_every_phase_but_a_stream_has_an_end(phase: Phase) -> None:
    hall = Hall()
    hall.come("one", phase=phase)
    began_s = hall.now_s
    hall.now_s = began_s + phase.value - 0.001
    hall.connections.sweep()
    assert hall.cut == []
    hall.now_s = began_s + phase.value + 0.001
    hall.connections.sweep()
    assert hall.cut == ["one"]
    assert hall.connections.count == 0


def test_a_stream_may_last() -> None:
    hall = Hall()
    place = hall.come("watches", phase=Phase.WORKING)
    place.endless()
    hall.now_s = 1e9
    hall.connections.sweep()
    assert hall.cut == []


def test_a_new_phase_is_a_new_time() -> None:
    hall = Hall()
    place = hall.come("one", phase=Phase.BODY)
    hall.now_s += 19
    place.enter(Phase.BODY)
    hall.now_s += 19
    hall.connections.sweep()
    assert hall.cut == []


@pytest.mark.parametrize(
    "again", [Place.cut, Place.leave, Place.endless, lambda place: place.enter(Phase.HEAD)]
)
def test_a_place_given_back_stays_given_back(again: Callable[[Place], None]) -> None:
    hall = Hall()
    place = hall.come("one")
    place.cut()
    again(place)
    assert (hall.cut, hall.connections.count, place.phase) == (["one"], 0, None)


def test_shedding_takes_only_from_those_who_wait() -> None:
    hall = Hall()
    hall.come("waits")
    hall.come("works", phase=Phase.WORKING)
    hall.connections.shed(64)
    assert hall.cut == ["waits"]


def test_in_the_end_all_are_cut() -> None:
    hall = Hall()
    for phase in Phase:
        hall.come(phase.name, phase=phase)
    hall.connections.cut_all()
    assert len(hall.cut) == len(Phase)
    assert hall.connections.count == 0


@pytest.mark.parametrize(("files", "places"), [(256, 128), (1024, 512), (4096, 3072), (1 << 20, 8192)])
def test_database_and_broker_keep_files_for_themselves(files: int, places: int) -> None:
    assert room(files) == places


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        allowed = raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (allowed, hard)
        assert allowed >= soft
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
