"""Updates over the link: new software into a slot of its own, a new configuration beside the old.

Owns: which release of each kind is in force, which is on trial, what was loaded of the next; the slots and files; the
choice of what a boot starts from.
Does not decide: what is offered, and by whom it is signed; when nobody uses the appliance (the core does).
Invariants: one file, replaced whole, says what is in force; what it does not name yet has no effect, so a loss of power
at any point leaves the old or the new; nothing is used whose signature was not proved; what is on trial goes back by
itself unless a server welcomes it.

`standing.py` decides without I/O. `shelf.py` keeps state and slots on disk. `work.py` is a process of its own, short-lived:
only it has the library for signatures, loads and unpacks. `updater.py` stands between the agent and all of them,
`launching.py` is the first thing that a boot does.
"""
