"""Codes for keypads: made for a customer, typed at an appliance, begun as a session; each keypad guarded on our side too.

Owns: who may have a code and for what, its digits, what becomes of one that is typed, how each keypad stands against
    guessing by the server's own count, the alarm when somebody sweeps.
Does not decide: whether a use may start (settlement.authorize), the throttle and the arithmetic of guessing (access),
    what a display says (the terminal).
Invariants: digits are stored and logged nowhere; one live code a customer, and one more that a friend may use; what is
    live at a keypad is counted under that keypad's lock; a code opens one session, in the transaction that ends it;
    locks are taken in one order: keypads, then codes, then as `settlement.payments` says: terminals, sessions, balances.
"""
