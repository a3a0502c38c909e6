"""The conformance suite: plays the server against any firmware and judges it by the rules of the link.

Owns: the list of what a terminal must keep, how each is tried, the wire as the suite saw it, the report.
Does not decide: what a message is (`wire`), what the rules are (`docs/link`), how the terminal is made.
Invariants: a rule is judged by what crossed the wire alone; what could not be tried is skipped with the reason,
never passed; whatever firmware the suite started, it ends.

`player.Player` is the server; a `stand.Stand` is what it plays against: `gate.Gate` is a TCP port between any
firmware and a broker, and whatever else carries the same bytes will do.
"""
