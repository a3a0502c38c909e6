"""Drivers: what an appliance is really wired to, one small file for each, behind `terminal.ports`.

Owns: lines, pulses, serial buses, keypads, displays; the tables of the configuration that describe them.
Does not decide: when a valve opens, what a register means in money, what a display says.
Invariants: a valve is shut when its driver begins and when it ends; what does not answer is an OSError, never a
figure from before; a call from the event loop returns at once, whatever is slow has a thread of its own; a driver's
library is imported only where the configuration names that driver.
"""
