"""Reads the tables of an appliance's wiring out of its one TOML file, and judges them together with its settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from coinslot.terminal.drivers import judging
from coinslot.terminal.drivers.fronts import (
    Hd44780Table,
    St7920Table,
    WatchdogTable,
    Wiring,
)
from coinslot.terminal.drivers.tables import (
    BusTable,
    CoinTable,
    ModbusMeterTable,
    PulseTable,
)
from coinslot.terminal.settings import DisplaySize, Language, MeterKind, OutletSettings, Seconds

Toml: TypeAlias = "dict[str, object]"
PARTS = ("valve", "meter", "sensors", "keypad", "stop", "screen", "qr")
"""Keys of an outlet that are its wiring; `meter` is that only as a table."""
SHAPES = {(2, 16): DisplaySize.SMALL, (4, 20): DisplaySize.TALL}


def split(raw: Toml, refuse: Callable[[str, str], Exception]) -> Toml:
    """The file with each outlet's wiring taken out of it and put under `wiring`. Whatever is no table or list
    where one belongs is left to whoever checks the types."""
    if "wiring" in raw:
        raise refuse("wiring", "there is no such key; wiring stands in each of [[outlets]]")
    outlets = raw.get("outlets")
    if not isinstance(outlets, list):
        return raw
    wired: list[Toml] = []
    plain: list[object] = []
    for number, outlet in enumerate(outlets):
        if not isinstance(outlet, dict):
            plain.append(outlet)
            continue
        parts = {key: outlet[key] for key in PARTS if key in outlet and not _kind(key, outlet[key])}
        plain.append({key: value for key, value in outlet.items() if key not in parts})
        if parts:
            if "valve" not in parts:
                raise refuse(
                    f"outlets[{number}].valve", "what is wired to anything needs a valve or relay too"
                )
            wired.append({**parts, "outlet": outlet.get("outlet", 0)})
    if not wired:
        return raw
    if len(wired) < len(outlets):
        raise refuse("outlets", "some of them have a valve and some none; wire them all, or none")
    for key in ("hardware", "simulated"):
        if key in raw:
            raise refuse(key, "cannot stand beside outlets that have a valve")
    return {**raw, "outlets": plain, "wiring": wired}


def _kind(key: str, value: object) -> bool:
    return key == "meter" and isinstance(value, str)


def place(text: str) -> str:
    """A path of the decoder's in the words of the file."""
    return re.sub(r"\$\.wiring\b", "$.outlets", text).replace("`$.", "`")


def flaw(
    outlets: tuple[OutletSettings, ...],
    wirings: tuple[Wiring, ...],
    buses: dict[str, BusTable],
    watchdog: WatchdogTable | None,
    language: Language,
) -> judging.Flaw | None:
    """The first contradiction, None where there is none."""
    numbers = [outlet.outlet for outlet in outlets]
    for number, outlet in enumerate(numbers):
        if outlet in numbers[:number]:
            return f"outlets[{number}].outlet", f"{outlet} is there already"
    for found in judging.flaws(wirings, buses, watchdog):
        return found
    for number, (settings, wiring) in enumerate(zip(outlets, wirings, strict=False)):
        odd = _beside(settings, wiring, language)
        if odd is not None:
            return f"outlets[{number}].{odd[0]}", odd[1]
    return None


def _beside(settings: OutletSettings, wiring: Wiring, language: Language) -> judging.Flaw | None:
    counted = judging.registers(wiring.meter)
    for register in settings.meters:
        if register not in counted:
            return (
                "meters",
                f"{register} is counted by nothing that is wired; the meter counts {list(counted)}",
            )
    screen = wiring.screen
    if isinstance(screen, Hd44780Table) and language is Language.ZH:
        return "screen", 'an hd44780 has no Chinese characters; set language = "en", or use an st7920'
    size = _size(wiring)
    if size is not None and settings.display is not size:
        return "display", f"the display that is wired shows {size}"
    return None


def follow(wiring: Wiring, said: frozenset[str]) -> dict[str, object]:
    """Settings that follow from the wiring, where the file does not say them itself."""
    meter, found = wiring.meter, dict[str, object]()
    found["meters"] = judging.registers(meter)
    if isinstance(meter, ModbusMeterTable):
        found["meter"] = meter.kind
    elif meter is not None and not isinstance(meter, PulseTable) and not isinstance(wiring.valve, CoinTable):
        found["meter"] = MeterKind.LASTING
    if isinstance(wiring.valve, CoinTable):
        found["seconds"] = Seconds.OPENING
    size = _size(wiring)
    if size is not None:
        found["display"] = size
    if isinstance(wiring.screen, Hd44780Table):
        found["one_language"] = True  # Chinese would be a row of question marks
    return {key: value for key, value in found.items() if key not in said}


def _size(wiring: Wiring) -> DisplaySize | None:
    match wiring.screen:
        case Hd44780Table(rows=rows, columns=columns):
            return SHAPES.get((rows, columns))
        case St7920Table():
            return DisplaySize.WIDE  # each of its two lines takes two of the display's four
        case None:
            return None
