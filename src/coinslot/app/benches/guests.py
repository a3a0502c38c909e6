"""How long a guest waits who has paid: from the provider's notification at our door to the relay's closing.

The whole way is real: a package chosen on the appliance, a code of a made-up provider's, its signed notification over
HTTP, the payment's booking, the session and its hold, broker, an agent with its journal forced to disk. Provider,
agent and observer share this process, and so one clock. The limit is the sum of what no design could leave out: a POST
that does nothing, three commits (the notification, the payment, the start), one round trip over the broker, an append.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from statistics import median
from typing import Final

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.figures import Figure, Side, Target, percentile
from coinslot.app.benches.inn import CODES, Inn, make_inn
from coinslot.app.benches.machine import appends_s
from coinslot.app.benches.start_limits import commits_ms, nothing_ms, round_trips_ms
from coinslot.engines.connect import connect_login

PART: Final = "f"
TITLE: Final = "a guest's payment: notification to closed relay, one at a time"
LIMIT: Final = "limit: the sum of the medians, commits three times"
_COMMITS: Final = 3
_QUICK_ENOUGH: Final = Target(Side.AT_MOST, 60.0)
_WARM: Final = 1
"""Of each appliance's codes, those that are not counted."""


class Guests:
    """Part (f)."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._inn: Inn = make_inn(bed)
        self._took_ms: list[list[float]] = []
        self._parts_ms: dict[str, list[float]] = defaultdict(list)
        self._limit_ms: list[float] = []
        self._wal_bytes: list[int] = []

    def round(self) -> None:
        """Some payments at appliances that are new each time, then as many of each part of the limit."""
        self._bed.say(f"{self._bed.sizes.guests} payments on appliances, and their limit")
        self._bed.runner.run(self._round())

    def figures(self) -> list[Figure]:
        """The limit with its parts, and both percentiles against it."""
        everything = [one for some in self._took_ms for one in some]
        p50, p99 = ([percentile(some, percent) for some in self._took_ms] for percent in (50, 99))
        return [
            *(
                Figure(part=PART, name=name, unit="ms", values=values)
                for name, values in self._parts_ms.items()
            ),
            Figure(part=PART, name=LIMIT, unit="ms", values=self._limit_ms),
            Figure(
                part=PART,
                name="p50",
                unit="ms",
                values=p50,
                pooled=percentile(everything, 50),
                target=_QUICK_ENOUGH,
                note=f"of {len(everything)} payments, WeChat Pay's and Alipay's in turn",
            ),
            *(
                Figure(
                    part=PART,
                    name=f"{name}, against the limit",
                    unit="ms",
                    values=values,
                    pooled=percentile(everything, percent),
                    limit=LIMIT,
                )
                for name, percent, values in (("p50", 50, p50), ("p99", 99, p99))
            ),
        ]

    async def _round(self) -> None:
        took: list[float] = []
        connection = await connect_login(self._bed.database_url)
        try:
            async with contextlib.AsyncExitStack() as ending:
                await ending.enter_async_context(self._inn.open())
                while len(took) < self._bed.sizes.guests:
                    dryer = await ending.enter_async_context(self._inn.next_dryer())
                    for number in range(CODES):
                        waited_ms, wal_bytes = await dryer.sells(number, connection)
                        if number >= _WARM and len(took) < self._bed.sizes.guests:
                            took.append(waited_ms)
                            self._wal_bytes.append(wal_bytes)
            self._took_ms.append(took)
            at, times = len(self._bed.fleet.terminals) - 1, len(took)
            # The least: others hold whole pages after a checkpoint, or what a sweep has written meanwhile.
            share = min(self._wal_bytes) // _COMMITS
            parts = {
                "a POST that does nothing": await nothing_ms(self._bed, at, times),
                "an insert and its commit, a third of what is written": await commits_ms(
                    connection, share, times
                ),
                "a round trip over the broker": await round_trips_ms(self._bed, at - 1, times),
                "an append with fdatasync": [s * 1000 for s in appends_s(self._bed.folder / "append", times)],
            }
        finally:
            await connection.close()
        medians = {name: median(values) for name, values in parts.items()}
        for name, value in medians.items():
            self._parts_ms[name].append(value)
        nothing, commit, trip, append = medians.values()
        self._limit_ms.append(nothing + _COMMITS * commit + trip + append)
