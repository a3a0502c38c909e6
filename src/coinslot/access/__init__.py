"""The ways in: what an appliance shows, and what a customer scans or types.

Owns: the signed code on an appliance's sticker, and the address of a guest's bill; how often a keypad may be tried, how
likely a guess may be, and which nine digits open an outlet without a link.
Does not decide: who may start (settlement), what a page shows (web), what is kept on disk (terminal).
Invariants: pure; a code that was not made with one of the installation's secrets names nothing; at most 33 wrong codes
    fit into any 24 hours; odds are exact fractions; one token value is right for each count, and no other.
"""
