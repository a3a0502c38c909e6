"""Updates over several boots, with the power cut between any two things that are done to the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from coinslot.terminal.updating import fetching, launching
from coinslot.terminal.updating.shelf import Shelf
from coinslot.terminal.updating.standing import TRIAL_MS
from coinslot.wire.messages import Update, UpdateKind, UpdateStep
from tests.support.releases import CONFIG, KEY, OTHER_KEY, STRANGER, Depot, archive, depot, small, update
from tests.unit.terminal.updating.lives import Plug, PowerLostError, live

SEVEN = archive(mark="seven")
EIGHT = archive(mark="eight")
TO_INSTALLED = [UpdateStep.FETCHING, UpdateStep.INSTALLED]


@pytest.fixture(scope="module")
def server() -> Iterator[Depot]:
    with depot() as served:
        yield served


@pytest.fixture
def served(server: Depot) -> Depot:
    server.files = {"/7": SEVEN, "/8": EIGHT, "/c": CONFIG}
    server.ranges, server.cut_after, server.asked, server.status = True, [], [], None
    return server


async def test_a_release_is_loaded_tried_and_confirmed(served: Depot, tmp_path: Path) -> None:
    offered = update(SEVEN, url=f"{served.url}/7")
    first = await live(tmp_path, offered)
    assert (first.steps, first.restarts, first.running.software) == (TO_INSTALLED, 1, 0)
    second = await live(tmp_path, offered)
    assert (second.running.software, second.last.step) == (7, UpdateStep.CONFIRMED)
    assert (tmp_path / "releases/current").resolve() == tmp_path / "releases/7"
    third = await live(tmp_path, offered, update(EIGHT, 8, url=f"{served.url}/8"))
    assert third.told[0].step is UpdateStep.CONFIRMED, "said again on each link"
    assert len(third.jobs) == 2, "what is in force is not loaded again"
    fourth = await live(tmp_path)
    assert fourth.running.software == 8
    replayed = await live(tmp_path, offered)
    assert (replayed.last.step, replayed.last.serial) == (UpdateStep.REFUSED, 7)
    assert (await live(tmp_path)).running.software == 8
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == ["7", "8", "current"]
    assert not list((tmp_path / "updates").glob("*.part"))


async def test_not_welcomed_in_time_it_goes_back(served: Depot, tmp_path: Path) -> None:
    offered = update(SEVEN, url=f"{served.url}/7")
    await live(tmp_path, offered)
    tried = await live(tmp_path, welcomed=False, ms=TRIAL_MS)
    assert (tried.running.software, tried.last.step, tried.restarts) == (7, UpdateStep.ROLLED_BACK, 1)
    after = await live(tmp_path, offered)
    assert (after.running.software, after.last.step, len(after.jobs)) == (0, UpdateStep.ROLLED_BACK, 0)


async def test_three_boots_in_vain_and_it_goes_back(served: Depot, tmp_path: Path) -> None:
    await live(tmp_path, update(SEVEN, url=f"{served.url}/7"))
    ran = [(await live(tmp_path, welcomed=False, ms=1_000)).running.software for _ in range(5)]
    assert ran == [7, 7, 7, 0, 0]
    assert (await live(tmp_path)).last.step is UpdateStep.ROLLED_BACK


async def test_what_waits_for_its_boot_is_not_confirmed_by_the_one_before(
    served: Depot, tmp_path: Path
) -> None:
    life = await live(tmp_path, update(SEVEN, url=f"{served.url}/7"), ms=TRIAL_MS)
    assert life.last.step is UpdateStep.INSTALLED
    assert Shelf(tmp_path).load().software.trial is not None


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (update(SEVEN, key=STRANGER), "not signed"),
        (update(SEVEN, audience="op_b"), "not signed"),
        (update(SEVEN, url="http://updates.example/7"), "https"),
    ],
)
async def test_what_may_not_be_is_refused_and_changes_nothing(tmp_path: Path, bad: Update, why: str) -> None:
    life = await live(tmp_path, bad)
    assert life.last.step is UpdateStep.REFUSED
    assert why in life.last.detail
    assert (await live(tmp_path)).running.software == 0


async def test_a_forged_figure_is_refused(served: Depot, tmp_path: Path) -> None:
    good = update(SEVEN, url=f"{served.url}/7")
    for figure in ({"serial": 8}, {"size": good.size + 1}, {"version": "2"}, {"kind": UpdateKind.CONFIG}):
        forged = type(good)(**{name: getattr(good, name) for name in good.__struct_fields__} | figure)
        assert (await live(tmp_path, forged)).last.step is UpdateStep.REFUSED
    assert served.asked == []
    assert not (tmp_path / "releases").exists()


async def test_without_a_key_nothing_is_taken_and_any_of_several_will_do(
    served: Depot, tmp_path: Path
) -> None:
    offered = update(SEVEN, url=f"{served.url}/7", audience="op_a")
    assert "no key" in (await live(tmp_path, offered, keys=())).last.detail
    assert (await live(tmp_path, offered, keys=("ff", OTHER_KEY))).last.step is UpdateStep.REFUSED
    assert (await live(tmp_path, offered, keys=(OTHER_KEY, KEY))).last.step is UpdateStep.INSTALLED


async def test_another_artifact_under_a_signed_digest_is_refused(served: Depot, tmp_path: Path) -> None:
    served.files["/7"] = EIGHT[: len(SEVEN)].ljust(len(SEVEN), b"x")
    life = await live(tmp_path, update(SEVEN, url=f"{served.url}/7"), update(SEVEN, url=f"{served.url}/7"))
    assert life.last.step is UpdateStep.REFUSED
    assert "signed" in life.last.detail
    assert len(served.asked) == 1, "it is not loaded again at once"


async def test_a_program_that_does_not_even_start_is_refused(served: Depot, tmp_path: Path) -> None:
    broken = archive({**small(), "coinslot/app/__main__.py": b"import nowhere"})
    served.files["/9"] = broken
    life = await live(tmp_path, update(broken, 9, url=f"{served.url}/9"))
    assert life.last.step is UpdateStep.REFUSED
    assert "it does not start here: ModuleNotFoundError" in life.last.detail


async def test_a_configuration_is_checked_tried_and_confirmed(served: Depot, tmp_path: Path) -> None:
    by_hand = tmp_path / "terminal.toml"
    by_hand.write_text('language = "zh"\n')
    config = UpdateKind.CONFIG
    served.files["/bad"] = bad = b"nonsense = 1\n"
    life = await live(tmp_path, update(bad, 1, kind=config, url=f"{served.url}/bad"), config_file=by_hand)
    assert life.last.step is UpdateStep.REFUSED
    assert "nonsense" in life.last.detail
    await live(tmp_path, update(CONFIG, 2, kind=config, url=f"{served.url}/c"), config_file=by_hand)
    tried = await live(tmp_path, config_file=by_hand)
    assert (tried.running.config, tried.last.step) == (2, UpdateStep.CONFIRMED)
    shelf = Shelf(tmp_path)
    mine = launching.files.load(by_hand)
    assert launching.configuration(shelf, shelf.load(), mine, by_hand)[0].firmware == "from afar"
    by_hand.write_text('language = "en"\n')
    assert launching.configuration(shelf, shelf.load(), mine, by_hand)[1] == 0, (
        "what is written by hand later holds"
    )


async def test_a_full_disk_is_tried_again(
    served: Depot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = update(SEVEN, url=f"{served.url}/7")
    monkeypatch.setattr(fetching, "RESERVE_BYTES", 2**60)
    assert (await live(tmp_path, offered)).last.step is UpdateStep.FETCHING
    monkeypatch.undo()
    assert (await live(tmp_path)).last.step is UpdateStep.INSTALLED, "without being told again"


def test_a_state_that_cannot_be_read_spends_every_serial_that_lies_there(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "releases/7").mkdir(parents=True)
    shelf.save(shelf.load())
    (tmp_path / "updates/state.json").write_bytes(b'{"software": {"serial"')
    for _ in range(2):
        assert (shelf.load().software.serial, shelf.load().software.running) == (7, 0)


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (UpdateKind.CONFIG, 2),
        (UpdateKind.SOFTWARE, 4),
        pytest.param(UpdateKind.CONFIG, 1, marks=pytest.mark.long),
        pytest.param(UpdateKind.SOFTWARE, 1, marks=pytest.mark.long),
    ],
)
async def test_the_power_may_go_between_any_two_things(
    served: Depot, tmp_path: Path, kind: UpdateKind, step: int
) -> None:
    """From a confirmed release to the next: whatever the point, what runs is whole, and the next comes in the end."""
    served.files["/old"] = old = SEVEN if kind is UpdateKind.SOFTWARE else CONFIG
    served.files["/new"] = new = EIGHT if kind is UpdateKind.SOFTWARE else CONFIG + b"seed = 1\n"
    before = update(old, 7, kind=kind, url=f"{served.url}/old")
    after = update(new, 8, kind=kind, url=f"{served.url}/new")
    start, ready = tmp_path / "start", tmp_path / "ready"
    await live(start, before)
    await live(start)
    shutil.copytree(start, ready, symlinks=True)
    plug = Plug()
    await live(ready, after, plug=plug)
    loading = plug.count
    shutil.copytree(ready, tmp_path / "whole", symlinks=True)
    await live(tmp_path / "whole", plug=plug)
    points = plug.count
    assert points > 15
    for at in range(0, points, step):
        directory = tmp_path / str(at)
        shutil.copytree(start if at < loading else ready, directory, symlinks=True)
        cut = Plug(at if at < loading else at - loading)
        with suppress(PowerLostError):
            await live(directory, after, plug=cut)
        for _ in range(3):
            life = await live(directory, after)
            assert life.running.of(kind) in (7, 8), f"at {at}"
        assert (life.running.of(kind), life.last.step) == (8, UpdateStep.CONFIRMED), f"at {at}: {cut.names}"
        shutil.rmtree(directory)
