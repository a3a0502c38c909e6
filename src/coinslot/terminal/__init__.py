"""The agent that runs inside an appliance: valve, meter, display, journal, link.

Owns: the terminal's journal, the numbering of its connections and records, the limits of a session
while it runs, what the display says, the choice of whoever buys on the appliance.
Does not decide: who may start, what is sold, what a session costs, when money moves.
Invariants: a valve is open only between a `started` on disk and the `stopped` that follows it; one
command opens at most once; records of an epoch are 1, 2, 3 … with no gap; a register never goes
down; all state comes back from the journal alone.

The middle is `core.Core`: no clock, no randomness, no I/O. It turns events into actions, and the
shell (`agent.Agent`, a simulator, a replay) carries them out strictly in order; every action is a
point at which the power may fail.
"""
