"""An appliance made of its drivers, as the configuration's tables name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar, assert_never

from coinslot.terminal.drivers.bus import Bus
from coinslot.terminal.drivers.coin import CoinOutput
from coinslot.terminal.drivers.fronts import (
    ButtonTable,
    EpaperTable,
    FramebufferTable,
    Hd44780Table,
    HidTable,
    KeyTable,
    MatrixTable,
    QrTable,
    ScreenTable,
    St7920Table,
    Wiring,
)
from coinslot.terminal.drivers.gpio import GpioValve, InputLine, Opener, OutputLine, open_lines
from coinslot.terminal.drivers.keys import Button, Matrix, Tell
from coinslot.terminal.drivers.painter import NoScreen, Painter, Screens
from coinslot.terminal.drivers.serials import Serials
from coinslot.terminal.drivers.tables import (
    BusTable,
    CoinMeterTable,
    CoinTable,
    GpioSensorTable,
    GpioValveTable,
    Input,
    MeterTable,
    ModbusSensorTable,
    PulseTable,
    SensorTable,
    ValveTable,
)
from coinslot.terminal.ports import Meter, Outlet, Pressed, Screen, Sensors, Valve


class Keys(Protocol):
    """Something with keys."""

    def start(self, tell: Tell) -> None:
        """Tell of keys from now on, on the running loop's thread."""

    def close(self) -> None:
        """Let go of it."""


class _Closing(Protocol):
    def close(self) -> None: ...


_Part = TypeVar("_Part", bound=_Closing)


class SwitchSensor:
    """An input line as a sensor: 1 or 0."""

    def __init__(self, table: GpioSensorTable, opener: Opener) -> None:
        wanted = Input(line=table.line, chip=table.chip, active_low=table.active_low, pull=table.pull)
        self._name, self._input = table.name, InputLine(wanted, opener)

    def read(self) -> Mapping[str, int]:
        """Now."""
        return {self._name: int(self._input.active())}

    def close(self) -> None:
        """Give the line back."""
        self._input.close()


class AllSensors:
    """Several sensors of one outlet. One that does not answer makes none of them answer: the core must not take
    half a picture for a whole one."""

    def __init__(self, sensors: Sequence[Sensors]) -> None:
        self._sensors = sensors

    def read(self) -> Mapping[str, int]:
        """All of them together."""
        return {name: value for one in self._sensors for name, value in one.read().items()}


class WiredAppliance:
    """One appliance's hardware. Whatever of it cannot be had is an OSError at once: a terminal that lacks a part
    says so before it sells anything."""

    def __init__(
        self,
        wirings: Sequence[Wiring],
        buses: Mapping[str, BusTable],
        opener: Opener = open_lines,
    ) -> None:
        self._opener = opener
        self._closing: list[_Closing] = []
        self._serials = Serials(buses)
        self._outlets: dict[int, Outlet] = {}
        self.keys: dict[int, list[Keys]] = {}
        """Keypads and stop keys, by outlet."""
        self.painters: dict[int, list[Painter]] = {}
        """Displays, by outlet."""
        try:
            for wiring in wirings:
                self._outlets[wiring.outlet] = self._outlet(wiring)
        except OSError:
            self.close()
            raise
        self._serials.start()

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the agent is wired to."""
        return self._outlets

    @property
    def buses(self) -> Mapping[str, Bus]:
        """The serial buses by name."""
        return self._serials.buses

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Have keys told; called on the running event loop."""
        for keys in self.keys.values():
            for one in keys:
                one.start(pressed)

    def close(self) -> None:
        """Every valve shut, every line given back, orders on the buses carried out. OSError of the first part that
        failed, after all have been tried."""
        failed: OSError | None = None
        for outlet in self._outlets.values():
            try:
                outlet.valve.shut()
            except OSError as error:
                failed = failed or error
        self._serials.close()
        while self._closing:
            try:
                self._closing.pop().close()
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    # ------------------------------------------------------------ parts

    def _outlet(self, wiring: Wiring) -> Outlet:
        valve = self._valve(wiring.valve)
        coin = valve if isinstance(valve, CoinOutput) else None
        meter = None if wiring.meter is None else self._meter(wiring.meter, coin)
        sensors = [self._sensor(table) for table in wiring.sensors]
        keys = [table for table in (wiring.keypad, wiring.stop) if table is not None]
        self.keys[wiring.outlet] = [self._keys(table, wiring.outlet) for table in keys]
        return Outlet(
            valve=valve,
            meter=meter,
            screen=self._screen(wiring),
            sensors=AllSensors(sensors) if sensors else None,
            credits=coin,
        )

    def _valve(self, table: ValveTable) -> Valve:
        if isinstance(table, GpioValveTable):
            return self._kept(GpioValve(table, self._opener))
        if isinstance(table, CoinTable):
            return self._kept(CoinOutput(table, self._opener))
        return self._serials.valve(table)

    def _meter(self, table: MeterTable, coin: CoinOutput | None) -> Meter:
        if isinstance(table, PulseTable):
            from coinslot.terminal.drivers.pulses import PulseMeter

            return self._kept(PulseMeter(table, self._opener))
        if isinstance(table, CoinMeterTable):
            if coin is None:
                raise OSError("a coin meter needs a coin output as its valve")
            return coin
        return self._serials.meter(table)

    def _sensor(self, table: SensorTable) -> Sensors:
        match table:
            case GpioSensorTable():
                return self._kept(SwitchSensor(table, self._opener))
            case ModbusSensorTable():
                return self._serials.sensor(table)
            case _:
                assert_never(table)

    def _keys(self, table: KeyTable, outlet: int) -> Keys:
        match table:
            case MatrixTable():
                return self._kept(Matrix(table, outlet, self._opener))
            case HidTable():
                from coinslot.terminal.drivers.hid import HidKeypad

                return self._kept(HidKeypad(table, outlet))
            case ButtonTable():
                return self._kept(Button(table, outlet, self._opener))
            case _:
                assert_never(table)

    def _screen(self, wiring: Wiring) -> Screen:
        tables = [table for table in (wiring.screen, wiring.qr) if table is not None]
        painters = [self._kept(_painter(table, wiring.outlet, self._opener)) for table in tables]
        self.painters[wiring.outlet] = painters
        return Screens(tuple(painters)) if painters else NoScreen()

    def _kept(self, part: _Part) -> _Part:
        self._closing.append(part)
        return part


def _painter(table: ScreenTable | QrTable, outlet: int, opener: Opener) -> Painter:
    match table:
        case Hd44780Table():
            from coinslot.terminal.drivers.hd44780 import Hd44780, I2c

            return Painter(Hd44780(table, I2c(table.bus, table.address)), f"{outlet} ({table.bus})")
        case St7920Table():
            from coinslot.terminal.drivers.spi import Spi
            from coinslot.terminal.drivers.st7920 import SPI_MODE, St7920

            return Painter(St7920(Spi(table.device, table.speed_hz, SPI_MODE)), f"{outlet} ({table.device})")
        case FramebufferTable():
            from coinslot.terminal.drivers.framebuffer import Framebuffer

            return Painter(Framebuffer(table.device), f"{outlet} ({table.device})")
        case EpaperTable():
            from coinslot.terminal.drivers.spi import Spi
            from coinslot.terminal.drivers.ssd1680 import Ssd1680

            pins = OutputLine(table.data, opener), OutputLine(table.reset, opener)
            epaper = Ssd1680(Spi(table.device, table.speed_hz), *pins, InputLine(table.busy, opener))
            return Painter(epaper, f"{outlet} ({table.device})")
        case _:
            assert_never(table)
