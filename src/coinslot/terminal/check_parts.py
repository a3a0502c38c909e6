"""The appliance's own parts, tried: displays, valves and meters, sensors, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from coinslot.terminal.check import Finding, fail, ok, skip, warn
from coinslot.terminal.clock import Clock
from coinslot.terminal.drivers.coin import CoinOutput
from coinslot.terminal.drivers.fronts import Wiring
from coinslot.terminal.drivers.painter import NoScreen, Screens
from coinslot.terminal.drivers.tables import Cjt188ValveTable
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.ports import Hardware, Meter, Outlet, Pressed
from coinslot.terminal.settings import OutletSettings, Settings
from coinslot.wire.registers import Register, Registers

STEP_MS = 50
OPEN_MS = 1_000
FOLLOW_MS = 2_000
"""A valve has this long to follow its order."""
ANSWER_MS = 2_500
"""A bus has asked every device once by then."""
DRAW_MS = 10_000
"""E-paper takes seconds, in the cold several."""
KEY_MS = 10_000
UNITS = {Register.ML: "mL", Register.WH: "Wh", Register.COUNT: "", Register.S: "s"}

Ask = Callable[[str], bool]
"""Puts a question to whoever stands at the appliance."""


class Trying(Struct, frozen=True, kw_only=True):
    """What to try, and with whom."""

    water: bool = True
    """Open the valves."""
    keys: bool = True
    ask: Ask | None = None


class Parts:
    """One appliance."""

    def __init__(
        self,
        hardware: Hardware,
        settings: Settings,
        clock: Clock,
        wirings: tuple[Wiring, ...],
        trying: Trying,
    ) -> None:
        self._hardware = hardware
        self._settings = settings
        self._clock = clock
        self._slow = {
            one.outlet: one.valve.travel_s * 1000
            for one in wirings
            if isinstance(one.valve, Cjt188ValveTable)
        }
        self._trying = trying

    async def run(self) -> list[Finding]:
        """Outlet by outlet, never two valves at once."""
        findings: list[Finding] = []
        pressed: asyncio.Queue[Pressed] = asyncio.Queue()
        if self._trying.keys:
            self._hardware.listen(pressed.put_nowait)
        for settings in self._settings.outlets:
            outlet = self._hardware.outlets[settings.outlet]
            findings += await self._screen(outlet, settings)
            findings += await self._flow(outlet, settings)
            findings += await self._sensors(outlet, settings)
        findings.append(await self._keys(pressed))
        return findings

    # ------------------------------------------------------------ display

    async def _screen(self, outlet: Outlet, settings: OutletSettings) -> list[Finding]:
        part, screen = f"outlet {settings.outlet}, display", outlet.screen
        rows = ("coinslot check", f"outlet {settings.outlet} 0123456789")
        if isinstance(screen, NoScreen):
            return [skip(part, "there is none")]
        try:
            screen.show(rows, "https://example.org/coinslot-check")
            until = self._clock.ticks_ms() + DRAW_MS
            while isinstance(screen, Screens) and not screen.settled:
                if self._clock.ticks_ms() >= until:
                    raise OSError(f"has not taken a picture within {DRAW_MS // 1000} s")
                await self._wait(STEP_MS)
        except OSError as error:
            return [fail(part, str(error), "Check its wires, its supply and its address (i2cdetect -y 1).")]
        if self._trying.ask is None:
            return [ok(part, f'shows "{rows[0]}", "{rows[1]}" and a QR code where it can: look at it')]
        if self._trying.ask(f'Does the display of outlet {settings.outlet} show "{rows[0]}"?'):
            return [ok(part, "shows what it should")]
        return [
            fail(part, "does not show what it was sent", "Turn its contrast, check its type and its size.")
        ]

    # ------------------------------------------------------------ valve and meter

    async def _flow(self, outlet: Outlet, settings: OutletSettings) -> list[Finding]:
        number, valve = settings.outlet, outlet.valve
        if isinstance(valve, CoinOutput):
            return [self._coin(valve, number)]
        before, findings = await self._answer(outlet.meter, number)
        part = f"outlet {number}, valve"
        if not self._trying.water:
            return [*findings, skip(part, "not opened, as asked")]
        try:
            try:
                return findings + await self._moved(outlet, settings, before, part)
            finally:
                valve.shut()
        except OSError as error:
            return [*findings, fail(part, str(error), "Check the wires and the relay's supply.")]

    async def _moved(
        self, outlet: Outlet, settings: OutletSettings, before: Registers | None, part: str
    ) -> list[Finding]:
        number, valve = settings.outlet, outlet.valve
        valve.shut()
        if not await self._becomes(outlet, number, open_it=False):
            return [_stuck(part, "says that it is open though it was shut")]
        valve.open()
        began = self._clock.ticks_ms()
        opened = await self._becomes(outlet, number, open_it=True)
        await self._wait(OPEN_MS - (self._clock.ticks_ms() - began))
        valve.shut()
        passed_ms = self._clock.ticks_ms() - began
        shut = await self._becomes(outlet, number, open_it=False)
        speaks = valve.state() is not None
        # What runs on while it shuts is no leak: that is measured from here on.
        flowed, _ = await self._answer(outlet.meter, number)
        await self._wait(OPEN_MS)
        after, _ = await self._answer(outlet.meter, number)
        if not opened or not shut:
            return [_stuck(part, f"does not {'shut' if opened else 'open'} by its own word")]
        said = "opens and shuts by its own word" if speaks else "was opened and shut; it has no feedback"
        return [ok(part, said), *_judged(settings, before, flowed, after, passed_ms)]

    def _coin(self, coin: CoinOutput, number: int) -> Finding:
        part = f"outlet {number}, coin output"
        try:
            busy = coin.busy()
        except OSError as error:
            return fail(part, str(error), "Check the busy line's wire.")
        if busy is None:
            return ok(part, "its line is ours; no credit was given, and there is no busy line")
        return ok(part, f"no credit was given; the appliance {'runs' if busy else 'rests'} by its busy line")

    async def _answer(self, meter: Meter | None, number: int) -> tuple[Registers | None, list[Finding]]:
        """What the meter shows, after as long as a bus may take to ask it."""
        if meter is None:
            return None, []
        until = self._clock.ticks_ms() + ANSWER_MS
        while True:
            try:
                return meter.read(), []
            except OSError as error:
                if self._clock.ticks_ms() >= until:
                    then = "Check its wires, its address, and the bus's speed and parity."
                    return None, [fail(f"outlet {number}, meter", str(error), then)]
            await self._wait(STEP_MS)

    async def _becomes(self, outlet: Outlet, number: int, *, open_it: bool) -> bool:
        """Whether the valve says so in time. One that never says anything is believed at once; a motor valve says
        nothing while it moves."""
        travel_ms = self._slow.get(number, 0)
        until = self._clock.ticks_ms() + FOLLOW_MS + travel_ms
        while True:
            state = outlet.valve.state()
            if state is open_it or (state is None and not travel_ms):
                return True
            if self._clock.ticks_ms() >= until:
                return False
            await self._wait(STEP_MS)

    # ------------------------------------------------------------ sensors and keys

    async def _sensors(self, outlet: Outlet, settings: OutletSettings) -> list[Finding]:
        part = f"outlet {settings.outlet}, sensors"
        if outlet.sensors is None:
            return []
        until = self._clock.ticks_ms() + ANSWER_MS
        while True:
            try:
                values = outlet.sensors.read()
                break
            except OSError as error:
                if self._clock.ticks_ms() >= until:
                    return [fail(part, str(error), "Check its wires and its address.")]
            await self._wait(STEP_MS)
        said = ", ".join(f"{name} = {value}" for name, value in sorted(values.items()))
        if values.get("leak", 0) > 0:
            return [fail(part, said, "The leak sensor is wet, or wired the other way round (active_low).")]
        return [ok(part, said)]

    async def _keys(self, pressed: asyncio.Queue[Pressed]) -> Finding:
        if not self._trying.keys:
            return skip("keys", "not tried, as asked")
        until = self._clock.ticks_ms() + KEY_MS
        while pressed.empty() and self._clock.ticks_ms() < until:
            await self._wait(STEP_MS)
        if pressed.empty():
            return fail(
                "keys",
                f"no key was pressed within {KEY_MS // 1000} s",
                "Press one while this waits; if you did, check the rows and columns. --no-keys leaves this out.",
            )
        return ok("keys", f"heard {_name(pressed.get_nowait())}")

    async def _wait(self, ms: int) -> None:
        if ms > 0:
            await self._clock.wait(asyncio.Event(), ms)


def _stuck(part: str, said: str) -> Finding:
    return fail(part, said, "Check the valve, its supply, and whether the feedback's active_low is right.")


def _judged(
    settings: OutletSettings,
    before: Registers | None,
    flowed: Registers | None,
    after: Registers | None,
    ms: int,
) -> list[Finding]:
    """What the meter made of it."""
    if before is None or flowed is None or after is None:
        return []
    part, main = f"outlet {settings.outlet}, meter", settings.main
    gain, seep = flowed.get(main, 0) - before.get(main, 0), after.get(main, 0) - flowed.get(main, 0)
    if seep > settings.seep:
        then = "The valve leaks, or the meter's line catches noise."
        return [fail(part, f"{seep} {UNITS[main]} passed the shut valve within {OPEN_MS // 1000} s", then)]
    if gain == 0:
        then = "Is the supply open? Does the meter's line and its pull fit? Coarse meters need longer than a second."
        return [warn(part, "it did not move while the valve was open", then)]
    pace = f", {gain * 60 // ms}.{gain * 600 // ms % 10} L/min" if main is Register.ML else ""
    return [ok(part, f"{gain} {UNITS[main]} in {ms} ms{pace}")]


def _name(pressed: Pressed) -> str:
    match pressed:
        case KeyPressed(outlet=outlet, key=key):
            return f"key {key} of outlet {outlet}"
        case StopKey(outlet=outlet):
            return f"the stop key of outlet {outlet}"
        case _:
            return "a touch"
