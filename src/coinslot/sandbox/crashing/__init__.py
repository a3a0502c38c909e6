"""The crash campaign: one terminal whose power goes at every point of a story, and what must then be true.

Owns: the stories (a use from its start to its bill, a limit, a pause, a fault, an offline code …), the points at which
they are cut, the promises that are held against what follows.
Does not decide: what a terminal or a server does: both are the real code, on a journal and books in memory.
Invariants: no chance and no clock: the same point is the same run; a point that a story has no more is an error.
"""
