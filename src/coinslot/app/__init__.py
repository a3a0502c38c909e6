"""The outermost layer: the command line, the settings, and what puts the parts together.

*Owns*: which command runs what, where settings come from, what `coinslot doctor` looks at.

*Does not decide*: anything about sessions, money or terminals.

*Invariants*: a command imports only what it needs; no default secret is accepted outside the demo; every
error that a person can act on says what to do.
"""
