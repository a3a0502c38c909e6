"""The seeded simulator: real terminal cores and real settlement, everything between them made up.

Owns: virtual time, a faulty link, power cuts and crashes, customers, and the rules a run must keep.
Does not decide: what terminals and servers do; it runs theirs.
Invariants: every choice comes from one seed, so a run repeats to the letter; rules are checked after
every step, by code that shares nothing with what it judges.
"""
