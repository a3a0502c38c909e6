"""Stories: what happens at the shower, told without any crash. Each is cut at every point of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from coinslot.sandbox.crashing.board import Board
from coinslot.terminal.actions import Rewrite
from coinslot.terminal.events import KeyPressed, SensorsRead, StopKey
from coinslot.wire.codec import encode
from coinslot.wire.ids import SessionId

Story = Callable[[Board], None]
_UP_MS = 10_000


def _arrive(board: Board) -> None:
    board.power_on()
    assert board.until(lambda: board.is_up, _UP_MS), "the link does not come up"
    board.run(1_000)


def _start(board: Board, key: str = "one") -> SessionId:
    session, messages = board.server.start(key)
    board.hear(messages)
    return session.id


def stop_key(board: Board) -> None:
    """A shower of half a minute, ended by its key; checkpoints on the way."""
    _arrive(board)
    _start(board)
    board.run(25_000)
    board.feed(StopKey(0))
    board.run(1_000)


def stop_from_the_page(board: Board) -> None:
    """Ended by the server's stop."""
    _arrive(board)
    session = _start(board)
    board.run(3_000)
    board.hear(board.server.stop(session))
    board.run(1_000)


def limit(board: Board) -> None:
    """Run to the limit: the terminal cuts by itself."""
    _arrive(board)
    _start(board)
    board.run(70_000)


def idle(board: Board) -> None:
    """Nobody uses it any more."""
    _arrive(board)
    _start(board)
    board.run(4_000)
    board.tap.turn(closed=True)
    board.run(35_000)


def leak(board: Board) -> None:
    """The leak sensor ends it, and what comes after is refused until it is dry."""
    _arrive(board)
    _start(board)
    board.run(4_000)
    board.feed(SensorsRead(0, {"leak": 1}))
    board.run(2_000)
    board.feed(SensorsRead(0, {"leak": 0}))
    board.run(2_000)


def link_lost(board: Board) -> None:
    """The link goes in mid-use and comes back after its end."""
    _arrive(board)
    _start(board)
    board.run(12_000)
    board.unplug()
    board.run(8_000)
    board.feed(StopKey(0))
    board.run(2_000)
    board.cable = True
    board.run(8_000)


def journal_written_anew(board: Board) -> None:
    """The journal is full of what the server has: in the midst of the next use it is written anew."""
    _arrive(board)
    uses = 0
    while _room(board) > 700:
        uses += 1
        _start(board, f"before {uses}")
        board.run(1_000)
        board.feed(StopKey(0))
        board.run(500)
    board.begin()
    _start(board)
    board.run(13_000)
    board.feed(StopKey(0))
    board.run(1_000)
    assert any(isinstance(action, Rewrite) for action in board.actions[board.first :]), (
        "it was not written anew"
    )


def _room(board: Board) -> int:
    """Bytes until the journal has half its size, which is when it is written anew."""
    assert board.core is not None
    return board.settings.journal_bytes // 2 - board.core.kept.file_bytes


def stop_before_the_start(board: Board) -> None:
    """A stop overtakes its start: it is declined, now and for ever."""
    _arrive(board)
    session, messages = board.server.start("one")
    board.hear(board.server.stop(session.id))
    board.hear(messages)
    board.hear(messages)
    board.run(2_000)


def pause(board: Board) -> None:
    """Shut to soap, opened again, ended."""
    board.most_openings = 2
    _arrive(board)
    _start(board)
    board.run(5_000)
    board.feed(KeyPressed(0, "*"))
    board.run(8_000)
    board.feed(KeyPressed(0, "*"))
    board.run(5_000)
    board.feed(StopKey(0))
    board.run(1_000)


def _without_link(board: Board) -> str:
    """A code for the time without the link, and then there is none."""
    _arrive(board)
    assert board.core is not None
    board.hear([encode(board.server.offline_terms(board.core.link.number))])
    board.run(1_000)
    digits = board.server.promise()
    board.begin()
    board.unplug()
    board.run(1_000)
    return digits


def offline_code(board: Board) -> None:
    """Typed without a link, used, reported when the link is back."""
    digits = _without_link(board)
    for key in f"{digits}#":
        board.feed(KeyPressed(0, key))
    board.run(14_000)
    assert board.openings, "the code did not open"
    board.feed(StopKey(0))
    board.run(2_000)
    board.cable = True
    board.run(8_000)


def offline_code_not_typed(board: Board) -> None:
    """Nobody typed it: it is burnt when the link is back, and opens nothing any more."""
    digits = _without_link(board)
    board.cable = True
    board.run(8_000)
    board.burn_what_is_left()
    board.unplug()
    board.run(1_000)
    for key in f"{digits}#":
        board.feed(KeyPressed(0, key))
    board.run(3_000)
    board.cable = True
    board.run(8_000)
    assert not board.openings, "a burnt code opened"


STORIES: Final[Mapping[str, Story]] = MappingProxyType(
    {
        "stop-key": stop_key,
        "stop-from-the-page": stop_from_the_page,
        "limit": limit,
        "idle": idle,
        "leak": leak,
        "link-lost": link_lost,
        "journal-written-anew": journal_written_anew,
        "stop-before-the-start": stop_before_the_start,
        "pause": pause,
        "offline-code": offline_code,
        "offline-code-not-typed": offline_code_not_typed,
    }
)
"""By name."""

SMALL_JOURNAL: Final = frozenset({"journal-written-anew"})
"""Told with the smallest journal."""
