"""An appliance that plays a recording: its valve is real to the agent, its water or power comes from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from coinslot.sandbox.replay.clock import StepClock
from coinslot.sandbox.replay.running import Running
from coinslot.terminal.events import Cancelled, KeyPressed, PackageChosen
from coinslot.terminal.ports import Outlet, Pressed
from coinslot.terminal.settings import Language, OutletSettings, Seconds, Settings
from coinslot.terminal.views import View
from coinslot.wire.registers import Register, Registers

OUTLET = 0


class Kind(StrEnum):
    """What the recording was taken at."""

    SHOWER = "shower"
    """The head may be closed with the valve open, for as long as the tariff lets it idle."""
    FAUCET = "faucet"
    """A tap or dispenser without a keypad."""
    SOCKET = "socket"
    """Anything with a plug, of which the power was recorded."""

    @property
    def register(self) -> Register:
        """What its meter counts."""
        return Register.WH if self is Kind.SOCKET else Register.ML


class RecordedOutlet:
    """Valve or relay, meter and display of one outlet. The meter is an odometer over all recordings."""

    def __init__(self, clock: StepClock, register: Register = Register.ML) -> None:
        self._clock = clock
        self._register = register
        self._running: Running | None = None
        self._whole = 0
        self._rest = 0
        self._passed_from = 0
        self.is_open = False
        self.lines: tuple[str, ...] = ("", "")
        self.view: View | None = None

    def play(self, running: Running) -> None:
        """Let this run from now on, while the valve is open. ValueError when the meter counts something else."""
        if running.register is not self._register:
            raise ValueError(f"a meter for {self._register} cannot count {running.register}")
        self._settle()
        self._running = running
        self._passed_from = 0

    def end(self) -> None:
        """The recording is over."""
        self._settle()
        self._running = None

    def open(self) -> None:
        """Power to the valve."""
        self._settle()
        self.is_open = True

    def shut(self) -> None:
        """No power to the valve: not one pulse more."""
        self._settle()
        self.is_open = False

    def state(self) -> bool | None:
        """It has no end switch: nothing was recorded of one."""
        return None

    def read(self) -> Registers:
        """Whole units so far: millilitres or watt-hours."""
        self._settle()
        return {self._register: self._whole}

    def show(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Keep what would be on the glass."""
        self.lines = lines

    def draw(self, view: View) -> None:
        """Keep what would be on a touch display."""
        self.view = view

    def _settle(self) -> None:
        running = self._running
        if running is None:
            return
        passed = running.passed(self._clock.ticks_ms())
        if self.is_open:
            # What is left of a unit stays in the meter, and the next use completes it.
            more, self._rest = divmod(self._rest + passed - self._passed_from, running.fine)
            self._whole += more
        self._passed_from = passed


class RecordedAppliance:
    """One appliance with one recorded outlet and its stop key."""

    def __init__(self, clock: StepClock, register: Register = Register.ML) -> None:
        self.outlet = RecordedOutlet(clock, register)
        self._outlets = {OUTLET: Outlet(self.outlet, self.outlet, self.outlet, touch=self.outlet)}
        self._pressed: Callable[[Pressed], None] | None = None

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the agent is wired to."""
        return self._outlets

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Whom to tell of keys."""
        self._pressed = pressed

    def press_key(self, key: str) -> None:
        """One key of the keypad: `0` to `9`, `*`, `#`."""
        self.press(KeyPressed(OUTLET, key))

    def choose(self, package: str, provider: str) -> None:
        """A guest wants to pay for this, here."""
        self.press(PackageChosen(outlet=OUTLET, provider=provider, package=package))

    def back(self) -> None:
        """Back to what is sold."""
        self.press(Cancelled(OUTLET))

    def press(self, pressed: Pressed) -> None:
        """Whatever can be pressed on it."""
        if self._pressed is not None:
            self._pressed(pressed)


def settings_for(kind: Kind, terminal: str) -> Settings:
    """A terminal's settings for this kind of appliance."""
    name = "Cold" if kind is Kind.FAUCET else ""
    # Of a socket time itself may be sold: a second without a whole watt-hour is one, too.
    seconds = Seconds.OPENING if kind is Kind.SOCKET else Seconds.USE
    outlet = OutletSettings(outlet=OUTLET, name=name, meters=(kind.register,), seconds=seconds)
    return Settings(terminal=terminal, outlets=(outlet,), language=Language.EN, firmware="coinslot-replay")
