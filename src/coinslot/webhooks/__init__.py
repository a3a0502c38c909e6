"""Webhooks: an operator's own systems are told of what happened, signed, again and again until they have it.

Owns: endpoints and their secrets, signatures, when a delivery is tried again, which addresses may be called, and
    what became of each delivery.
Does not decide: what happened and what is said of it (settlement), how bytes travel (providers).
Invariants: the database makes one delivery for each event and endpoint, in the transaction of the event itself; an
    event keeps its id and its bytes however often it is sent; no secret is stored; only a 2xx counts as delivered.
"""
