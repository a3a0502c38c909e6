"""Modbus RTU over a pair of pseudo-terminals, against pymodbus's own server."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import struct
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from coinslot.terminal import config
from coinslot.terminal.drivers.bus import Bus, RemoteValve
from coinslot.terminal.drivers.figures import figure
from coinslot.terminal.drivers.latest import Latest
from coinslot.terminal.drivers.modbus import ModbusMeter, ModbusPort, ModbusSensor, modbus_relay
from coinslot.terminal.drivers.tables import (
    BusTable,
    Encoding,
    ModbusMeterTable,
    ModbusRelayTable,
    ModbusSensorTable,
    ModbusValue,
    Protocol,
    Space,
)
from coinslot.terminal.drivers.wired import WiredAppliance
from coinslot.wire.registers import Register
from tests.unit.terminal.drivers.played import Now

WH, ML = Register.WH, Register.ML


class Line:
    """Two pseudo-terminals, each the other's far end, and a switch that cuts the wire."""

    def __init__(self) -> None:
        self.cut = False
        pairs = [pty.openpty(), pty.openpty()]
        for pair in pairs:
            for fd in pair:
                tty.setraw(fd)
        self._masters = [master for master, _ in pairs]
        self._slaves = [slave for _, slave in pairs]
        self.near, self.far = (os.ttyname(slave) for slave in self._slaves)
        self._stop_read, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        one, other = self._masters
        while True:
            ready, _, _ = select.select([one, other, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            for fd in ready:
                data = os.read(fd, 256)
                if not self.cut:
                    os.write(other if fd == one else one, data)

    def close(self) -> None:
        os.write(self._stop, b"x")
        self._thread.join()
        for fd in (*self._masters, *self._slaves, self._stop, self._stop_read):
            os.close(fd)


def served(port: str) -> tuple[Callable[[], None], threading.Thread]:
    """The far end: coils 0-7, holding registers with a u32 and a float, an input register."""
    ready, stops = threading.Event(), list[Callable[[], None]]()
    devices = SimDevice(
        id=7,
        simdata=(
            [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
            [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
            [
                SimData(
                    0,
                    values=[0x0001, 0xE240, 0xE240, 0x0001, 0x4048, 0xF5C3, 0, 0],
                    datatype=DataType.REGISTERS,
                )
            ],
            [SimData(0, values=[2_300, 65_535], datatype=DataType.REGISTERS)],
        ),
    )

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(ended.set))
        server = ModbusSerialServer(devices, framer=FramerType.RTU, port=port, baudrate=115_200)
        await server.serve_forever(background=True)
        ready.set()
        await ended.wait()
        await server.shutdown()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(5)
    return stops[0], thread


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    line = Line()
    stop, thread = served(line.far)
    yield line
    stop()
    thread.join()
    line.close()


@pytest.fixture
def port(line: Line) -> Iterator[ModbusPort]:
    table = BusTable(device=line.near, protocol=Protocol.MODBUS, baud=115_200, timeout_ms=100)
    port = ModbusPort(table)
    port.open()
    yield port
    line.cut = False
    port.close()


def test_a_meter_is_read_in_whole_units_whatever_its_registers_hold(port: ModbusPort) -> None:
    values = (
        ModbusValue(address=0, type=Encoding.U32, register=WH, multiply=10),
        ModbusValue(address=2, type=Encoding.U32_SWAPPED, register=ML),
        ModbusValue(address=0, space=Space.INPUT, register=Register.COUNT, divide=10),
    )
    meter = ModbusMeter(ModbusMeterTable(bus="b", unit=7, values=values), port, 2_000)
    meter.turn()
    assert meter.read() == {WH: 1_234_560, ML: 123_456, Register.COUNT: 230}
    sensor = ModbusSensor(
        ModbusSensorTable(name="power_w", bus="b", unit=7, address=4, type=Encoding.F32, multiply=1000),
        port,
        2_000,
    )
    sensor.turn()
    assert sensor.read() == {"power_w": 3_140}


@pytest.mark.parametrize("table", [{"coil": 3}, {"register": 6, "on": 0xFF00, "off": 1}])
def test_a_relay_follows_and_says_so(port: ModbusPort, table: dict[str, int]) -> None:
    relay = modbus_relay(ModbusRelayTable(bus="b", unit=7, **table), port, Bus("b", port, 10), 2_000)
    for order, state in ((relay.shut, False), (relay.open, True), (relay.shut, False)):
        order()
        relay.turn()
        assert relay.state() is state


def test_what_the_device_does_not_have_is_an_error(port: ModbusPort) -> None:
    value = ModbusValue(address=500, register=WH)
    meter = ModbusMeter(ModbusMeterTable(bus="b", unit=7, values=(value,)), port, 2_000)
    with pytest.raises(OSError, match="unit 7, register 500: refused"):
        meter.turn()
    with pytest.raises(OSError, match="register 500"):
        meter.read()


def test_a_bus_shuts_its_relay_when_it_ends_and_after_the_wire_was_cut(line: Line, port: ModbusPort) -> None:
    bus = Bus("b", port, 10)
    relay = modbus_relay(ModbusRelayTable(bus="b", unit=7, coil=5), port, bus, 2_000)
    other = ModbusPort(BusTable(device=line.near, protocol=Protocol.MODBUS, baud=115_200))
    bus.add(relay)
    relay.open()
    line.cut = True
    with pytest.raises(OSError, match="unit 7, coil 5"):
        relay.turn()
    line.cut = False
    bus.start()
    bus.wait_first(2)
    assert relay.state() is True
    bus.close()
    relay.shut()
    closing = Bus("b", port, 10)
    closing.add(relay)
    closing.start()
    closing.close()
    other.open()
    assert other.coil(7, 5) is False
    other.close()


def test_a_value_is_told_until_it_is_stale_and_no_longer() -> None:
    now = Now()
    latest: Latest[int] = Latest("meter", 2_000, now)
    latest.put(5)
    latest.fail(OSError("no answer"))
    now.after(2_000)
    assert latest.get() == 5
    now.after(1)
    with pytest.raises(OSError, match="no answer for 2001 ms"):
        latest.get()


class Remote:
    """A relay that can be deaf, and says what it is."""

    def __init__(self, travel_ms: int = 0) -> None:
        self.now, self.is_open, self.deaf, self.orders = Now(), False, False, list[bool]()
        self.valve = RemoteValve(
            write=self._write,
            look=self._look,
            hurry=lambda: None,
            stale_ms=2_000,
            travel_ms=travel_ms,
            now_ns=self.now,
        )

    def _write(self, want: bool) -> None:
        if self.deaf:
            raise OSError("deaf")
        self.orders.append(want)
        self.is_open = want

    def _look(self) -> bool | None:
        if self.deaf:
            raise OSError("deaf")
        return self.is_open


def test_a_relay_that_falls_silent_is_told_as_disobeying_whatever_it_was_ordered() -> None:
    far = Remote()
    far.valve.open()
    far.valve.turn()
    far.deaf = True
    far.now.after(2_001)
    assert far.valve.state() is False
    far.valve.shut()
    with pytest.raises(OSError, match="deaf"):
        far.valve.turn()
    assert far.valve.state() is True
    far.deaf = False
    far.valve.turn()
    assert (far.valve.state(), far.is_open) == (False, False)


def test_an_order_is_repeated_until_the_relays_own_word_confirms_it() -> None:
    far = Remote()
    far.valve.open()
    far.valve.turn()
    far.is_open = False  # it fell off: a reset of the relay board
    far.valve.turn()
    far.now.after(300)
    far.valve.turn()
    assert far.orders == [True, True]


def test_a_motor_valve_is_not_judged_while_it_moves() -> None:
    far = Remote(travel_ms=10_000)
    far.valve.open()
    far.valve.turn()
    assert far.valve.state() is None
    far.is_open = False
    for _ in range(10):
        far.now.after(1_000)
        far.valve.turn()
    assert (far.valve.state(), far.orders) == (True, [True, True])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 1e30])
def test_a_float_that_is_no_count_is_an_error(bad: float) -> None:
    words = struct.unpack(">2H", struct.pack(">f", bad))
    with pytest.raises(OSError, match="device says"):
        figure(words, Encoding.F32, 1000, 1)
    assert figure(words[::-1] if bad == 0 else (0x3F80, 0), Encoding.F32, 1000, 3) == 333


def test_an_appliance_on_a_bus_is_known_before_its_agent_asks_and_shut_when_it_ends(
    line: Line, tmp_path: Path
) -> None:
    path = tmp_path / "terminal.toml"
    path.write_text(
        f"""
        [bus.b]
        device = "{line.near}"
        protocol = "modbus"
        baud = 115200
        [[outlets]]
        valve = {{ driver = "modbus", bus = "b", unit = 7, coil = 1 }}
        meter = {{ driver = "modbus", bus = "b", unit = 7, values = [{{ address = 0, type = "u32", register = "wh" }}] }}
        sensors = [{{ driver = "modbus", name = "power_w", bus = "b", unit = 7, address = 0, space = "input" }}]
        """
    )
    file = config.load(path)
    appliance = WiredAppliance(file.wiring, file.bus)
    outlet = appliance.outlets[0]
    assert outlet.meter is not None
    assert outlet.sensors is not None
    assert (outlet.valve.state(), outlet.meter.read(), outlet.sensors.read()) == (
        False,
        {WH: 123_456},
        {"power_w": 2_300},
    )
    outlet.valve.open()
    appliance.close()
    port = ModbusPort(BusTable(device=line.near, protocol=Protocol.MODBUS, baud=115_200))
    port.open()
    assert port.coil(7, 1) is False
    port.close()
