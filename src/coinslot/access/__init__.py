"""The ways in: what an appliance shows and what a customer brings.

Owns: the signed code on an appliance's sticker.
Does not decide: who may start (settlement), what a page shows (web).
Invariants: pure; a code that was not made with one of the installation's secrets names nothing.
"""
