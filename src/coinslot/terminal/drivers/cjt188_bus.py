"""CJ/T 188 water meters on a serial line: the volume, and the valve inside."""

from __future__ import annotations

import termios
import time
from typing import TYPE_CHECKING

from coinslot.terminal.drivers import cjt188
from coinslot.terminal.drivers.bus import Bus, RemoteValve
from coinslot.terminal.drivers.cjt188 import Frame, FrameError, Order
from coinslot.terminal.drivers.latest import Latest
from coinslot.terminal.drivers.tables import BusTable, Cjt188MeterTable, Cjt188ValveTable, Parity
from coinslot.wire.registers import Register, Registers

if TYPE_CHECKING:
    import serial

_PARITY = {Parity.NONE: "N", Parity.EVEN: "E", Parity.ODD: "O"}
BETWEEN_S = 0.15
"""A frame whose bytes stop coming for this long is over."""


class Cjt188Port:
    """The line; used by the bus's thread alone."""

    def __init__(self, table: BusTable) -> None:
        self._table = table
        self._serial: serial.Serial | None = None
        self._number = 0

    def open(self) -> None:
        import serial

        if self._serial is not None:
            return
        table = self._table
        try:
            self._serial = serial.Serial(
                table.device, table.baud, parity=_PARITY[table.parity], timeout=BETWEEN_S, exclusive=True
            )
        except termios.error as error:
            raise OSError(*error.args) from None

    def close(self) -> None:
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    def next_number(self) -> int:
        """So that a late answer to the request before is told from the right one."""
        self._number = self._number % 255 + 1
        return self._number

    def ask(self, request: Frame) -> Frame:
        """Send, and wait for one whole frame. OSError when none comes in time."""
        line = self._serial
        if line is None:
            raise OSError(f"{self._table.device} is not open")
        sent = cjt188.encode(request)
        try:
            return self._exchange(line, sent, request.address)
        except FrameError:
            raise
        except (OSError, termios.error) as error:
            # An adapter that was pulled out, of which pyserial tells in either way: the next turn opens it again.
            self.close()
            raise OSError(*error.args) from None

    def _exchange(self, line: serial.Serial, sent: bytes, address: str) -> Frame:
        line.reset_input_buffer()
        line.write(sent)
        # The request itself takes its time on the line, and so does the longest answer that is expected.
        until = time.monotonic() + self._table.timeout_ms / 1000 + (len(sent) + 48) * 11 / self._table.baud
        came = b""
        while time.monotonic() < until:
            came += line.read(max(1, line.in_waiting))
            whole = cjt188.complete(came)
            if whole is not None and whole != sent.lstrip(bytes([cjt188.LEAD])):
                return cjt188.decode(whole)
            if whole is not None:
                came = came[came.find(whole) + len(whole) :]  # an adapter that hears itself
            if len(came) > 2 * cjt188.LONGEST:
                break
        raise FrameError(f"meter {address} does not answer")


class Cjt188Meter:
    """The volume of one meter."""

    def __init__(self, table: Cjt188MeterTable, port: Cjt188Port, stale_ms: int) -> None:
        self._table, self._port = table, port
        self._latest: Latest[cjt188.Reading] = Latest(f"water meter {table.address}", stale_ms)

    def turn(self) -> None:
        """On the bus's thread."""
        table = self._table
        asked = cjt188.read_request(table.type, table.address, table.data, self._port.next_number())
        try:
            self._latest.put(cjt188.reading(asked, self._port.ask(asked)))
        except OSError as error:
            self._latest.fail(error)
            raise

    def read(self) -> Registers:
        """The latest. OSError when that is too old."""
        return {Register.ML: self._latest.get().ml}


def cjt188_valve(table: Cjt188ValveTable, port: Cjt188Port, bus: Bus, stale_ms: int) -> RemoteValve:
    """The valve of one meter. What it says of itself is read with the volume, as its answer to an order is only
    that it begins to move."""

    def write(want: bool) -> None:
        order = Order.OPEN if want else Order.SHUT
        asked = cjt188.valve_request(table.type, table.address, table.data, port.next_number(), order)
        cjt188.valve_status(asked, port.ask(asked))

    def look() -> bool | None:
        asked = cjt188.read_request(table.type, table.address, table.status_data, port.next_number())
        return cjt188.is_open(cjt188.reading(asked, port.ask(asked)).status)

    return RemoteValve(
        write=write, look=look, hurry=bus.hurry, stale_ms=stale_ms, travel_ms=table.travel_s * 1000
    )
