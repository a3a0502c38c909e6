"""Sandbox: everything around the product, made up: appliances, networks, people, their faults.

Owns: simulations that run the real terminal core and the real settlement against each other.
Does not decide: anything of the product's; it only judges it.
Invariants: nothing here runs in production; one seed gives one run.
"""
