"""What may not stand beside what in the tables of an appliance's wiring. Pure: a path and a reason, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from coinslot.terminal.drivers.fronts import (
    ButtonTable,
    EpaperTable,
    FramebufferTable,
    Hd44780Table,
    HidTable,
    MatrixTable,
    St7920Table,
    WatchdogTable,
    Wiring,
)
from coinslot.terminal.drivers.tables import (
    BusTable,
    Cjt188MeterTable,
    Cjt188ValveTable,
    CoinMeterTable,
    CoinTable,
    GpioSensorTable,
    GpioValveTable,
    LineId,
    MeterTable,
    ModbusMeterTable,
    ModbusRelayTable,
    ModbusSensorTable,
    Protocol,
    PulseTable,
)
from coinslot.wire.registers import Register

Flaw = tuple[str, str]
"""The key, and what is wrong with it."""
KEYS = frozenset("0123456789*#S ")
_Bussed = ModbusRelayTable | Cjt188ValveTable | ModbusMeterTable | Cjt188MeterTable | ModbusSensorTable
_SPOKEN = {
    ModbusRelayTable: Protocol.MODBUS,
    ModbusMeterTable: Protocol.MODBUS,
    ModbusSensorTable: Protocol.MODBUS,
    Cjt188ValveTable: Protocol.CJT188,
    Cjt188MeterTable: Protocol.CJT188,
}


def registers(meter: MeterTable | None) -> tuple[Register, ...]:
    """What a meter counts, in its order."""
    match meter:
        case None:
            return ()
        case PulseTable(register=register):
            return (register,)
        case CoinMeterTable():
            return (Register.COUNT,)
        case ModbusMeterTable(values=values):
            return tuple(value.register for value in values)
        case Cjt188MeterTable():
            return (Register.ML,)


def flaws(
    wirings: Sequence[Wiring], buses: Mapping[str, BusTable], watchdog: WatchdogTable | None
) -> Iterator[Flaw]:
    """Everything that contradicts something, in the file's order."""
    for number, wiring in enumerate(wirings):
        at = f"outlets[{number}]"
        yield from _valve(at, wiring)
        yield from _meter(at, wiring)
        yield from _sensors(at, wiring)
        yield from _keys(at, wiring)
        yield from _screen(at, wiring)
    yield from _buses(wirings, buses)
    yield from _doubles(wirings, buses, watchdog)


def _valve(at: str, wiring: Wiring) -> Iterator[Flaw]:
    valve = wiring.valve
    if isinstance(valve, ModbusRelayTable):
        if (valve.coil is None) is (valve.register is None):
            yield f"{at}.valve", "give either `coil` or `register`"
        if valve.on == valve.off:
            yield f"{at}.valve.on", f"must differ from off = {valve.off}"
    if isinstance(valve, CoinTable) and not isinstance(wiring.meter, CoinMeterTable):
        yield (
            f"{at}.meter",
            'an outlet with a coin output is metered by it: write meter = { driver = "coin" }',
        )


def _meter(at: str, wiring: Wiring) -> Iterator[Flaw]:
    meter = wiring.meter
    if isinstance(meter, CoinMeterTable) and not isinstance(wiring.valve, CoinTable):
        yield f"{at}.meter", "a coin meter needs a coin output as the outlet's valve"
    if isinstance(meter, PulseTable) and meter.debounce_us * meter.most_hz >= 1_000_000:
        yield (
            f"{at}.meter.debounce_us",
            f"{meter.debounce_us} µs would swallow pulses at most_hz = {meter.most_hz}",
        )
    counted = registers(meter)
    if Register.S in counted:
        yield f"{at}.meter", "seconds are counted by the terminal itself, not by a meter"
    for register, times in Counter(counted).items():
        if times > 1:
            yield f"{at}.meter.values", f"{register} is there {times} times"


def _sensors(at: str, wiring: Wiring) -> Iterator[Flaw]:
    for name, times in Counter(sensor.name for sensor in wiring.sensors).items():
        if times > 1:
            yield f"{at}.sensors", f"{name} is there {times} times"


def _keys(at: str, wiring: Wiring) -> Iterator[Flaw]:
    keypad = wiring.keypad
    if not isinstance(keypad, MatrixTable):
        return
    shape = [len(row) for row in keypad.keys]
    if shape != [len(keypad.columns)] * len(keypad.rows):
        yield (
            f"{at}.keypad.keys",
            f"{len(keypad.rows)} rows of {len(keypad.columns)} keys are wired, the strings have {shape}",
        )
    signs = Counter("".join(keypad.keys))
    odd = sorted(set(signs) - KEYS)
    twice = [sign for sign, times in signs.items() if times > 1 and sign != " "]
    if odd:
        yield (
            f"{at}.keypad.keys",
            f"{odd[0]!r} is no key; keys are 0 to 9, * and #, S to stop, a space for none",
        )
    if twice:
        yield f"{at}.keypad.keys", f"{twice[0]!r} is there twice"


def _screen(at: str, wiring: Wiring) -> Iterator[Flaw]:
    screen = wiring.screen
    if isinstance(screen, Hd44780Table) and (screen.rows, screen.columns) not in {(2, 16), (4, 20)}:
        yield f"{at}.screen.rows", f"{screen.rows}x{screen.columns} is not supported; 2x16 and 4x20 are"


def _buses(wirings: Sequence[Wiring], buses: Mapping[str, BusTable]) -> Iterator[Flaw]:
    used = set()
    for at, table in _bussed(wirings):
        used.add(table.bus)
        bus, spoken = buses.get(table.bus), _SPOKEN[type(table)]
        if bus is None:
            yield f"{at}.bus", f"there is no [bus.{table.bus}]"
        elif bus.protocol is not spoken:
            yield f"{at}.bus", f"[bus.{table.bus}] speaks {bus.protocol}, not {spoken}"
    for name in buses.keys() - used:
        yield f"bus.{name}", "nothing hangs on it; take it out or wire something to it"


def _bussed(wirings: Sequence[Wiring]) -> Iterator[tuple[str, _Bussed]]:
    for number, wiring in enumerate(wirings):
        parts: list[tuple[str, object]] = [("valve", wiring.valve), ("meter", wiring.meter)]
        parts += [(f"sensors[{at}]", sensor) for at, sensor in enumerate(wiring.sensors)]
        for name, part in parts:
            if isinstance(part, _Bussed):
                yield f"outlets[{number}].{name}", part


def _doubles(
    wirings: Sequence[Wiring], buses: Mapping[str, BusTable], watchdog: WatchdogTable | None
) -> Iterator[Flaw]:
    seen: dict[tuple[str, LineId], str] = {}
    taken = [place for number, one in enumerate(wirings) for place in _places(f"outlets[{number}]", one)]
    taken += [(f"bus.{name}.device", bus.device, 0) for name, bus in buses.items()]
    if watchdog is not None and watchdog.enable is not None:
        taken.append(("watchdog.enable", watchdog.enable.chip, watchdog.enable.line))
    for at, device, line in taken:
        if (device, line) in seen:
            what = f"line {line} of {device}" if "gpiochip" in device else device
            yield at, f"{what} is used by {seen[device, line]} already"
        seen.setdefault((device, line), at)


def _places(at: str, wiring: Wiring) -> Iterator[tuple[str, str, LineId]]:
    """Every line and device file of one outlet that only one part may have."""
    parts = {
        "valve": wiring.valve,
        "meter": wiring.meter,
        "keypad": wiring.keypad,
        "stop": wiring.stop,
        "screen": wiring.screen,
        "qr": wiring.qr,
        **{f"sensors[{number}]": sensor for number, sensor in enumerate(wiring.sensors)},
    }
    for name, part in parts.items():
        match part:
            case PulseTable() | GpioSensorTable() | ButtonTable():
                yield f"{at}.{name}.line", part.chip, part.line
            case GpioValveTable(feedback=beside) | CoinTable(busy=beside):
                yield f"{at}.{name}.line", part.chip, part.line
                if beside is not None:
                    yield f"{at}.{name}", beside.chip, beside.line
            case MatrixTable():
                for line in (*part.rows, *part.columns):
                    yield f"{at}.{name}", part.chip, line
            case Hd44780Table():
                yield f"{at}.{name}.address", part.bus, part.address
            case EpaperTable():
                yield f"{at}.{name}.device", part.device, 0
                for key, pin in (("data", part.data), ("reset", part.reset), ("busy", part.busy)):
                    yield f"{at}.{name}.{key}", pin.chip, pin.line
            case HidTable() | St7920Table() | FramebufferTable():
                yield f"{at}.{name}.device", part.device, 0
            case _:
                pass
