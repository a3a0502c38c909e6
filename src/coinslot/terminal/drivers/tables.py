"""The tables of the configuration that describe what an appliance lets run and counts, as they stand in the TOML."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

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


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any of them: a key nobody knows is refused."""


class Driver(Table, frozen=True, kw_only=True, tag_field="driver"):
    """One that names its driver."""


class Pull(StrEnum):
    """A line's own resistor."""

    UP = "up"
    DOWN = "down"
    NONE = "none"
    """The board has one."""


class Input(Table, frozen=True, kw_only=True):
    """One input line."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    pull: Pull = Pull.NONE


class Output(Table, frozen=True, kw_only=True):
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


class BusTable(Table, frozen=True, kw_only=True):
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


class GpioValveTable(Driver, frozen=True, kw_only=True, tag="gpio"):
    """A valve or relay on an output line, perhaps with an end switch on an input line."""

    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    """The valve opens when the line is low."""
    feedback: Input | None = None
    """Active while the valve is open."""


class CoinTable(Driver, frozen=True, kw_only=True, tag="coin"):
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


class ModbusRelayTable(Driver, frozen=True, kw_only=True, tag="modbus"):
    """A relay behind a coil, or behind a holding register."""

    bus: Name
    unit: Unit = 1
    coil: Address | None = None
    register: Address | None = None
    on: Annotated[int, Meta(ge=0, le=65_535)] = 1
    off: Annotated[int, Meta(ge=0, le=65_535)] = 0


class Cjt188ValveTable(Driver, frozen=True, kw_only=True, tag="cjt188"):
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


class PulseTable(Driver, frozen=True, kw_only=True, tag="gpio"):
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


class CoinMeterTable(Driver, frozen=True, kw_only=True, tag="coin"):
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


class ModbusValue(Table, frozen=True, kw_only=True):
    """One figure: raw × `multiply` ÷ `divide`, rounded down, is in the unit of its register."""

    address: Address
    register: Register
    type: Encoding = Encoding.U16
    space: Space = Space.HOLDING
    multiply: Ratio = 1
    divide: Ratio = 1


class ModbusMeterTable(Driver, frozen=True, kw_only=True, tag="modbus"):
    """A meter on a bus."""

    bus: Name
    unit: Unit = 1
    values: Annotated[tuple[ModbusValue, ...], Meta(min_length=1, max_length=4)]
    kind: MeterKind = MeterKind.LASTING


class Cjt188MeterTable(Driver, frozen=True, kw_only=True, tag="cjt188"):
    """A CJ/T 188 water meter."""

    bus: Name
    address: Annotated[str, Meta(pattern="^[0-9]{14}$")]
    type: Annotated[int, Meta(ge=0x10, le=0x19)] = 0x10
    data: Annotated[str, Meta(pattern="^[0-9A-F]{4}$")] = "901F"


MeterTable = PulseTable | CoinMeterTable | ModbusMeterTable | Cjt188MeterTable


# ---------------------------------------------------------------- sensors


class GpioSensorTable(Driver, frozen=True, kw_only=True, tag="gpio"):
    """1 while the line is active, else 0: `leak`, a float switch."""

    name: Name
    line: LineId
    chip: Path = "/dev/gpiochip0"
    active_low: bool = False
    pull: Pull = Pull.UP


class ModbusSensorTable(Driver, frozen=True, kw_only=True, tag="modbus"):
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
