"""The operator's books: double entry, append-only, in integer minor units; points in their own unit.

Owns: account paths, journal entries and postings, the limits of balances, seals and their verification.
Does not decide: when money moves or how much; the charge, the shares and the hold come from outside.
Invariants: every entry sums to zero per currency and never changes; a key posts once; principal, bonus, points
and each hold never fall below zero, arrears never pass their cap; sealed entries cannot change unnoticed. The
database enforces all of them (engines/migrations/0001_ledger.sql); the code here only asks.
"""
