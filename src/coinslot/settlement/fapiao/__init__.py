"""Fapiao, the invoices of China's tax system: asked for with a bill, handed over in files, their numbers noted.

Owns: what may be asked for, how it is kept and erased, what each line of an export comes to, which numbers were issued.
Does not decide: what a session costs or gives back (the ledger), who may see a bill (web), how a fapiao is issued: that
    is done in the tax authority's own program.
Invariants: one request for each bill, changed by nobody once it was exported; each is exported once, and all lines of a
    bill add up to what was paid for it and not given back; titles, tax numbers and addresses are sealed, in no log, error
    or audit row, and erased when they have served; the same export gives the same file until then.
"""
