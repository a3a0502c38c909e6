"""Displays: what the controller on the glass makes of the bytes it gets."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import pytest
import segno

from coinslot.terminal.drivers.framebuffer import QUIET, Framebuffer, Geometry, geometry, picture
from coinslot.terminal.drivers.fronts import Hd44780Table, Rom
from coinslot.terminal.drivers.gpio import InputLine, OutputLine
from coinslot.terminal.drivers.grid import wrapped
from coinslot.terminal.drivers.hd44780 import Hd44780, signs
from coinslot.terminal.drivers.painter import Painter, Screens
from coinslot.terminal.drivers.ssd1680 import HEIGHT, ROW_BYTES, WIDTH, Ssd1680
from coinslot.terminal.drivers.st7920 import St7920, cells
from coinslot.terminal.drivers.tables import Input, Output
from tests.unit.terminal.drivers.played import PlayedChip, PlayedDevice


class Glass(PlayedDevice):
    """An HD44780 as its data sheet has it: bytes at the PCF8574's pins, nibbles at the falling enable."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = bytearray(b"\xff" * 128)
        self._at, self._wide, self._high, self._pins = 0, True, -1, 0

    def write(self, data: bytes) -> None:
        super().write(data)
        for pins in data:
            if self._pins & 4 and not pins & 4:
                self._nibble(self._pins >> 4, data=bool(self._pins & 1))
            self._pins = pins

    def row(self, begin: int, columns: int = 16) -> str:
        return self.memory[begin : begin + columns].decode("latin-1")

    def _nibble(self, nibble: int, *, data: bool) -> None:
        if self._wide:
            self._wide = nibble != 2
            self._high = -1
        elif self._high < 0:
            self._high = nibble
        else:
            self._byte(self._high << 4 | nibble, data=data)
            self._high = -1

    def _byte(self, byte: int, *, data: bool) -> None:
        if data:
            self.memory[self._at] = byte
            self._at += 1
        elif byte & 0x80:
            self._at = byte & 0x7F
        elif byte == 1:
            self.memory = bytearray(b" " * 128)
        elif byte & 0xF0 == 0x30:
            self._wide = True


def panel(columns: int = 16) -> tuple[Hd44780, Glass]:
    glass = Glass()
    table = Hd44780Table(columns=20, rows=4) if columns == 20 else Hd44780Table()
    shown = Hd44780(table, glass, pause=lambda _: None)
    shown.prepare()
    return shown, glass


def test_two_rows_stand_where_they_belong() -> None:
    shown, glass = panel()
    shown.paint(("12.3 L  ¥4.56", "# ends"), None)
    assert (glass.row(0), glass.row(0x40)) == ("12.3 L  \\4.56   ", "# ends          ")


def test_four_rows_stand_where_they_belong() -> None:
    shown, glass = panel(20)
    shown.paint(("one", "two", "three", "four"), None)
    assert [glass.row(at, 20).strip() for at in (0, 0x40, 0x14, 0x54)] == ["one", "two", "three", "four"]


def test_only_what_differs_is_written() -> None:
    shown, glass = panel()
    shown.paint(("12.3 L", "# ends"), None)
    before = sum(map(len, glass.written))
    shown.paint(("12.4 L", "# ends"), None)
    assert sum(map(len, glass.written)) - before == 2 * 4, "one address and one sign"
    shown.paint(("12.4 L", "# ends"), None)
    assert sum(map(len, glass.written)) - before == 2 * 4
    assert glass.row(0).strip() == "12.4 L"


def test_a_display_that_lost_its_power_in_mid_nibble_is_brought_back() -> None:
    shown, glass = panel()
    shown.paint(("12.3 L", ""), None)
    glass._high, glass.memory = 3, bytearray(b"\x11" * 128)
    shown.prepare()
    shown.paint(("12.3 L", ""), None)
    assert (glass.row(0).strip(), glass.row(0x40).strip()) == ("12.3 L", "")


def test_what_a_character_set_lacks_is_a_question_mark() -> None:
    assert signs("a~\\水°", Rom.A00) == b"a???\xdf"
    assert signs("é~水°", Rom.A02) == b"\xe9~?\xb0"


def test_chinese_characters_begin_on_even_columns_and_are_never_halved() -> None:
    assert cells("水温 38.5") == "水温 38.5".encode("gb2312").ljust(16)
    assert cells("a水") == b"a " + "水".encode("gb2312") + b" " * 12
    assert cells("1234567890123水") == b"1234567890123 " + "水".encode("gb2312")
    assert cells("123456789012345水") == b"123456789012345 "
    assert cells("😀龘").strip() == b"????"


class Dots(PlayedDevice):
    """An ST7920's memory of characters."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = bytearray(64)
        self._at = 0

    def write(self, data: bytes) -> None:
        for kind, high, low in zip(data[::3], data[1::3], data[2::3], strict=True):
            byte = high | low >> 4
            if kind == 0xFA:
                self.memory[self._at] = byte
                self._at += 1
            elif byte & 0x80:
                self._at = (byte & 0x1F) * 2
            elif byte == 1:
                self.memory = bytearray(b" " * 64)

    def row(self, row: int) -> str:
        at = (0, 32, 16, 48)[row]
        return self.memory[at : at + 16].decode("gb2312").strip()


def test_two_wide_lines_take_the_four_rows_of_a_chinese_display() -> None:
    dots = Dots()
    shown = St7920(dots, pause=lambda _: None)
    shown.prepare()
    shown.paint(("请扫码或输入取水码然后按井号键", "余额 12.30 元"), None)
    assert [dots.row(row) for row in range(4)] == ["请扫码或输入取水", "码然后按井号键", "余额 12.30  元", ""]
    shown.paint(("请扫码", "余额 12.31 元"), None)
    assert [dots.row(row) for row in range(4)] == ["请扫码", "余额 12.31  元", "", ""]


def test_lines_are_wrapped_where_there_is_room_and_cut_where_there_is_none() -> None:
    assert wrapped(("abcdef", "gh"), 4, 2) == ("abcd", "gh")
    assert wrapped(("abcdef", "gh"), 4, 4) == ("abcd", "ef", "gh", "")
    assert wrapped(("", "a", "", "b"), 4, 2) == ("a", "b")


@pytest.mark.parametrize(("bits", "padding"), [(16, 0), (32, 0), (32, 64)])
def test_a_code_stands_on_a_framebuffer_as_phones_want_it(tmp_path: Path, bits: int, padding: int) -> None:
    shape = Geometry(width=200, height=120, bits=bits, line_bytes=200 * bits // 8 + padding)
    path = tmp_path / "fb0"
    path.write_bytes(bytes(shape.line_bytes * shape.height))
    text = "https://pay.example.org/a/7KQ2M4XR"
    with path.open("r+b") as file:
        buffer = Framebuffer(str(path))
        buffer.draw_on(file.fileno(), shape)
        buffer.paint(("", ""), text)
        buffer.close()
    drawn = path.read_bytes()
    modules = segno.make(text, error="m", micro=False).matrix
    scale = 120 // (len(modules) + 2 * QUIET)
    left, top = (200 - len(modules) * scale) // 2, (120 - len(modules) * scale) // 2
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            at = (top + y * scale) * shape.line_bytes + (left + x * scale) * bits // 8
            assert drawn[at] == (0 if dark else 0xFF)
    assert min(left, top) >= QUIET * scale - scale


def test_a_framebuffers_shape_is_read_from_the_kernels_structures() -> None:
    variable = struct.pack("@7I", 800, 480, 800, 480, 0, 0, 16).ljust(160, b"\0")
    fixed = struct.pack("@16sLIIIIHHHI", b"vc4", 0, 0, 0, 0, 0, 0, 0, 0, 1600).ljust(256, b"\0")
    assert geometry(variable, fixed) == Geometry(width=800, height=480, bits=16, line_bytes=1600)
    with pytest.raises(OSError, match="8 bits per pixel"):
        geometry(variable.replace(struct.pack("@I", 16), struct.pack("@I", 8)), fixed)
    with pytest.raises(OSError, match="does not fit"):
        picture([[1] * 29] * 29, Geometry(width=30, height=30, bits=16, line_bytes=60))


class Paper(PlayedDevice):
    """An SSD1680: commands and their data, told apart by a line."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = PlayedChip()
        self.told: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> None:
        if self.lines.outputs()[25]:
            command, before = self.told.pop()
            self.told.append((command, before + data))
        else:
            self.told.append((data[0], b""))

    def panel(self) -> Ssd1680:
        data = OutputLine(Output(line=25), self.lines)
        reset = OutputLine(Output(line=24, active_low=True), self.lines)
        return Ssd1680(self, data, reset, InputLine(Input(line=23), self.lines), pause=lambda _: None)


def test_a_code_is_put_on_paper_once_and_then_the_paper_sleeps() -> None:
    paper = Paper()
    shown = paper.panel()
    text = "https://pay.example.org/a/7KQ2M4XR"
    shown.paint((), text)
    told = dict(paper.told)
    code = segno.make(text, error="m", micro=False).matrix
    scale = WIDTH // (len(code) + 2 * QUIET)
    left, top = (WIDTH - len(code) * scale) // 2, (HEIGHT - len(code) * scale) // 2
    picture = told[0x24]
    assert len(picture) == ROW_BYTES * HEIGHT
    for y, row in enumerate(code):
        for x, dark in enumerate(row):
            at = left + x * scale
            white = picture[(top + y * scale) * ROW_BYTES + at // 8] >> (7 - at % 8) & 1
            assert white == (0 if dark else 1)
    assert paper.told[-1] == (0x10, b"\x01")
    before = len(paper.told)
    shown.prepare()
    shown.paint((), text)
    assert len(paper.told) == before
    shown.paint((), None)
    assert set(dict(paper.told)[0x24]) == {0xFF}
    shown.close()
    assert paper.lines.taken == {}


def test_paper_that_stays_busy_is_an_error() -> None:
    paper = Paper()
    shown = paper.panel()
    paper.lines.high[23] = True
    with pytest.raises(OSError, match="busy for 8 s"):
        shown.paint((), "x")


class Panel:
    """A panel that fails when told so, and says when it has painted."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.broken = False
        self.turned = threading.Semaphore(0)

    def prepare(self) -> None:
        self._do("prepare")

    def paint(self, lines: tuple[str, ...], qr: str | None) -> None:
        self._do(lines[0])

    def close(self) -> None:
        self.did.append("close")

    def _do(self, what: str) -> None:
        if self.broken:
            self.turned.release()
            raise OSError("no acknowledge")
        self.did.append(what)
        if what != "prepare":
            self.turned.release()

    def wait(self) -> None:
        assert self.turned.acquire(timeout=2)


def test_a_display_that_failed_says_so_and_is_set_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coinslot.terminal.drivers.painter.AGAIN_S", 0.01)
    one = Panel()
    painter = Painter(one, "0")
    painter.show(("a",), None)
    one.wait()
    one.broken = True
    painter.show(("b",), None)
    one.wait()
    one.wait()  # tried again by itself
    with pytest.raises(OSError, match="no acknowledge"):
        Screens((painter,)).show(("c",), None)
    painter.show(("c",), None)  # said once for each failure, not at every picture
    one.broken = False
    while "c" not in one.did:
        one.wait()
    painter.close()
    assert one.did[:4] == ["prepare", "a", "prepare", "c"]
    assert one.did[-1] == "close"
