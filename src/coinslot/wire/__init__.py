"""The terminal link as data: ids, registers, topics, messages and their bytes.

Owns: the names and shapes of everything that crosses the link, and the ids both ends use.
Does not decide: what a message means for money or valves.
Invariants: no I/O, no clock, no randomness but in `new_id`; every quantity is an integer; one place
builds and parses topics.
"""
