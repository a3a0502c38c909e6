"""The people: customers, and the staff of an operator.

Owns: the tables of customers and staff; passwords; roles; phone numbers; how customers log in by phone
    and code (`logins`), and which browser is logged in as whom; real names with the cards they are proved
    by, and the keys that seal them (`real_names`, `vault`).
Does not decide: a customer's balance (ledger), whether a session may start (settlement), what a
    role may see on a page (web).
Invariants: a password is kept only as a scrypt hash with its parameters; nobody is found without
    an operator; a phone number is in no log, audit row or error; a code, token or proof is stored
    as a hash only, and a count that guards one is kept before the answer leaves; names, numbers and
    pictures of cards are stored sealed only, pictures no longer than until the decision; who is
    forgotten has no key any more; each change and its audit row are one transaction.
"""
