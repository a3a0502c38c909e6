"""How long a customer waits: from posting a start to the valve's opening, one start at a time.

The whole way is real: HTTP, hold and commit, broker, an agent with its journal forced to disk and a simulated
shower. Customer, agent and observer share this process, and so one clock. The limit is the sum of what no
design could leave out, measured between the starts: a POST that does nothing, one insert and commit of as
much write-ahead log, one round trip over the broker, one append with fdatasync.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.figures import Figure, Side, Target, percentile
from coinslot.app.benches.machine import appends_s
from coinslot.app.benches.posting import open_poster
from coinslot.app.benches.shower import open_shower, wal_of_a_start
from coinslot.app.benches.start_limits import commits_ms, nothing_ms, round_trips_ms
from coinslot.engines.connect import Connection, connect_login

PART = "c"
TITLE = "a start: POST to open valve, one at a time"
LIMIT = "limit: the sum of the four medians"
_P50 = Target(Side.AT_MOST, 2.0)
_P99 = Target(Side.AT_MOST, 5.0)


class Latency:
    """Part (c)."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._starts_ms: list[list[float]] = []
        self._parts_ms: dict[str, list[float]] = defaultdict(list)
        self._limit_ms: list[float] = []
        self._wal_bytes = 0

    def round(self) -> None:
        """Some starts, then as many of each part of the limit."""
        self._bed.say(f"{self._bed.sizes.starts} single starts, and their limit")
        self._bed.runner.run(self._round())

    def figures(self) -> list[Figure]:
        """The limit with its parts, and both percentiles against it."""
        everything = [one for some in self._starts_ms for one in some]
        count = f"of {len(everything)} starts"
        return [
            *(
                Figure(part=PART, name=name, unit="ms", values=values)
                for name, values in self._parts_ms.items()
            ),
            Figure(part=PART, name=LIMIT, unit="ms", values=self._limit_ms),
            *(
                Figure(
                    part=PART,
                    name=name,
                    unit="ms",
                    values=[percentile(some, percent) for some in self._starts_ms],
                    pooled=percentile(everything, percent),
                    limit=LIMIT,
                    target=target,
                    note=count,
                )
                for name, percent, target in (("p50", 50, _P50), ("p99", 99, _P99))
            ),
        ]

    async def _round(self) -> None:
        bed = self._bed
        at = len(bed.fleet.terminals) - 1
        connection = await connect_login(bed.database_url)
        try:
            async with open_shower(bed, at) as shower, open_poster(bed, bed.sessions_url, at) as post:
                if not self._wal_bytes:
                    self._wal_bytes = await wal_of_a_start(connection, shower, post, bed.sizes.warm_starts)
                for _ in range(bed.sizes.warm_starts):
                    await shower.start(post)
                self._starts_ms.append([await shower.start(post) for _ in range(bed.sizes.starts)])
            await self._limit(connection, at)
        finally:
            await connection.close()

    async def _limit(self, connection: Connection, at: int) -> None:
        times = self._bed.sizes.starts
        parts = {
            "a POST that does nothing": await nothing_ms(self._bed, at, times),
            f"an insert of {self._wal_bytes:,} bytes and its commit": await commits_ms(
                connection, self._wal_bytes, times
            ),
            "a round trip over the broker": await round_trips_ms(self._bed, at - 1, times),
            "an append with fdatasync": [one * 1000 for one in appends_s(self._bed.folder / "append", times)],
        }
        for name, values in parts.items():
            self._parts_ms[name].append(median(values))
        self._limit_ms.append(sum(median(values) for values in parts.values()))
