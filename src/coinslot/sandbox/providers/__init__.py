"""Payment providers, made up: servers that speak the real wires, the payer's phone, and all that can go wrong.

Owns: the protocols as the providers document them, orders and refunds in memory, time that can be hurried,
    failure switches, and a page to pay on.
Does not decide: how coinslot reacts; it shares no code with the adapters, so that no mistake is made twice.
Invariants: the providers' own client libraries work here unchanged; no money moves; loopback only; whatever goes
    wrong here was asked for by a switch.
"""
