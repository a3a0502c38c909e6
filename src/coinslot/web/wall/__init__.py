"""The appliance wall: simulated appliances that anybody can press. Only a demo has it.

Owns: the wall's page, its routes and its stream.
Does not decide: how appliances behave (terminal, sandbox), anything about money.
Invariants: without a WallPort there is no route at all; nothing here reaches past that port.
"""
