"""pgbench's best in this run: the limit that throughput is held against."""

from __future__ import annotations

from statistics import median

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.figures import Figure

BEST = "pgbench TPC-B, best"


class BestOfPgbench:
    """pgbench at each number of clients in every round; the number with the best median is the limit."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._tps: dict[int, list[float]] = {clients: [] for clients in bed.sizes.clients}

    def round(self) -> None:
        """One run at each number of clients."""
        for clients, values in self._tps.items():
            self._bed.say(f"pgbench with {clients} client(s)")
            values.append(self._bed.pgbench.tps(clients, self._bed.sizes.seconds))

    def figure(self, part: str) -> Figure:
        """The limit, for one part of the results."""
        best = max(self._tps, key=lambda clients: median(self._tps[clients]))
        others = ", ".join(f"{clients}: {median(values):,.0f}" for clients, values in self._tps.items())
        return Figure(
            part=part,
            name=BEST,
            unit="/s",
            values=self._tps[best],
            note=f"scale {self._bed.sizes.scale}, prepared; medians by clients {others}",
        )
