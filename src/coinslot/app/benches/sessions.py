"""Settled sessions a second, from the request of a start to the acknowledgement of its last record.

Included: authorization with its hold, the start over the broker to an MQTT connection, a `started` and a
`stopped` record each applied and acknowledged, rating, capture, release of the rest, sealing of the ledger.
Not included: fsync and water at the terminal, checkpoints, TLS; and HTTP where it is not named.
"""

from __future__ import annotations

import os
from collections import defaultdict

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.figures import Figure, Side, Target, percentile
from coinslot.app.benches.limits import BEST, BestOfPgbench
from coinslot.app.benches.processes import cpu_s
from coinslot.sandbox.load.generator import RunOrder

PART = "a"
TITLE = "settled sessions a second, hold to settlement"
_WANTED = Target(Side.AT_LEAST, 0.5)
_WARM_S = 0.5


class Sessions:
    """Part (a)."""

    def __init__(self, bed: Bed, best: BestOfPgbench) -> None:
        self._bed = bed
        self._best = best
        self._per_s: dict[str, list[float]] = defaultdict(list)
        self._cpu_us: dict[str, list[float]] = defaultdict(list)
        self._p50_ms: dict[str, list[float]] = defaultdict(list)
        self._again = 0

    def round(self) -> None:
        """One run at each number of terminals, by the socket and by HTTP."""
        sizes = self._bed.sizes
        for terminals in sizes.terminals:
            self._run(f"{terminals} terminal{'s' if terminals > 1 else ''}", terminals, by_http=False)
        for terminals in sizes.http_terminals:
            self._run(f"{terminals} terminals, starts by HTTP", terminals, by_http=True)

    def figures(self) -> list[Figure]:
        """The limit, sessions a second, and at the most terminals what they cost each process."""
        most = max(self._bed.sizes.terminals)
        figures = [self._best.figure(PART)]
        for name, values in self._per_s.items():
            wanted = _WANTED if name == f"{most} terminals" else None
            note = "" if not self._again else f"{self._again} messages said again in all"
            figures.append(
                Figure(part=PART, name=name, unit="/s", values=values, limit=BEST, target=wanted, note=note)
            )
        figures += [
            Figure(part=PART, name=f"half done within, {name}", unit="ms", values=values)
            for name, values in self._p50_ms.items()
        ]
        figures += [
            Figure(part=PART, name=name, unit="µs CPU a session", values=values)
            for name, values in self._cpu_us.items()
        ]
        return figures

    def _run(self, name: str, terminals: int, *, by_http: bool) -> None:
        bed = self._bed
        bed.say(name)
        pids = {
            "server": bed.server.pid,
            "PostgreSQL": bed.postgres.pid,
            "NATS": bed.broker.pid,
            "load generator": bed.generator.pid,
        }
        before = {who: cpu_s(pid) for who, pid in pids.items()}
        result = bed.order(
            RunOrder(terminals=terminals, seconds=bed.sizes.seconds, warm_s=_WARM_S, http=by_http)
        )
        self._per_s[name].append(result.settled / result.seconds)
        self._p50_ms[name].append(percentile(result.sessions_ms, 50))
        self._again += result.said_again
        if terminals == max(bed.sizes.terminals):
            for who, pid in pids.items():
                # Everything the order took, warming up and running out included, is shared out.
                used_us = (cpu_s(pid) - before[who]) * 1e6 / result.settled_in_all
                self._cpu_us[f"{who}, {name} ({os.cpu_count()} cores)"].append(used_us)
