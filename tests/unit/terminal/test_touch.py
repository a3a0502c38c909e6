"""A display with buttons gets the same moments as the two lines, and one that is broken harms nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coinslot.terminal.actions import Display, ShutValve
from coinslot.terminal.clock import VirtualClock
from coinslot.terminal.hands import Hands
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.ports import Outlet, Pressed
from coinslot.terminal.simulated import Model, simulate
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Up
from tests.unit.terminal.rig import SHOWER


class Glass:
    """Keeps what was drawn; `broken` answers nothing."""

    def __init__(self) -> None:
        self.drawn: list[View] = []
        self.broken = False

    def draw(self, view: View) -> None:
        if self.broken:
            raise OSError("no answer")
        self.drawn.append(view)


class Panel:
    """A simulated shower with a touch display."""

    def __init__(self) -> None:
        self.shower = simulate(Model.SHOWER, VirtualClock())
        self.glass = Glass()
        outlet = self.shower.outlets[0]
        self._outlets = {
            0: Outlet(outlet.valve, outlet.meter, outlet.screen, outlet.sensors, touch=self.glass)
        }

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        return self._outlets

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        self.shower.listen(pressed)


class NoWire:
    """Goes nowhere."""

    def connect(self, link: int) -> None: ...

    def send(self, message: Up) -> None: ...

    def disconnect(self) -> None: ...


def test_a_touch_display_is_drawn_beside_the_lines_and_its_failure_stops_nothing() -> None:
    panel = Panel()
    hands = Hands(panel, MemoryJournal(), NoWire())
    view = View(phase=Phase.QR, qr="pay:1", amount_minor=500, left_s=60)
    hands.do([Display(0, ("Scan to pay", ""), "pay:1", view)])
    assert panel.glass.drawn == [view]
    assert panel.shower.simulated[0].lines == ("Scan to pay", "")
    panel.glass.broken = True
    hands.do([Display(0, ("Left 1:00", ""), None, View(phase=Phase.RUNNING)), ShutValve(0)])
    assert panel.shower.simulated[0].lines == ("Left 1:00", "")
    panel.glass.broken = False
    hands.show_all((("Out of order",), ("Memory fault",)), SHOWER.outlets)
    assert panel.glass.drawn[-1] == View(phase=Phase.FAULT, text="Memory fault")
