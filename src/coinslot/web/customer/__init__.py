"""The customer's pages: arriving at an appliance, using it, and afterwards.

Owns: what a customer sees and presses, in words and figures.
Does not decide: whether a session may start, what it costs (settlement, tariffs), who somebody is (people).
Invariants: everything works without JavaScript; a customer sees only what is their own, and anything else looks
    as if it did not exist; what is shown before the start is what is charged after it.
"""
