"""Customers brought in from an earlier system, with what they had there.

Owns: the file's form and every line's faults (`reading`); what a file would do (`preview`), and doing it (`bringing`).
Does not decide: what a phone number or a card's number is (people), which accounts an opening balance touches (ledger).
Invariants: all of a file or nothing, unless its bad lines are left out on purpose; one transaction, and the same file
    again has no effect; a fault never repeats what a cell holds; amounts are decimal text, never a float; names are not
    brought in: there is no place where they would be sealed.
"""
