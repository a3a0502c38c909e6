"""`/metrics` for Prometheus: how much is asked, how quickly it is answered, what waits.

No label holds anything personal, an id or a path: routes are as the program spells them, everything else
is a word out of a closed list. Figures from the database are the whole installation's, the others this
process's own.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import asyncpg
from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Response
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from coinslot.engines.connect import UNANSWERED
from coinslot.payments.port import Outcome
from coinslot.web.problems import not_found
from coinslot.web.streams import Streams
from coinslot.web.tracing import Answered

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

FRESH_S: Final = 5.0
"""The database is asked at most so often, however many look."""
FORWARDED: Final = "coinslot.forwarded"
"""The ASGI extension that marks what came through a proxy nobody named: its address is not the asker's."""
_PATIENCE_S: Final = 2.0
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_LIVE: Final = "SELECT state, count(*) FROM session WHERE live GROUP BY state"
_WAITING: Final = """
SELECT (SELECT count(*) FROM terminal_link WHERE online) AS terminals_online,
       (SELECT count(*) FROM alarm WHERE cleared_at IS NULL) AS alarms_open,
       (SELECT count(*) FROM review WHERE closed_at IS NULL) AS reviews_open,
       (SELECT count(*) FROM message WHERE state = 'queued') AS messages_queued,
       (SELECT count(*) FROM ledger_pending) AS entries_unsealed
"""
_MEANING: Final = {
    "terminals_online": "Terminals whose link is up",
    "alarms_open": "Alarms that stand",
    "reviews_open": "Sessions that somebody should look at",
    "messages_queued": "Messages to customers on their way",
    "entries_unsealed": "Ledger entries that no seal covers yet",
}
_STATES: Final = ("authorized", "unknown", "running", "stopping")


class Gathered(Protocol):
    """What goes to the database in batches."""

    @property
    def sizes(self) -> Mapping[int, int]:
        """How many batches of each size there were."""


class Starts(Gathered, Protocol):
    """Starts of sessions, whoever asked for them."""

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many ended in each way, by its short word."""


class Inbound(Gathered, Protocol):
    """What terminals say."""

    @property
    def received(self) -> int:
        """Messages, of any kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where figures come from that others keep."""

    streams: Streams
    starts: Starts
    link: Inbound | None
    """None in a process without the link."""
    connections: Callable[[], tuple[int, int]] = field(default=lambda: (0, 0))
    """HTTP connections open, and cut or refused for want of room."""


class Metrics:
    """Everything this process counts."""

    def __init__(
        self, pool: Pool, sources: Sources, token: str | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._pool = pool
        self._token = token
        self._clock = clock
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(
            "coinslot_http_requests", "Requests answered", labels, registry=self._registry
        )
        self._seconds = Histogram(
            "coinslot_http_request_seconds",
            "From a request to the end of its answer, streams left out",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._notifications = Counter(
            "coinslot_notifications",
            "Notifications of payment providers, by what they were told",
            ("provider", "outcome"),
            registry=self._registry,
        )
        self._installation = _Installation()
        self._registry.register(_Own(sources))
        self._registry.register(self._installation)
        ProcessCollector(namespace="coinslot", registry=self._registry)
        self._asked_s: float | None = None
        self._asking = asyncio.Lock()

    def observe(self, answered: Answered) -> None:
        """Count a request. `Traced` calls this."""
        kind = f"{answered.status // 100}xx"
        self._requests.labels(answered.method, answered.route, kind).inc()
        if not answered.stream:
            self._seconds.labels(answered.method, answered.route).observe(answered.seconds)

    def notified(self, provider: str, outcome: Outcome) -> None:
        """Count a notification for a merchant of ours."""
        self._notifications.labels(provider, outcome.value).inc()

    def opens_to(self, request: Request[object, object, State]) -> bool:
        """Whether this caller may read: with the token where there is one, else from a private address."""
        if self._token is not None:
            shown = request.headers.get("authorization", "")
            return hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode())
        if FORWARDED in (request.scope.get("extensions") or {}) or request.client is None:
            return False
        try:
            return ip_address(request.client.host).is_private
        except ValueError:
            return False

    async def text(self) -> bytes:
        """In Prometheus's own form. A database that does not answer shows as `coinslot_database_up 0`."""
        async with self._asking:
            now_s = self._clock()
            if self._asked_s is None or now_s - self._asked_s >= FRESH_S:
                self._asked_s = now_s
                await self._ask()
        return generate_latest(self._registry)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S), self._pool.acquire() as connection:
                live = {str(row[0]): int(row[1]) for row in await connection.fetch(_LIVE)}
                waiting = await connection.fetchrow(_WAITING)
        except UNANSWERED:
            self._installation.gone()
        else:
            assert waiting is not None  # a SELECT of counts alone has one row
            self._installation.known(live, {name: int(waiting[name]) for name in _MEANING})


class _Installation(Collector):
    """What the database told last."""

    def __init__(self) -> None:
        self._live: Mapping[str, int] | None = None
        self._waiting: Mapping[str, int] = {}

    def known(self, live: Mapping[str, int], waiting: Mapping[str, int]) -> None:
        self._live, self._waiting = live, waiting

    def gone(self) -> None:
        self._live = None

    def collect(self) -> Iterator[Family]:
        """Nothing stale: without an answer there are no figures."""
        up = self._live is not None
        yield GaugeMetricFamily("coinslot_database_up", "Whether the database answered", value=int(up))
        if self._live is None:
            return
        live = GaugeMetricFamily("coinslot_sessions_live", "Sessions not ended yet", labels=["state"])
        for state in _STATES:
            live.add_metric([state], self._live.get(state, 0))
        yield live
        for name, meaning in _MEANING.items():
            yield GaugeMetricFamily(f"coinslot_{name}", meaning, value=self._waiting[name])


class _Own(Collector):
    """What other parts of this process count by themselves."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Family]:
        """Read them now."""
        sources = self._sources
        yield GaugeMetricFamily("coinslot_streams_open", "Live views open", value=sources.streams.count)
        opened, cut = sources.connections()
        yield GaugeMetricFamily("coinslot_http_connections_open", "HTTP connections open", value=opened)
        yield CounterMetricFamily(
            "coinslot_http_connections_cut", "HTTP connections cut or refused for want of room", value=cut
        )
        starts = CounterMetricFamily("coinslot_starts", "Starts asked for, by outcome", labels=["outcome"])
        for outcome, count in sorted(sources.starts.outcomes.items()):
            starts.add_metric([outcome], count)
        yield starts
        yield _batches("coinslot_start_batch", "Starts in one transaction", sources.starts)
        if sources.link is not None:
            yield CounterMetricFamily(
                "coinslot_link_messages", "Messages from terminals", value=sources.link.received
            )
            yield _batches("coinslot_link_batch", "Terminals' messages in one transaction", sources.link)


def _batches(name: str, meaning: str, gathered: Gathered) -> HistogramMetricFamily:
    sizes = gathered.sizes
    buckets = [
        (str(float(most)), float(sum(count for size, count in sizes.items() if size <= most)))
        for most in _SIZES
    ]
    buckets.append(("+Inf", float(sum(sizes.values()))))
    return HistogramMetricFamily(
        name, meaning, buckets=buckets, sum_value=sum(size * count for size, count in sizes.items())
    )


@get("/metrics", include_in_schema=False)
async def metrics_route(
    request: Request[object, object, State], metrics: NamedDependency[SkipValidation[Metrics | None]]
) -> Response[bytes]:
    """For those who may; for everybody else there is nothing here."""
    if metrics is None or not metrics.opens_to(request):
        raise not_found()
    return Response(await metrics.text(), media_type=CONTENT_TYPE_LATEST)
