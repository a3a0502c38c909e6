"""A guest's own page: whoever paid on an appliance has no account, so the address in the code that it shows opens it.

Owns: what a guest sees of one payment, from waiting to the end, and what can be done there: stop, report, ask for a fapiao.
Does not decide: what a use costs or gives back (settlement), whether it stops (the terminal), what a fapiao says.
Invariants: an address that is not ours, or of nothing, is answered like any page that does not exist; the address is in
    no log and no metric, and is told to nobody the page leads to; everything works without JavaScript; nothing that a
    guest gave is shown whole again, because others may have seen the code on the appliance.
"""
