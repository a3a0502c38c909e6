"""The HTTP side: the JSON API for programs, and what pages will share with it.

Owns: who may call, how requests are read and answers written, how a refusal is worded for programs.
Does not decide: whether a session may start, what it costs, what money moves; those are settlement's and the
domains'.
Invariants: the operator comes from the caller's key and from nowhere else; what belongs to another operator
looks as if it did not exist; every error is an RFC 9457 problem; nothing personal is logged.
"""
