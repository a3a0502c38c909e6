"""The people: customers, and the staff of an operator.

Owns: the tables of customers and staff; passwords; roles; phone numbers.
Does not decide: a customer's balance (ledger), whether a session may start (settlement), what a
    role may see on a page (web).
Invariants: a password is kept only as a scrypt hash with its parameters; nobody is found without
    an operator; a phone number is in no log, audit row or error; each change and its audit row are
    one transaction.
"""
