"""Simulated appliances as things one can hold: real agents, and a cable and a plug that can be pulled.

Owns: the network between a simulated terminal and the broker, its mains, and the mishaps that befall both.
Does not decide: anything of what the terminal does about them.
Invariants: an agent here is the one that runs on a board; what it is told and tells goes through real sockets.
"""
