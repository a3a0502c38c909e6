"""Sessions: one use of an appliance, from authorization to settlement.

Owns: the states, the one transition table, and what each event asks for (settle, release, stop, review).
Does not decide: what usage costs (tariffs), how money moves (ledger), whether registers are plausible
(metering), who may start (settlement).
Invariants: an ended session is never rewritten; an event that the table does not name changes nothing.
"""
