"""Simulated customers: what they want, how they use an appliance, and how they leave it.

Owns: the choice of a visit from a seed, and the hands that carry it out on a simulated appliance.
Does not decide: whether a session may start, what it costs, when a terminal stops it.
Invariants: customers reach the product only through a `Door`, as people do; one seed gives one series of plans.
"""
