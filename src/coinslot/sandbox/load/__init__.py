"""Load for measurements: as many terminals as wanted, speaking the real link, for as little CPU as can be.

*Owns*: a lean MQTT client, terminals that use and settle sessions one after the other, the doors through
which they ask for starts, and the process that runs them.

*Does not decide*: anything about sessions or money; it never looks into the database.

*Invariants*: every byte on the link is made by `coinslot.wire`; a session counts as settled only when the
server has acknowledged its last record; whatever was refused or had to be said again is counted and told.
"""
