"""Keys: one press is one digit, whatever fingers, contacts and plugs do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from coinslot.terminal.drivers.fronts import ButtonTable, HidTable, MatrixTable
from coinslot.terminal.drivers.hid import EVENT, HidKeypad
from coinslot.terminal.drivers.keys import SCANS, Button, Matrix, Scan
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.ports import Pressed
from tests.unit.terminal.drivers.played import PlayedChip

PAD = MatrixTable(rows=(5, 6, 13, 19), columns=(12, 16, 20))
PLACES = {
    key: (PAD.rows[row], PAD.columns[at]) for row, keys in enumerate(PAD.keys) for at, key in enumerate(keys)
}


def looks(*seen: set[int]) -> list[int]:
    """The keys told of, when each set of contacts is seen for as many scans as it takes."""
    scan = Scan()
    told = [scan.look(frozenset(one)) for one in seen for _ in range(SCANS)]
    return [key for key in told if key is not None]


def test_one_press_is_one_key_however_long_it_lasts() -> None:
    assert looks({4}, {4}, {4}, set(), {4}, set()) == [4, 4]


def test_a_contact_that_bounces_is_not_believed() -> None:
    scan = Scan()
    assert [scan.look(frozenset(one)) for one in ({1}, set(), {1}, {1}, set(), {1}, {1})] == [None] * 7
    assert scan.look(frozenset({1})) == 1


def test_several_keys_at_once_are_refused_until_all_are_let_go() -> None:
    assert looks({1, 2}, {1}, {2}, set(), {2}) == [2]
    assert looks({1}, {1, 2}, {2}, set()) == [1]


async def until(true: Callable[[], bool]) -> None:
    """Let the loop turn until this is so."""
    for _ in range(2_000):
        if true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never became so")


class Fingers:
    """A keypad on a played chip, and what it told."""

    def __init__(self) -> None:
        self.chip = PlayedChip()
        self.told: asyncio.Queue[Pressed] = asyncio.Queue()
        self.pad = Matrix(PAD, 3, self.chip)
        self.pad.start(self.told.put_nowait)

    def press(self, keys: str) -> None:
        self.chip.wires = {PLACES[key] for key in keys}
        self.chip.edge(PLACES[keys[0]][1])

    async def rest(self) -> None:
        """All keys up, until the keypad has seen that."""
        self.chip.wires.clear()
        await until(lambda: self.pad._scan.resting)

    async def key(self) -> Pressed:
        return await asyncio.wait_for(self.told.get(), 2)


@pytest.fixture
async def fingers() -> AsyncIterator[Fingers]:
    fingers = Fingers()
    yield fingers
    fingers.pad.close()


async def test_a_matrix_tells_its_keys_and_rests_in_between(fingers: Fingers) -> None:
    for key in "7*#":
        fingers.press(key)
        assert await fingers.key() == KeyPressed(3, key)
        await fingers.rest()
    rows = {line: active for line, active in fingers.chip.outputs().items() if line in PAD.rows}
    assert all(rows.values()), "every row waits for the next finger"


async def test_three_keys_at_a_rectangles_corners_do_not_make_a_fourth(fingers: Fingers) -> None:
    fingers.press("137")  # current finds its way to 9
    await until(lambda: len(fingers.pad._scan._last) == 4)
    await fingers.rest()
    assert fingers.told.empty()
    fingers.press("2")
    assert await fingers.key() == KeyPressed(3, "2")


async def test_a_stop_key_is_one_wish_however_often_it_bounces() -> None:
    chip, told = PlayedChip(), asyncio.Queue[Pressed]()
    button = Button(ButtonTable(line=21), 0, chip)
    button.start(told.put_nowait)
    for _ in range(3):
        chip.edge(21, 1_000)
    assert await asyncio.wait_for(told.get(), 2) == StopKey(0)
    assert told.empty()
    button.close()


def struck(*codes: int, value: int = 1) -> bytes:
    return b"".join(EVENT.pack(0, 0, 1, code, value) + EVENT.pack(0, 0, 0, 0, 0) for code in codes)


async def test_a_usb_keypad_is_heard_pulled_out_and_heard_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coinslot.terminal.drivers.hid.AGAIN_S", 0.01)
    path = tmp_path / "event0"
    told: asyncio.Queue[Pressed] = asyncio.Queue()
    keypad = HidKeypad(HidTable(device=str(path), keys={"98": "S"}), 1)
    keypad.start(told.put_nowait)
    assert not keypad.present
    for _ in range(2):
        os.mkfifo(path)
        keyboard = os.open(path, os.O_RDWR)
        await until(lambda: keypad.present)
        os.write(keyboard, struck(2, 79, 96) + struck(3, value=2) + struck(3, value=0) + struck(98, 30))
        heard = [await asyncio.wait_for(told.get(), 2) for _ in range(4)]
        assert heard == [KeyPressed(1, "1"), KeyPressed(1, "1"), KeyPressed(1, "#"), StopKey(1)]
        path.unlink()
        os.close(keyboard)
        await until(lambda: not keypad.present)
    assert told.empty()
    keypad.close()


def test_the_keys_of_a_telephone_keypad_are_all_there() -> None:
    assert sorted(PLACES) == sorted("0123456789*#")
    assert len(set(PLACES.values())) == 12
