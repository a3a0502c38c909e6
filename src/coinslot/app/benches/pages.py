"""What customers' pages weigh, how soon they can be used, how many a server gives, and what watching costs it.

Bytes are those on the wire. A browser is used if there is one here; it is never installed for this. Live views
are real streams of real sessions, whose terminals publish one reading a second each, as they do while somebody
watches; the delay is from publishing a reading to having its figure.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import defaultdict

from coinslot.app.benches.asking import Answer, LiveView, fetch, per_second
from coinslot.app.benches.bed import Bed
from coinslot.app.benches.browsing import Browsing, NoBrowser
from coinslot.app.benches.figures import Figure, Side, Target, percentile
from coinslot.app.benches.hall import STEP_ML, Hall, open_hall
from coinslot.app.benches.processes import cpu_s, memory

PART = "e"
TITLE = "pages: weight, time until usable, pages per second, live views"
NOTHING = "limit: a GET of nothing"
UNWATCHED = "server's CPU, as many readings, nobody watching"
_FIRST = Target(Side.AT_MOST, 8.0)
_INTERACTIVE = Target(Side.AT_MOST, 1.0)
_ONE_REQUEST = Target(Side.AT_MOST, 1.0)
_ASKING = 8
"""Connections that ask for pages."""
_PLAIN_PER_PAGE = 4
_ALLOWED = 4000
"""Pages that a server gives to everybody together before it begins to slow them down."""
_KB = 1024


class Pages:
    """Part (e)."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._hall: Hall | None = None
        self._address = 1000
        """The next loopback address nobody has asked from."""
        self._weights: dict[str, list[float]] = defaultdict(list)
        self._values: dict[str, list[float]] = defaultdict(list)
        self._delays_ms: list[list[float]] = []
        self._published_readings = 0
        self._no_browser = ""

    def round(self) -> None:
        """All of it once; the browser beside an otherwise idle server."""
        bed = self._bed
        bed.say("pages: weight and pages per second")
        bed.runner.run(self._pages())
        bed.say(f"{bed.sizes.loads} loads of a page on a weak network")
        self._browse()
        bed.say(f"{bed.sizes.watchers} live views")
        bed.runner.run(self._watch())

    def figures(self) -> list[Figure]:
        """Everything, each beside what it is held against."""
        watchers = self._bed.sizes.watchers
        everything = [one for some in self._delays_ms for one in some]
        return [
            *(
                Figure(
                    part=PART,
                    name=name,
                    unit="KB",
                    values=values,
                    target=_FIRST if "appliance" in name and "brotli" in name else None,
                    note=self._no_browser if name == "appliance page, brotli" else "",
                )
                for name, values in self._weights.items()
            ),
            *self._of("requests of the first page", "", _ONE_REQUEST),
            *self._of("until it can be used, 400 kbit/s, 400 ms", "s", _INTERACTIVE),
            *self._of(NOTHING, "/s"),
            *self._of("appliance page", "/s", limit=NOTHING),
            *self._of(UNWATCHED, "%"),
            *self._of(f"server's CPU, {watchers} watching", "%", limit=UNWATCHED),
            *self._of("each live view, RSS", "KB"),
            *(
                Figure(
                    part=PART,
                    name=f"from a reading to its figure, p{percent}",
                    unit="ms",
                    values=[percentile(some, percent) for some in self._delays_ms],
                    pooled=percentile(everything, percent),
                    note=f"of {len(everything)} readings out of {self._published_readings}; the others were passed by newer ones",
                )
                for percent in (50, 99)
            ),
        ]

    def _of(self, name: str, unit: str, target: Target | None = None, limit: str = "") -> list[Figure]:
        values = self._values.get(name)
        if not values:
            return []
        return [Figure(part=PART, name=name, unit=unit, values=values, target=target, limit=limit)]

    # ------------------------------------------------------------ weight and rate

    async def _pages(self) -> None:
        hall = await self._opened()
        seat, ended = hall.seats[0], hall.ended
        for name, path, token in (
            ("appliance page", ended.sticker, ""),
            ("live page", f"/s/{seat.session}", seat.token),
            ("bill", f"/s/{ended.session}/bill", ended.token),
        ):
            for encoding in ("identity", "br"):
                answer = await self._fetch(path, token, encoding)
                shown = "brotli" if encoding == "br" else "as it is"
                self._weights[f"{name}, {shown}"].append(len(answer.body) / _KB)
        sizes, serving = self._bed.sizes, self._bed.serving
        count = min(sizes.pages, _ALLOWED // sizes.rounds)
        headers = {"Accept-Language": "zh", "Accept-Encoding": "br"}
        for name, url, path, times in (
            (NOTHING, serving.nothing_url, "/nothing", _PLAIN_PER_PAGE * count),
            ("appliance page", serving.http_url, ended.sticker, count),
        ):
            rate = await per_second(url, [path] * times, headers, _ASKING, self._address)
            self._address += _ASKING
            self._values[name].append(rate)

    async def _fetch(self, path: str, token: str, encoding: str) -> Answer:
        headers = {"Accept-Language": "zh", "Accept-Encoding": encoding, "Cookie": f"cs={token}"}
        self._address += 1
        return await fetch(self._bed.serving.http_url, path, headers, self._address)

    async def _opened(self) -> Hall:
        if self._hall is None:
            self._bed.say(f"a hall of {self._bed.sizes.watchers} dispensers in use")
            self._hall = await open_hall(self._bed, self._bed.sizes.watchers)
            hall = self._hall
            self._bed.ending.callback(lambda: self._bed.runner.run(hall.close()))
        return self._hall

    # ------------------------------------------------------------ a browser

    def _browse(self) -> None:
        assert self._hall is not None
        program = shutil.which(os.environ.get("COINSLOT_CHROMIUM", "/usr/bin/chromium"))
        url = self._bed.serving.http_url + self._hall.ended.sticker
        try:
            with Browsing(program) as browsing:
                loads = [browsing.load(url) for _ in range(self._bed.sizes.loads)]
        except NoBrowser as error:
            self._no_browser = f"time until usable not measured: {error}"
            return
        self._values["requests of the first page"] += [max(float(load.requests) for load in loads)]
        self._values["until it can be used, 400 kbit/s, 400 ms"].append(
            percentile([load.interactive_s for load in loads], 50)
        )

    # ------------------------------------------------------------ live views

    async def _watch(self) -> None:
        hall, pid = await self._opened(), self._bed.server.pid
        self._values[UNWATCHED].append((await self._published(hall, pid, []))[0])
        before = memory(pid).rss
        views = [
            await LiveView.open(self._bed.serving.http_url, seat.session, seat.token, number)
            for number, seat in enumerate(hall.seats)
        ]
        try:
            cpu, delays = await self._published(hall, pid, views)
            if "each live view, RSS" not in self._values:  # later ones have what the first have left
                grown = memory(pid).rss - before
                self._values["each live view, RSS"].append(max(0.0, grown / _KB / len(views)))
        finally:
            await asyncio.gather(*(view.close() for view in views))
        self._values[f"server's CPU, {self._bed.sizes.watchers} watching"].append(cpu)
        self._delays_ms.append(delays)
        self._published_readings += self._bed.sizes.watch_s * len(views)

    async def _published(self, hall: Hall, pid: int, views: list[LiveView]) -> tuple[float, list[float]]:
        """A reading a second from each seat; the server's CPU in percent of a core, and the delays."""
        numbers = hall.next_readings(self._bed.sizes.watch_s)
        said: dict[tuple[int, str], float] = {}
        gap_s = 1.0 / len(hall.seats)
        began_cpu, began = cpu_s(pid), time.perf_counter()
        due = began
        for number in numbers:
            for at, seat in enumerate(hall.seats):
                due += gap_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                said[at, _litres(number)] = time.perf_counter()
                await hall.read(seat, number)
        await asyncio.sleep(1.0)  # the last ones are on their way
        used = 100 * (cpu_s(pid) - began_cpu) / (time.perf_counter() - began)
        delays = [
            (view.seen[shown] - said[at, shown]) * 1000
            for at, view in enumerate(views)
            for shown in map(_litres, numbers)
            if shown in view.seen
        ]
        return used, delays


def _litres(number: int) -> str:
    """As the page shows it."""
    tenths = number * STEP_ML // 100
    return f"{tenths // 10}.{tenths % 10}"
