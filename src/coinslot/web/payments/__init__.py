"""Where providers reach us: their notifications, taken and answered as each provider wants it.

Owns: the notification route, which merchants are known to this process, how many notifications it handles at once.
Does not decide: whether a notification is the provider's (its adapter), what it means (settlement).
Invariants: an answer within five seconds, also when the database hangs; no body in any log; what is not for a merchant of
    ours costs no question to the database; nothing is answered as taken before it is stored.
"""
