"""What operators' systems are told: each event's words, made of the rows it is about.

Owns: the JSON of each event, in versions, and how it is composed.
Does not decide: whether something is told, to whom and how often (webhooks); what happened (sessions, payments).
Invariants: no personal data, no customer's id; an event's bytes are composed once and stored before they are first
    sent; amounts are whole minor units.
"""
