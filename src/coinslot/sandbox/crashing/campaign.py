"""All points of all stories, each run from its beginning, cut, and judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from msgspec import Struct, structs

from coinslot.sandbox.crashing.board import Board, Cut, Violation
from coinslot.sandbox.crashing.judging import SETTLED_MS, boots_shut, came_right
from coinslot.sandbox.crashing.points import How, Point, points_of
from coinslot.sandbox.crashing.stories import SMALL_JOURNAL, STORIES
from coinslot.sandbox.simulator.run import without_log

CHUNK: Final = 40
SMALL_BYTES: Final = 40 * 1024
AGAIN: Final = tuple(Point(action, how) for action in range(10) for how in (How.KILLED, How.POWER))
"""Where a recovery is cut in its turn: a boot shuts, writes that it booted, ends what was open, takes its link number."""


class Found(Struct, frozen=True):
    """A broken promise, with what repeats it."""

    story: str
    pace: int
    points: tuple[Point, ...]
    what: str

    @property
    def command(self) -> str:
        """What runs this one again."""
        at = " ".join(f"--at {point.action}:{point.how.value}:{point.bytes}" for point in self.points)
        return f"coinslot bench terminal-crash --story {self.story} --pace {self.pace} {at}"


def told(story: str, pace: int = 0) -> Board:
    """The story without a cut; it must come right, too. Violation otherwise."""
    board = _board(story, None, pace)
    STORIES[story](board)
    board.until(lambda: board.is_up, SETTLED_MS)
    board.burn_what_is_left()
    came_right(board, len(board.openings), board.tap.poured_ml)
    return board


def points(story: str, pace: int = 0, every: int = 1) -> list[Point]:
    """Where it can be cut; of the bytes of each line only every so manieth."""
    board = told(story, pace)
    found = points_of(board.actions, board.first)
    return [point for point in found if point.how not in (How.TORN, How.ZEROED) or point.bytes % every == 0]


def cut(story: str, where: Sequence[Point], pace: int = 0) -> Board:
    """Run it, cut it at the first point, and its recovery at each further one, as many actions after its boot.

    Violation names what is broken. A recovery that is over before its point is not cut any more.
    """
    first, *later = where
    board = _board(story, first, pace)
    try:
        STORIES[story](board)
    except Cut:
        _recover(board, first.how, later)
        return board
    if first.action < len(board.actions):
        raise ValueError(f"{story} was not cut at action {first.action}")
    _recover(board, first.how, later)
    return board


def _recover(board: Board, how: How, later: list[Point]) -> None:
    while True:
        board.point = None
        board.go_down(how)
        board.cable = True
        opened, poured_ml, first = len(board.openings), board.tap.poured_ml, len(board.actions)
        if later:
            point = later.pop(0)
            board.point = structs.replace(point, action=first + point.action)
        try:
            board.power_on()
            boots_shut(board, first)
            board.run(2_000)
            board.until(lambda: board.is_up, SETTLED_MS)
            board.run(SETTLED_MS // 4)
            board.burn_what_is_left()
        except Cut:
            assert board.point is not None
            how = board.point.how
            continue
        came_right(board, opened, poured_ml)
        return


def some(story: str, where: Sequence[Sequence[Point]], pace: int = 0) -> list[Found]:
    """These runs; only what was broken."""
    found = []
    with without_log():
        for points in where:
            try:
                cut(story, points, pace)
            except Exception as error:
                # Whatever stops a run is a finding, and the campaign goes on to the next point.
                what = str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
                found.append(Found(story, pace, tuple(points), what))
    return found


class Work(Struct, frozen=True):
    """Runs of one story at one pace."""

    story: str
    pace: int
    where: list[tuple[Point, ...]]


def all_of(stories: Sequence[str], paces: int, every: int, *, again: bool = True) -> Iterator[Work]:
    """Every point of these stories at each pace; with `again` each boot after a cut is cut once more."""
    for story in stories:
        for pace in range(paces):
            where = points(story, pace, every)
            yield Work(story, pace, [(point,) for point in where])
            if not again:
                continue
            plain = [point for point in where if point.how in (How.KILLED, How.POWER)]
            yield Work(story, pace, [(point, then) for point in plain for then in AGAIN])


def many(work: Iterable[Work], jobs: int) -> Iterator[tuple[int, list[Found]]]:
    """All of it on `jobs` processes: how many runs were done, and what they found, as it comes."""
    chunks = [
        Work(one.story, one.pace, one.where[at : at + CHUNK])
        for one in work
        for at in range(0, len(one.where), CHUNK)
    ]
    if jobs == 1:
        for chunk in chunks:
            yield len(chunk.where), some(chunk.story, chunk.where, chunk.pace)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {
            pool.submit(some, chunk.story, chunk.where, chunk.pace): len(chunk.where) for chunk in chunks
        }
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _board(story: str, point: Point | None, pace: int) -> Board:
    return Board(point, SMALL_BYTES if story in SMALL_JOURNAL else 64 * 1024, pace)
