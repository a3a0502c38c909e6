"""Simulated appliances: water that flows, drifts, leaks and jams; drums that heat, stall and trip.

Owns: valves and relays, meters, sensors and displays that are not there, and the switches that break them.
Does not decide: anything a terminal does with them.
Invariants: everything comes from a seed and from the clock it is given, so the same run gives the same water and
the same watt-hours; what passes is counted whole, whatever moments it is looked at.
"""

from coinslot.terminal.simulated.appliance import SimulatedAppliance, simulate
from coinslot.terminal.simulated.models import Model, settings_for
from coinslot.terminal.simulated.power import SimulatedSocket
from coinslot.terminal.simulated.water import Flow, SimulatedOutlet, SimulatedSensors

__all__ = [
    "Flow",
    "Model",
    "SimulatedAppliance",
    "SimulatedOutlet",
    "SimulatedSensors",
    "SimulatedSocket",
    "settings_for",
    "simulate",
]
