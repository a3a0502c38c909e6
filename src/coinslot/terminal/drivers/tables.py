"""The tables of the configuration that describe an appliance's wiring, as they stand in the TOML."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from coinslot.terminal.settings import MeterKind
from coinslot.wire.registers import Register

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$")]
Path = Annotated[str, Meta(min_length=1, max_length=200)]
LineId = Annotated[int, Meta(ge=0, le=1023)] | Annotated[str, Meta(min_length=1, max_length=64)]
"""A line's number on its chip, or the name the board's device tree gives it."""
Ratio = Annotated[int, Meta(ge=1, le=10_000_000)]
Unit = Annotated[int, Meta(ge=1, le=247)]
Address = Annotated[int, Meta(ge=0, le=65_535)]


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class _Driver(_Table, frozen=True, kw_only=True, tag_field="driver"):
    pass


class Pull(StrEnum):
    """A line's own resistor."""

    UP = "up"
    DOWN = "down"
    NONE = "none"
    """The board has one."""


class Input(_Table, frozen=True, kw_only=True):
    """One input line."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    pull: Pull = Pull.NONE


class Output(_Table, frozen=True, kw_only=True):
    """One output line."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False


# ---------------------------------------------------------------- buses


class Protocol(StrEnum):
    """What is spoken on a serial line."""

    MODBUS = "modbus"
    CJT188 = "cjt188"


class Parity(StrEnum):
    """Of each byte on a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


class BusTable(_Table, frozen=True, kw_only=True):
    """`[bus.NAME]`: one serial port, with whatever hangs on it."""

    device: Path
    protocol: Protocol
    baud: Annotated[int, Meta(ge=300, le=115_200)] = 9_600
    parity: Parity = Parity.NONE
    timeout_ms: Annotated[int, Meta(ge=20, le=2_000)] = 300
    """How long one device may take to begin its answer."""
    pause_ms: Annotated[int, Meta(ge=10, le=1_000)] = 100
    """Between two rounds of all its devices."""
    stale_ms: Annotated[int, Meta(ge=500, le=10_000)] = 2_000
    """A value older than this is no value."""


# ---------------------------------------------------------------- valves


class GpioValveTable(_Driver, frozen=True, kw_only=True, tag="gpio"):
    """A valve or relay on an output line, perhaps with an end switch on an input line."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    """The valve opens when the line is low."""
    feedback: Input | None = None
    """Active while the valve is open."""


class CoinTable(_Driver, frozen=True, kw_only=True, tag="coin"):
    """An appliance's own coin input: a train of pulses pays it, a busy line says whether it runs."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    pulses: Annotated[int, Meta(ge=1, le=100)] = 1
    """Of each credit."""
    width_ms: Annotated[int, Meta(ge=1, le=2_000)] = 50
    gap_ms: Annotated[int, Meta(ge=1, le=5_000)] = 100
    most_credits: Annotated[int, Meta(ge=1, le=1_000)] = 50
    """A start for more than this is refused: nobody feeds so many coins."""
    busy: Input | None = None
    """Active while the appliance runs. Without it the credits themselves are the use."""
    start_within_s: Annotated[int, Meta(ge=1, le=3_600)] = 120
    """After the last pulse somebody must have pressed the appliance's own start key."""
    settle_ms: Annotated[int, Meta(ge=0, le=60_000)] = 3_000
    """The busy line must rest for this long before the run is over: lamps blink."""


class ModbusRelayTable(_Driver, frozen=True, kw_only=True, tag="modbus"):
    """A relay behind a coil, or behind a holding register."""

    bus: Name
    unit: Unit = 1
    coil: Address | None = None
    register: Address | None = None
    on: Annotated[int, Meta(ge=0, le=65_535)] = 1
    off: Annotated[int, Meta(ge=0, le=65_535)] = 0


class Cjt188ValveTable(_Driver, frozen=True, kw_only=True, tag="cjt188"):
    """The valve inside a CJ/T 188 water meter."""

    bus: Name
    address: Annotated[str, Meta(pattern="^[0-9]{14}$")]
    """Seven bytes as printed: the maker's code first, then the number."""
    type: Annotated[int, Meta(ge=0x10, le=0x19)] = 0x10
    data: Annotated[str, Meta(pattern="^[0-9A-F]{4}$")] = "A017"
    """The identifier's two bytes in the order they are sent."""
    status_data: Annotated[str, Meta(pattern="^[0-9A-F]{4}$")] = "901F"
    """That of the reading whose status tells of the valve: 901F by the rules of 2004, 1F90 by those of 2018."""
    travel_s: Annotated[int, Meta(ge=1, le=60)] = 10
    """A motor valve moves for this long; until then its status is not looked at."""


ValveTable = GpioValveTable | CoinTable | ModbusRelayTable | Cjt188ValveTable


# ---------------------------------------------------------------- meters


class PulseTable(_Driver, frozen=True, kw_only=True, tag="gpio"):
    """Pulses on an input line: `pulses` of them are `per` units of the register."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    pull: Pull = Pull.UP
    pulses: Ratio
    per: Ratio = 1_000
    register: Register = Register.ML
    debounce_us: Annotated[int, Meta(ge=0, le=500_000)] = 1_000
    most_hz: Annotated[int, Meta(ge=1, le=10_000)] = 400
    """More pulses a second than the meter can make are noise on its cable, and a fault."""


class CoinMeterTable(_Driver, frozen=True, kw_only=True, tag="coin"):
    """Credits used, by the busy line of the coin output that is this outlet's valve."""


class Encoding(StrEnum):
    """How a figure stands in Modbus registers."""

    U16 = "u16"
    U32 = "u32"
    """The high word first."""
    U32_SWAPPED = "u32-swapped"
    """The low word first."""
    F32 = "f32"
    F32_SWAPPED = "f32-swapped"


class Space(StrEnum):
    """Which of a device's registers."""

    HOLDING = "holding"
    INPUT = "input"


class ModbusValue(_Table, frozen=True, kw_only=True):
    """One figure: raw × `multiply` ÷ `divide`, rounded down, is in the unit of its register."""

    address: Address
    register: Register
    type: Encoding = Encoding.U16
    space: Space = Space.HOLDING
    multiply: Ratio = 1
    divide: Ratio = 1


class ModbusMeterTable(_Driver, frozen=True, kw_only=True, tag="modbus"):
    """A meter on a bus."""

    bus: Name
    unit: Unit = 1
    values: Annotated[tuple[ModbusValue, ...], Meta(min_length=1, max_length=4)]
    kind: MeterKind = MeterKind.LASTING


class Cjt188MeterTable(_Driver, frozen=True, kw_only=True, tag="cjt188"):
    """A CJ/T 188 water meter."""

    bus: Name
    address: Annotated[str, Meta(pattern="^[0-9]{14}$")]
    type: Annotated[int, Meta(ge=0x10, le=0x19)] = 0x10
    data: Annotated[str, Meta(pattern="^[0-9A-F]{4}$")] = "901F"


MeterTable = PulseTable | CoinMeterTable | ModbusMeterTable | Cjt188MeterTable


# ---------------------------------------------------------------- sensors


class GpioSensorTable(_Driver, frozen=True, kw_only=True, tag="gpio"):
    """1 while the line is active, else 0: `leak`, a float switch."""

    name: Name
    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    pull: Pull = Pull.UP


class ModbusSensorTable(_Driver, frozen=True, kw_only=True, tag="modbus"):
    """A figure of a device on a bus: `power_w`, `tds_ppm`."""

    name: Name
    bus: Name
    unit: Unit = 1
    address: Address
    type: Encoding = Encoding.U16
    space: Space = Space.HOLDING
    multiply: Ratio = 1
    divide: Ratio = 1


SensorTable = GpioSensorTable | ModbusSensorTable


# ---------------------------------------------------------------- keys


Row = Annotated[str, Meta(min_length=1, max_length=8)]


class MatrixTable(_Driver, frozen=True, kw_only=True, tag="matrix"):
    """A keypad of rows and columns; every row pulls low through it, every column has a resistor to high."""

    rows: Annotated[tuple[LineId, ...], Meta(min_length=1, max_length=8)]
    columns: Annotated[tuple[LineId, ...], Meta(min_length=1, max_length=8)]
    chip: Path = "/dev/gpiochip0"
    keys: Annotated[tuple[Row, ...], Meta(min_length=1, max_length=8)] = ("123", "456", "789", "*0#")
    """What stands on them, a string for each row; a space is no key, S the stop key."""
    pull: Pull = Pull.UP


class HidTable(_Driver, frozen=True, kw_only=True, tag="hid"):
    """A keypad that is a keyboard to the board."""

    device: Path
    """Under /dev/input/by-id, so that it stays the same whatever port is used."""
    keys: dict[Annotated[str, Meta(pattern="^[0-9]{1,3}$")], Annotated[str, Meta(pattern="^[0-9*#S]$")]] = {}
    """Key codes beside those of digits, Enter (#), Backspace and * (*)."""


class ButtonTable(_Driver, frozen=True, kw_only=True, tag="button"):
    """One key alone: the stop key."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = True
    pull: Pull = Pull.UP


KeyTable = MatrixTable | HidTable | ButtonTable


# ---------------------------------------------------------------- displays


class Rom(StrEnum):
    """The character set burnt into a display."""

    A00 = "A00"
    """Japanese: no backslash, no tilde."""
    A02 = "A02"
    """European."""


class Hd44780Table(_Driver, frozen=True, kw_only=True, tag="hd44780"):
    """A character display behind a PCF8574 on I²C."""

    bus: Path = "/dev/i2c-1"
    address: Annotated[int, Meta(ge=0x08, le=0x77)] = 0x27
    columns: Literal[16, 20] = 16
    rows: Literal[2, 4] = 2
    rom: Rom = Rom.A00


class St7920Table(_Driver, frozen=True, kw_only=True, tag="st7920"):
    """A display of 128×64 dots with a GB 2312 font, on SPI: four lines of 16 columns."""

    device: Path = "/dev/spidev0.0"
    speed_hz: Annotated[int, Meta(ge=10_000, le=400_000)] = 200_000


ScreenTable = Hd44780Table | St7920Table


class FramebufferTable(_Driver, frozen=True, kw_only=True, tag="framebuffer"):
    """QR codes, as large as a Linux framebuffer allows."""

    device: Path = "/dev/fb0"


class Wiring(_Table, frozen=True, kw_only=True):
    """What one outlet is wired to."""

    outlet: Annotated[int, Meta(ge=0, le=31)] = 0
    valve: ValveTable
    meter: MeterTable | None = None
    sensors: tuple[SensorTable, ...] = ()
    keypad: KeyTable | None = None
    stop: ButtonTable | None = None
    """A stop key of its own, beside the keypad."""
    screen: ScreenTable | None = None
    qr: FramebufferTable | None = None


class WatchdogTable(_Table, frozen=True, kw_only=True):
    """`[watchdog]`: hardware that acts when the agent does not."""

    device: Path | None = None
    """The board's own: it is reset when nobody has written for `timeout_s`."""
    timeout_s: Annotated[int, Meta(ge=2, le=120)] = 15
    enable: Output | None = None
    """Toggled five times a second while the agent lives: a charge pump behind it lets valves have power at all."""
