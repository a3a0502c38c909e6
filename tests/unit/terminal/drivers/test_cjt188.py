"""CJ/T 188: published frames, and whatever a bad line makes of them."""

from __future__ import annotations

import os
import pty
import threading
import tty
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinslot.terminal.drivers import cjt188
from coinslot.terminal.drivers.bus import Bus
from coinslot.terminal.drivers.cjt188 import Control, Frame, FrameError, Order, Status
from coinslot.terminal.drivers.cjt188_bus import Cjt188Meter, Cjt188Port, cjt188_valve
from coinslot.terminal.drivers.tables import BusTable, Cjt188MeterTable, Cjt188ValveTable, Protocol
from coinslot.wire.registers import Register

# Frames of makers' and integrators' published descriptions of the protocol.
READ = "FE FE FE FE 68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16"
READ_90 = "FE FE 68 10 01 00 00 05 08 00 00 01 03 90 1F 00 39 16"
ANSWER = (
    "68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16"
)
WRONG_SUM = ANSWER[:-5] + "08 16"
"""As it was printed, and as it has been copied ever since: its sum is not that of its bytes."""
EMPTY = "FE FE FE 68 10 18 02 12 20 20 00 00 81 16 90 1F 00 00 02 00 00 2C 00 02 00 00 2C 00 00 00 00 00 00 00 00 FF 85 16"
OPEN = "FE FE FE FE 68 10 69 05 90 05 15 33 78 04 04 A0 17 01 55 50 16"
SHUT = "FE FE FE FE 68 10 69 05 90 05 15 33 78 04 04 A0 17 01 99 94 16"
MOVED = "FE FE FE FE 68 10 69 05 90 05 15 33 78 84 05 A0 17 01 00 00 7C 16"
ADDRESS_ASKED = "68 10 AA AA AA AA AA AA AA 03 03 0A 81 A7 56 16"
ADDRESS = "FE FE 68 10 89 67 45 23 01 33 78 83 03 0A 81 A7 34 16"
METER, VALVED = "78330011223344", "78331505900569"


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def test_requests_are_the_published_bytes() -> None:
    assert cjt188.encode(cjt188.read_request(0x10, METER, "1F90", 0), lead=4) == raw(READ)
    assert cjt188.encode(cjt188.read_request(0x10, "00000805000001", "901F", 0), lead=2) == raw(READ_90)
    for order, published in ((Order.OPEN, OPEN), (Order.SHUT, SHUT)):
        assert cjt188.encode(cjt188.valve_request(0x10, VALVED, "A017", 1, order), lead=4) == raw(published)
    asked = Frame(type=0x10, address="AA" * 7, control=Control.READ_ADDRESS, data=raw("0A 81 A7"))
    assert cjt188.encode(asked, lead=0) == raw(ADDRESS_ASKED)


def test_the_published_answers_are_understood() -> None:
    asked = cjt188.read_request(0x10, METER, "1F90", 0)
    reading = cjt188.reading(asked, cjt188.decode(raw(ANSWER)))
    assert reading.ml == 556_677_000_000
    assert cjt188.is_open(reading.status) is False
    asked = cjt188.read_request(0x10, "00002020120218", "901F", 0)
    reading = cjt188.reading(asked, cjt188.decode(raw(EMPTY)))
    assert (reading.ml, cjt188.is_open(reading.status)) == (2_000_000, True)
    asked = cjt188.valve_request(0x10, VALVED, "A017", 1, Order.OPEN)
    assert cjt188.valve_status(asked, cjt188.decode(raw(MOVED))) == Status(0)
    assert cjt188.decode(raw(ADDRESS)).address == "78330123456789"


def test_the_published_answer_with_a_wrong_sum_is_refused() -> None:
    with pytest.raises(FrameError, match="its sum is 08, that of its bytes is 13"):
        cjt188.decode(raw(WRONG_SUM))


frames = st.builds(
    Frame,
    type=st.integers(0x10, 0x49),
    address=st.text("0123456789", min_size=14, max_size=14),
    control=st.integers(0, 255),
    data=st.binary(max_size=40),
)


@settings(max_examples=60, deadline=None)
@given(frames, st.integers(0, 4))
def test_what_was_written_is_read_again(frame: Frame, lead: int) -> None:
    sent = cjt188.encode(frame, lead)
    assert cjt188.decode(sent) == frame
    assert cjt188.complete(b"\x00\xff" + sent + b"\xfe") == sent[lead:]
    assert all(cjt188.complete(sent[:end]) is None for end in range(len(sent)))


@settings(max_examples=25, deadline=None)
@given(frames)
def test_any_single_flipped_bit_is_refused(frame: Frame) -> None:
    sent = cjt188.encode(frame, lead=0)
    for bit in range(len(sent) * 8):
        bad = bytearray(sent)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FrameError):
            cjt188.decode(bytes(bad))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_noise_is_an_error_and_nothing_else(noise: bytes) -> None:
    with pytest.raises(FrameError):
        cjt188.decode(noise)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda body: body[:2] + b"\x45" + body[3:], "meter 78330011223345 answered"),
        (lambda body: body[:9] + b"\xc1" + body[10:], "refuses"),
        (lambda body: body[:9] + b"\x84" + body[10:], "control 84 is no answer to 01"),
        (lambda body: body[:13] + b"\x07" + body[14:], "another request"),
        (lambda body: body[:18] + b"\x35" + body[19:], "its unit 35 is none of volume"),
        (lambda body: body[:14] + b"\xff\xff\xff\xff" + body[18:], "its volume ffffffff is no number"),
    ],
)
def test_an_answer_to_something_else_is_refused(change: object, says: str) -> None:
    assert callable(change)
    body = change(raw(ANSWER)[:-2])
    changed = cjt188.decode(body + bytes((sum(body) & 0xFF, cjt188.END)))
    with pytest.raises(FrameError, match=says):
        cjt188.reading(cjt188.read_request(0x10, METER, "1F90", 0), changed)


class PlayedMeter:
    """A meter with a valve, at the other end of a serial line."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.shut = True
        self.litres = 40
        self.garble = False
        self.orders: list[int] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        came = b""
        while True:
            try:
                came += os.read(self._master, 64)
            except OSError:
                return
            whole = cjt188.complete(came)
            if whole is not None:
                came = b""
                os.write(self._master, self._answer(cjt188.decode(whole)))

    def _answer(self, asked: Frame) -> bytes:
        head = asked.data[:3]
        if asked.control == Control.WRITE:
            self.orders.append(asked.data[3])
            self.shut = asked.data[3] == Order.SHUT
            data = head + bytes((self.shut, 0))
        else:
            volume = bytes.fromhex(f"{self.litres * 100:08d}")[::-1] + b"\x29"
            data = head + volume * 2 + bytes(7) + bytes((self.shut, 0))
        answer = cjt188.encode(
            Frame(type=asked.type, address=asked.address, control=asked.control | 0x80, data=data)
        )
        return answer[:-2] + b"\x00\x16" if self.garble else answer


def test_an_adapter_that_is_pulled_out_is_one_that_does_not_answer() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = Cjt188Port(BusTable(device=os.ttyname(slave), protocol=Protocol.CJT188, timeout_ms=50))
    port.open()
    os.close(master)
    os.close(slave)
    with pytest.raises(OSError, match="Input/output error"):
        port.ask(cjt188.read_request(0x10, METER, "901F", 1))
    with pytest.raises(OSError, match="could not open port"):
        port.open()


@pytest.fixture
def line() -> Iterator[tuple[PlayedMeter, Cjt188Port]]:
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    device = os.ttyname(slave)
    port = Cjt188Port(BusTable(device=device, protocol=Protocol.CJT188, baud=38_400, timeout_ms=50))
    yield PlayedMeter(master), port
    port.close()
    os.close(slave)
    os.close(master)


def test_a_meter_on_a_line_is_read_and_its_valve_obeys(line: tuple[PlayedMeter, Cjt188Port]) -> None:
    played, port = line
    bus = Bus("test", port, 10)
    meter = Cjt188Meter(Cjt188MeterTable(bus="test", address=VALVED), port, 2_000)
    valve = cjt188_valve(Cjt188ValveTable(bus="test", address=VALVED), port, bus, 2_000)
    with pytest.raises(OSError, match="has not answered yet"):
        meter.read()
    port.open()
    meter.turn()
    assert meter.read() == {Register.ML: 40_000}
    valve.open()
    valve.turn()
    assert (played.orders, played.shut) == ([Order.OPEN], False)
    valve.shut()
    valve.turn()
    assert (played.orders[-1], played.shut) == (Order.SHUT, True)
    played.garble = True
    with pytest.raises(OSError, match="its sum is"):
        meter.turn()
    assert meter.read() == {Register.ML: 40_000}, "the value before is good until it is stale"
