"""The serial buses of one appliance, and what hangs on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from coinslot.terminal.drivers.bus import Bus, RemoteValve
from coinslot.terminal.drivers.tables import (
    BusTable,
    Cjt188MeterTable,
    Cjt188ValveTable,
    ModbusMeterTable,
    ModbusRelayTable,
    ModbusSensorTable,
    Protocol,
)
from coinslot.terminal.ports import Meter, Sensors

if TYPE_CHECKING:
    from coinslot.terminal.drivers.cjt188_bus import Cjt188Port
    from coinslot.terminal.drivers.modbus import ModbusPort


FIRST_S = 3.0
"""Eight devices that do not answer take as long; whoever is asked later is late for once."""


class Serials:
    """One bus, with one port and one thread, for each table."""

    def __init__(self, tables: Mapping[str, BusTable]) -> None:
        self._tables = tables
        self.buses: dict[str, Bus] = {}
        """By name."""
        self._modbus: dict[str, ModbusPort] = {}
        self._cjt188: dict[str, Cjt188Port] = {}
        for name, table in tables.items():
            self.buses[name] = Bus(name, self._port(name, table), table.pause_ms)

    def valve(self, table: ModbusRelayTable | Cjt188ValveTable) -> RemoteValve:
        """A valve or relay on a bus."""
        name, bus = table.bus, self.buses[table.bus]
        stale_ms = self._tables[name].stale_ms
        if isinstance(table, ModbusRelayTable):
            from coinslot.terminal.drivers.modbus import modbus_relay

            valve = modbus_relay(table, self._modbus[name], bus, stale_ms)
        else:
            from coinslot.terminal.drivers.cjt188_bus import cjt188_valve

            valve = cjt188_valve(table, self._cjt188[name], bus, stale_ms)
        bus.add(valve)
        return valve

    def meter(self, table: ModbusMeterTable | Cjt188MeterTable) -> Meter:
        """A meter on a bus."""
        name, bus = table.bus, self.buses[table.bus]
        stale_ms = self._tables[name].stale_ms
        if isinstance(table, ModbusMeterTable):
            from coinslot.terminal.drivers.modbus import ModbusMeter

            modbus = ModbusMeter(table, self._modbus[name], stale_ms)
            bus.add(modbus)
            return modbus
        from coinslot.terminal.drivers.cjt188_bus import Cjt188Meter

        meter = Cjt188Meter(table, self._cjt188[name], stale_ms)
        bus.add(meter)
        return meter

    def sensor(self, table: ModbusSensorTable) -> Sensors:
        """A sensor on a bus."""
        from coinslot.terminal.drivers.modbus import ModbusSensor

        sensor = ModbusSensor(table, self._modbus[table.bus], self._tables[table.bus].stale_ms)
        self.buses[table.bus].add(sensor)
        return sensor

    def start(self) -> None:
        """Begin to ask, and wait for the first round: what is told after that is an answer, or a fault."""
        for bus in self.buses.values():
            bus.start()
        for bus in self.buses.values():
            bus.wait_first(FIRST_S)

    def close(self) -> None:
        """The last orders carried out, then the end."""
        for bus in self.buses.values():
            bus.close()

    def _port(self, name: str, table: BusTable) -> ModbusPort | Cjt188Port:
        if table.protocol is Protocol.MODBUS:
            from coinslot.terminal.drivers.modbus import ModbusPort

            self._modbus[name] = ModbusPort(table)
            return self._modbus[name]
        from coinslot.terminal.drivers.cjt188_bus import Cjt188Port

        self._cjt188[name] = Cjt188Port(table)
        return self._cjt188[name]
