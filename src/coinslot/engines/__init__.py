"""The two engines, PostgreSQL and NATS, as child processes or as servers elsewhere.

*Owns*: starting, watching and stopping the children, their passwords and ports, the order of schema
migrations, and how a connection to the database is opened.

*Does not decide*: what a table means, which subject carries what, who may log in to the broker.

*Invariants*: no child outlives its parent, however the parent ends; nothing runs as root; no folder of
anybody else's is made more open than it was; a folder serves one owner at a time; secrets are kept with
mode 0600; a migration once applied is never changed.
"""
