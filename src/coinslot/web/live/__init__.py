"""What is happening now: a session's figures as its terminal reports them, for whoever watches.

Owns: following the link's messages for watched sessions, and turning readings into litres and money.
Does not decide: anything; the bill comes from settlement alone.
Invariants: a figure is worked out by the same rules as the bill; nobody watched costs nothing; a stream that is
    slow loses older figures, never the newest.
"""
