"""The server's end of the terminal link: who may connect, what comes in, what goes out, and time.

Owns: the auth callout, the queue group that reads terminals, the batches handed to settlement, the
sending of commands, wishes and menus of appliances that sell by themselves, the sweep of timers, telemetry on
its way to history.
Does not decide: what a record means (settlement), who a terminal is (fleet), what is sold (`selling.Orders`).
Invariants: the topic names who speaks, and the broker has made sure of it; an `ack` leaves only after
the commit it speaks of; every worker can be killed at any line and another goes on.
"""
