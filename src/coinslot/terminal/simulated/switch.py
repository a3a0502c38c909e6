"""What every simulated outlet has: something that opens and shuts, and a display."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coinslot.terminal.clock import Clock
from coinslot.terminal.views import View


@dataclass(kw_only=True)
class SimulatedSwitch:
    """A valve or relay with an end switch, and a display with room for a QR code."""

    clock: Clock
    valve_stuck: bool = False
    """It stays as it is, whatever it is told."""
    meter_stuck: bool = False
    """What passes is not counted: the meter stands."""
    meter_dead: bool = False
    """The meter does not answer."""
    lines: tuple[str, ...] = ("", "")
    qr: str | None = None
    view: View | None = None
    """What a touch display draws; None until the first."""
    is_open: bool = False
    shown: Callable[[tuple[str, ...], str | None], None] | None = None
    _moved_at: int = 0
    _opened_at: int = 0

    def __post_init__(self) -> None:
        self._moved_at = self.clock.ticks_ms()

    # ---- valve

    def open(self) -> None:
        """Power to the valve."""
        self._move(to_open=True)

    def shut(self) -> None:
        """No power to the valve."""
        self._move(to_open=False)

    def state(self) -> bool | None:
        """Its end switch."""
        return self.is_open

    def _move(self, *, to_open: bool) -> None:
        self._run()
        if self.valve_stuck or to_open is self.is_open:
            return
        self.is_open = to_open
        self._opened_at = self._moved_at

    def _run(self) -> None:
        """Let pass what has passed since the last look."""
        raise NotImplementedError

    # ---- display

    def show(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Keep what would be on the glass."""
        self.lines, self.qr = lines, qr
        if self.shown is not None:
            self.shown(lines, qr)

    def draw(self, view: View) -> None:
        """Keep what would be on a touch display."""
        self.view = view
