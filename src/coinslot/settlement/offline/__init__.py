"""Codes for the time without a link: the terms a terminal is told, the codes a customer gets, and how they end.

Owns: which terms are in force at an outlet, what is held for a code, when one is burnt or given up.
Does not decide: which digits open (access/offline.py, on the terminal), what a record means (settlement/records.py), how
often a keypad may be tried (settlement/codes).
Invariants: a code is made only while its terminal has no link and is known to hold the terms; its hold goes back only
when a record says that the code opens nothing any more, or a person decides so; digits and keys are stored nowhere.
"""
