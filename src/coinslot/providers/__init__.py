"""Providers: the ports that the domains define, implemented over other people's services.

Owns: how a notice is worded, signed and handed to an SMS gateway or a mail server; which of them is tried
first; the courier that carries queued messages there.
Does not decide: what customers are told and when (settlement), whether a code may be sent (people).
Invariants: a phone number, a code or what is said about a person is in no log and no error; every call to
the outside ends within seconds; what a provider refuses becomes `NotSent`, never a failure of the server.
"""
