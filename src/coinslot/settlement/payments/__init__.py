"""Where payments meet the ledger, wallets and sessions: each step one transaction, each provider's answer checked.

Owns: opening what is to be collected, tries with providers, the inbox of notifications, polling, refunds and
    withdrawals; codes on appliances, the uses they pay for and what is left of them; the workers that keep all moving.
Does not decide: how states follow each other and what a provider's word means (payments), what is posted (ledger),
    how a provider's wire looks (providers), whether a use may start (settlement.authorize).
Invariants: a number is committed before a provider hears it; providers are never called within a transaction;
    locks are taken in one order: intents by id, then terminals, then attempts, refunds and withdrawals, then
    balances; one code an outlet, one session or one refund a direct payment; what does not agree is set aside for
    a person, with the money where it can be seen.
"""
