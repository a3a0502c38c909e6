"""Settlement: where the domains meet. Load, decide, save: one transaction for each decision.

Owns: authorization, the effect of a terminal's records, hello and presence, timers, stops; the port
`Books` behind which PostgreSQL or memory keeps it all.
Does not decide: prices, ledger rules, transitions, plausibility; those are the domains'.
Invariants: a terminal is locked before any of its sessions changes; messages leave only after the
commit that caused them; planning is pure, so that the simulator runs the very same decisions.
"""
