"""The front desk's page: what is used and paid at one site today, as it happens, with a sound.

Owns: what the page reads, its words, its stream.
Does not decide: which browser is a desk (fleet), what a use costs or how it stands (settlement).
Invariants: a desk sees its own site and nothing else; nothing of customers' persons is read at all; whoever is no
    desk gets one and the same answer.
"""
