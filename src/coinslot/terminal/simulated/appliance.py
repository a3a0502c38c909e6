"""A simulated appliance: its outlets, wired as the agent wants them, and hands to press its keys."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from coinslot.terminal.clock import Clock
from coinslot.terminal.ports import Outlet, Pressed
from coinslot.terminal.simulated import curves
from coinslot.terminal.simulated.curves import Curve, W
from coinslot.terminal.simulated.models import Model
from coinslot.terminal.simulated.power import PowerSensor, SimulatedSocket
from coinslot.terminal.simulated.water import Flow, SimulatedOutlet, SimulatedSensors

SHORTED_MW = 5_500 * W
"""25 A at 220 V: a fuse of 16 A holds that for seconds."""


class SimulatedAppliance:
    """One appliance's hardware, with hands to press its keys."""

    def __init__(
        self,
        outlets: Mapping[int, SimulatedOutlet],
        tanks: Mapping[int, int | None],
        sockets: Mapping[int, SimulatedSocket] | None = None,
    ) -> None:
        self.simulated = dict(outlets)
        """Its taps."""
        self.sockets = dict(sockets or {})
        """What of it is electric."""
        self._sensors = {number: SimulatedSensors(one, tanks.get(number)) for number, one in outlets.items()}
        self._outlets = {
            number: Outlet(one, one, one, self._sensors[number]) for number, one in outlets.items()
        }
        for number, socket in self.sockets.items():
            self._outlets[number] = Outlet(socket, socket, socket, PowerSensor(socket), touch=socket)
        self._pressed: Callable[[Pressed], None] | None = None

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the agent is wired to."""
        return self._outlets

    def tank_permille(self, outlet: int) -> int | None:
        """How full the tank of an outlet is; None where it has none."""
        sensors = self._sensors.get(outlet)
        return None if sensors is None or sensors.tank_decic is None else sensors.level_permille

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Whom to tell of keys."""
        self._pressed = pressed

    def press(self, pressed: Pressed) -> None:
        """Press a key."""
        if self._pressed is not None:
            self._pressed(pressed)


_CURVES: dict[Model, tuple[Curve, int]] = {
    Model.DRYER: (curves.dryer, 1_100 * W),
    Model.AIR_PURIFIER: (curves.air_purifier, 170 * W),
    Model.WATER_PURIFIER: (curves.water_purifier, 260 * W),
    Model.DIFFUSER: (curves.diffuser, 60 * W),
}
"""What each draws, and what with its motor held fast: a rotor at rest takes about five times the power. The dryer's
heater goes off then: without a turning drum no air passes it."""


def simulate(model: Model, clock: Clock, seed: int = 0, curve: Curve | None = None) -> SimulatedAppliance:
    """A new appliance of this model, shut. `curve` is what an electric one draws instead of its model's own."""
    source = random.Random(seed)
    if model.electric:
        usual, stalled_mw = _CURVES[model]
        socket = SimulatedSocket(
            clock=clock, curve=curve or usual, chance=source, stalled_mw=stalled_mw, shorted_mw=SHORTED_MW
        )
        return SimulatedAppliance({}, {}, {0: socket})
    if model is Model.STALLS:
        return SimulatedAppliance(_taps(clock, source, _shower(), _shower()), {})
    if model.bathes:
        return SimulatedAppliance({0: SimulatedOutlet(clock=clock, flow=_shower(), seed=source)}, {})
    flows = (Flow(2_400, water_decic=140, tds_ppm=32), Flow(1_500, water_decic=965, tds_ppm=34))
    return SimulatedAppliance(_taps(clock, source, *flows), {0: 950, 1: 950})


def _shower() -> Flow:
    return Flow(9_000, pulse_ml=5, water_decic=395, tds_ppm=210)


def _taps(clock: Clock, source: random.Random, *flows: Flow) -> dict[int, SimulatedOutlet]:
    return {
        number: SimulatedOutlet(clock=clock, flow=flow, seed=random.Random(source.random()))
        for number, flow in enumerate(flows)
    }
