"""Modbus RTU: meters, sensors and relays on one serial line, by pymodbus."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from coinslot.terminal.drivers.bus import Bus, RemoteValve
from coinslot.terminal.drivers.figures import WORDS, figure
from coinslot.terminal.drivers.latest import Latest
from coinslot.terminal.drivers.tables import (
    BusTable,
    ModbusMeterTable,
    ModbusRelayTable,
    ModbusSensorTable,
    ModbusValue,
    Parity,
    Space,
)
from coinslot.wire.registers import Register, Registers

if TYPE_CHECKING:
    from pymodbus.pdu import ModbusPDU

_PARITY = {Parity.NONE: "N", Parity.EVEN: "E", Parity.ODD: "O"}


class ModbusPort:
    """The line and the requests on it; used by the bus's thread alone."""

    def __init__(self, table: BusTable) -> None:
        from pymodbus.client import ModbusSerialClient

        # What it would print goes into our own words: an OSError at each request.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        self._device = table.device
        self._client = ModbusSerialClient(
            table.device,
            baudrate=table.baud,
            parity=_PARITY[table.parity],
            timeout=table.timeout_ms / 1000,
            retries=0,
        )

    def open(self) -> None:
        if not self._client.connect():
            raise OSError(f"{self._device} cannot be opened")

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]

    def words(self, unit: int, space: Space, address: int, count: int) -> Sequence[int]:
        """So many registers."""
        client = self._client
        ask = client.read_holding_registers if space is Space.HOLDING else client.read_input_registers
        answer = self._asked(unit, f"register {address}", lambda: ask(address, count=count, device_id=unit))
        return answer.registers

    def coil(self, unit: int, address: int) -> bool:
        """One coil."""
        answer = self._asked(
            unit, f"coil {address}", lambda: self._client.read_coils(address, count=1, device_id=unit)
        )
        if not answer.bits:
            raise OSError(f"unit {unit}, coil {address}: an empty answer")
        return answer.bits[0]

    def write_coil(self, unit: int, address: int, *, on: bool) -> None:
        """Set one coil."""
        self._asked(unit, f"coil {address}", lambda: self._client.write_coil(address, on, device_id=unit))

    def write_word(self, unit: int, address: int, value: int) -> None:
        """Set one holding register."""
        self._asked(
            unit, f"register {address}", lambda: self._client.write_register(address, value, device_id=unit)
        )

    def _asked(self, unit: int, what: str, ask: Callable[[], ModbusPDU]) -> ModbusPDU:
        from pymodbus.exceptions import ModbusException

        try:
            answer = ask()
        except ModbusException as error:
            raise OSError(f"unit {unit}, {what}: {error}") from None
        if answer.isError():
            raise OSError(f"unit {unit}, {what}: refused: {answer}")
        return answer


class ModbusMeter:
    """Registers of one device, read together; one that fails fails them all."""

    def __init__(self, table: ModbusMeterTable, port: ModbusPort, stale_ms: int) -> None:
        self._table, self._port = table, port
        self._latest: Latest[Registers] = Latest(f"meter, unit {table.unit}", stale_ms)

    def turn(self) -> None:
        """On the bus's thread."""
        registers: Registers = {}
        try:
            for value in self._table.values:
                registers[Register(value.register)] = _value(self._port, self._table.unit, value)
        except OSError as error:
            self._latest.fail(error)
            raise
        self._latest.put(registers)

    def read(self) -> Registers:
        """The latest. OSError when that is too old."""
        return dict(self._latest.get())


class ModbusSensor:
    """One figure by its name."""

    def __init__(self, table: ModbusSensorTable, port: ModbusPort, stale_ms: int) -> None:
        self._table, self._port = table, port
        self._latest: Latest[int] = Latest(f"sensor {table.name}, unit {table.unit}", stale_ms)

    def turn(self) -> None:
        """On the bus's thread."""
        try:
            self._latest.put(_value(self._port, self._table.unit, self._table))
        except OSError as error:
            self._latest.fail(error)
            raise

    def read(self) -> Mapping[str, int]:
        """The latest. OSError when that is too old."""
        return {self._table.name: self._latest.get()}


def modbus_relay(table: ModbusRelayTable, port: ModbusPort, bus: Bus, stale_ms: int) -> RemoteValve:
    """A relay whose coil or register is written, then read back."""
    unit, coil, register = table.unit, table.coil, table.register

    def write(want: bool) -> None:
        if coil is not None:
            port.write_coil(unit, coil, on=want)
        elif register is not None:
            port.write_word(unit, register, table.on if want else table.off)

    def look() -> bool:
        if coil is not None:
            return port.coil(unit, coil)
        return port.words(unit, Space.HOLDING, register or 0, 1)[0] == table.on

    return RemoteValve(write=write, look=look, hurry=bus.hurry, stale_ms=stale_ms)


def _value(port: ModbusPort, unit: int, value: ModbusValue | ModbusSensorTable) -> int:
    words = port.words(unit, value.space, value.address, WORDS[value.type])
    try:
        return figure(words, value.type, value.multiply, value.divide)
    except OSError as error:
        raise OSError(f"unit {unit}, register {value.address}: {error}") from None
