"""The tables of the configuration that describe an appliance's front, its keys and displays, and an outlet as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, field

from coinslot.terminal.drivers.tables import (
    Driver,
    Input,
    LineId,
    MeterTable,
    Output,
    Path,
    Pull,
    SensorTable,
    Table,
    ValveTable,
)

# ---------------------------------------------------------------- keys


Row = Annotated[str, Meta(min_length=1, max_length=8)]


class MatrixTable(Driver, frozen=True, kw_only=True, tag="matrix"):
    """A keypad of rows and columns; every row pulls low through it, every column has a resistor to high."""

    rows: Annotated[tuple[LineId, ...], Meta(min_length=1, max_length=8)]
    columns: Annotated[tuple[LineId, ...], Meta(min_length=1, max_length=8)]
    chip: Path = "/dev/gpiochip0"
    keys: Annotated[tuple[Row, ...], Meta(min_length=1, max_length=8)] = ("123", "456", "789", "*0#")
    """What stands on them, a string for each row; a space is no key, S the stop key."""
    pull: Pull = Pull.UP


class HidTable(Driver, frozen=True, kw_only=True, tag="hid"):
    """A keypad that is a keyboard to the board."""

    device: Path
    """Under /dev/input/by-id, so that it stays the same whatever port is used."""
    keys: dict[Annotated[str, Meta(pattern="^[0-9]{1,3}$")], Annotated[str, Meta(pattern="^[0-9*#S]$")]] = (
        field(default_factory=dict)
    )
    """Key codes beside those of digits, Enter (#), Backspace and * (*)."""


class ButtonTable(Driver, frozen=True, kw_only=True, tag="button"):
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


class Hd44780Table(Driver, frozen=True, kw_only=True, tag="hd44780"):
    """A character display behind a PCF8574 on I²C."""

    bus: Path = "/dev/i2c-1"
    address: Annotated[int, Meta(ge=0x08, le=0x77)] = 0x27
    columns: Literal[16, 20] = 16
    rows: Literal[2, 4] = 2
    rom: Rom = Rom.A00


class St7920Table(Driver, frozen=True, kw_only=True, tag="st7920"):
    """A display of 128×64 dots with a GB 2312 font, on SPI: four lines of 16 columns."""

    device: Path = "/dev/spidev0.0"
    speed_hz: Annotated[int, Meta(ge=10_000, le=400_000)] = 200_000


ScreenTable = Hd44780Table | St7920Table


class FramebufferTable(Driver, frozen=True, kw_only=True, tag="framebuffer"):
    """QR codes, as large as a Linux framebuffer allows."""

    device: Path = "/dev/fb0"


class EpaperTable(Driver, frozen=True, kw_only=True, tag="ssd1680"):
    """QR codes on e-paper of 2.13 inches, 122×250 dots, on SPI."""

    device: Path = "/dev/spidev0.0"
    speed_hz: Annotated[int, Meta(ge=100_000, le=20_000_000)] = 4_000_000
    data: Output
    """High for data, low for commands."""
    reset: Output
    """Its reset is low: `active_low = true`."""
    busy: Input


QrTable = FramebufferTable | EpaperTable


class Wiring(Table, frozen=True, kw_only=True):
    """What one outlet is wired to."""

    outlet: Annotated[int, Meta(ge=0, le=31)] = 0
    valve: ValveTable
    meter: MeterTable | None = None
    sensors: tuple[SensorTable, ...] = ()
    keypad: KeyTable | None = None
    stop: ButtonTable | None = None
    """A stop key of its own, beside the keypad."""
    screen: ScreenTable | None = None
    qr: QrTable | None = None


class WatchdogTable(Table, frozen=True, kw_only=True):
    """`[watchdog]`: hardware that acts when the agent does not."""

    device: Path | None = None
    """The board's own: it is reset when nobody has written for `timeout_s`."""
    timeout_s: Annotated[int, Meta(ge=2, le=120)] = 15
    enable: Output | None = None
    """Toggled five times a second while the agent lives: a charge pump behind it lets valves have power at all."""
