"""The simulated water: one valve and one meter per outlet, and what truly ran through."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coinslot.sandbox.simulator.agenda import Agenda
from coinslot.terminal.ports import Outlet, Pressed
from coinslot.wire.registers import Register, Registers


class Tap:
    """Valve, meter and screen of one outlet. The meter counts pulses since its last power-up."""

    def __init__(self, agenda: Agenda, ml_per_s: int, pulse_ml: int) -> None:
        self._agenda = agenda
        self.ml_per_s = ml_per_s
        self.pulse_ml = pulse_ml
        self.is_open = False
        self.closed_by_hand = False
        """Somebody shut the shower head: the valve is open and nothing flows."""
        self.poured_ml = 0
        """Since the beginning of the run, whatever any meter says."""
        self._counter_ml = 0
        self._moved_at = 0

    def open(self) -> None:
        """Let it run."""
        self.run()
        self.is_open = True

    def shut(self) -> None:
        """Stop it."""
        self.run()
        self.is_open = False

    def state(self) -> bool | None:
        """It has no feedback."""
        return None

    def read(self) -> Registers:
        """Whole pulses since power came."""
        self.run()
        return {Register.ML: self._counter_ml // self.pulse_ml * self.pulse_ml}

    def show(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Nobody looks."""

    def turn(self, *, closed: bool) -> None:
        """Open or close the shower head by hand."""
        self.run()
        self.closed_by_hand = closed

    def lose_power(self, counter_ml: int) -> None:
        """The valve falls shut; the pulse counter will begin anywhere."""
        self.shut()
        self._counter_ml = counter_ml

    def run(self) -> None:
        """Let flow what has flowed by now."""
        now = self._agenda.now_ms
        elapsed_ms, self._moved_at = now - self._moved_at, now
        if self.is_open and not self.closed_by_hand:
            flowed = self.ml_per_s * elapsed_ms // 1000
            self.poured_ml += flowed
            self._counter_ml += flowed


class Appliance:
    """The taps of one terminal, as its hands see them."""

    def __init__(self, taps: Mapping[int, Tap]) -> None:
        self.taps = taps
        self._outlets = {number: Outlet(tap, tap, tap) for number, tap in taps.items()}

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the terminal is wired to."""
        return self._outlets

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Keys are pressed by the run itself."""
