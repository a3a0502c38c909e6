"""Payments: money from and to people through a provider, whatever drops in between.

Owns: intents (what we want to collect), attempts (one try with one provider), refunds, what providers said and in
    which order it is believed; the port that providers implement.
Does not decide: what a payment is for (settlement), what it posts (ledger), how a provider's wire looks (providers).
Invariants: an attempt is stored before the provider hears of it; what is not known is asked, never assumed;
    success absorbs every other state; one provider transaction is credited once; integers of minor units only.
"""
