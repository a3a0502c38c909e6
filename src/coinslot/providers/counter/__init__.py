"""Cash at the counter: coinslot's payment port over this installation's own desk.

Owns: the short code that a customer shows, what an order and a refund at the counter look like to the cashier, the
    day's bill of what changed hands.
Does not decide: who may receive or pay out, and for how much (settlement's counter), where the money is in the books.
Invariants: paid is only what a person has received, to the minor unit; a refund is processing until a person has paid
    it out; never more is returned than was received; no notification exists, so every one is forged.
"""

from coinslot.providers.counter.adapter import Counter, with_counters

__all__ = ["Counter", "with_counters"]
