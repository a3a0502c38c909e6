"""Replay: recorded flow, poured again through the real agent of a terminal.

Owns: the reading of recordings, an appliance whose meter follows one, its pace against the real link, and
that link cut and made again.
Does not decide: who pays, what use costs, or what an end is called: agent and server do.
Invariants: while the valve is open every millilitre of the recording passes the meter in its second, once;
none passes a shut valve; what does not come within its time is an error that says what was waited for.
"""
