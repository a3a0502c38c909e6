"""Providers that repeat themselves, against the real path: signed words, adapters, inbox, cashiers, ledger.

Payments come in portions, so that what was signed need not all be kept. Each portion's signatures are made before its
time is taken: they are the provider's work. In between servers are started again, in the middle of what they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

from coinslot.app.benches import repeats_books as books
from coinslot.app.benches.repeats_plan import HOUR_OF, Arrival, Payment, Plan
from coinslot.app.benches.repeats_providers import Providers, open_providers
from coinslot.app.benches.repeats_server import DOORS, Server
from coinslot.engines.connect import Pool, open_pool
from coinslot.payments.port import Headers, Outcome
from coinslot.settlement.payments.inbox import take_notification
from coinslot.web.payments.notify import outcome_of
from coinslot.wire.ids import new_id

PORTION: Final = 1_000
"""Payments whose first words are signed together."""
_EACH_RESTART: Final = 2
"""Portions between two restarts."""
_AGAIN: Final = 50
"""Every so manieth arrival of a portion comes again, byte for byte, after a restart."""
_CUSTOMERS: Final = 500
_EACH_TOLD: Final = 200
_LOOK_S: Final = 0.02
_REFUNDS_WITHIN_S: Final = 120.0


class Signed(NamedTuple):
    """One arrival with what it is made of."""

    arrival: Arrival
    payment: Payment
    headers: Headers
    body: bytes


class Report(Struct, frozen=True, kw_only=True):
    """What was done, and what was wrong."""

    seed: int
    payments: int
    notifications: int
    """That arrived: taken or refused."""
    answers: dict[str, int]
    stored: dict[str, int]
    """Different ones, by what became of them."""
    kinds: dict[str, int]
    restarts: int
    signatures: int
    signing_s: float
    working_s: float
    """Taking, storing, acting: until nothing was left to act upon."""
    held_minor: int
    """By the providers' books: paid, and not given back."""
    violations: list[str]

    @property
    def per_s(self) -> float:
        """Notifications a second."""
        return self.notifications / self.working_s

    @property
    def signatures_per_s(self) -> float:
        """What one core signs in a second, with all that belongs to a notification."""
        return self.signatures / self.signing_s

    @property
    def payments_per_s(self) -> float:
        """Payments a second, all their repeats included."""
        return self.payments / self.working_s


class Done(NamedTuple):
    """How far it is."""

    doing: str
    payments: int
    """All of whose words have arrived."""
    notifications: int


Progress = Callable[[Done], None]


def _quiet(_: Done) -> None:
    """Nobody looks."""


class Run:
    """One run; see `run`."""

    def __init__(self, url: str, plan: Plan, payments: int, progress: Progress) -> None:
        self._url = url
        self._plan = plan
        self._wanted = payments
        self._progress = progress
        self._payments: list[Payment] = []
        self._coming: list[Arrival] = []
        self._bytes: dict[int, tuple[Headers, bytes]] = {}
        self._uses: Counter[int] = Counter()
        self._left: Counter[int] = Counter()
        """Arrivals still to come, by payment."""
        self._answers: Counter[str] = Counter()
        self._wrong: list[str] = []
        self._restarts = 0
        self._signing_s = 0.0
        self._working_s = 0.0

    async def through(self, providers: Providers, name: str) -> Report:
        """All of it, then the books."""
        pool = await open_pool(self._url)
        try:
            shop = await books.open_shop(pool, name, providers, self._plan.customers)
        finally:
            await pool.close()
        server = await Server(self._url, providers).start()
        try:
            again: list[Signed] = []
            portions = 0
            while self._coming or len(self._payments) < self._wanted:
                portion = await self._portion(server.pool, shop, providers)
                await self._timed(self._hear(server, shop, providers, [*again, *portion]))
                again = []
                portions += 1
                if portions % _EACH_RESTART == 0:
                    # In the middle of its work; and the way to us brings some words once more, byte for byte.
                    await server.stop()
                    server = await Server(self._url, providers).start()
                    self._restarts += 1
                    again = portion[::_AGAIN]
            await self._timed(self._hear(server, shop, providers, again))
            await self._timed(self._acted(server.pool, shop))
            await self._refunded(server.pool, shop)
            return await self._report(server.pool, shop, providers)
        finally:
            await server.stop()

    async def _timed(self, work: Awaitable[None]) -> None:
        began = time.perf_counter()
        await work
        self._working_s += time.perf_counter() - began

    async def _acted(self, pool: Pool, shop: books.Shop) -> None:
        # No event tells that nothing is left to do.
        while await books.waiting(pool, shop):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    async def _portion(self, pool: Pool, shop: books.Shop, providers: Providers) -> list[Signed]:
        """The next payments with everything that arrives before those after them: ordered, paid, signed."""
        first = len(self._payments)
        new = [self._plan.payment(at) for at in range(first, min(first + PORTION, self._wanted))]
        self._payments += new
        if new:
            await books.order(pool, shop, new)
        for payment in new:
            arrivals = self._plan.arrivals(payment)
            self._left[payment.at] = len(arrivals)
            for arrival in arrivals:
                self._uses[arrival.signed] += 1
                heapq.heappush(self._coming, arrival)
            providers.pays(payment, providers.at(0))
        await books.ask_about(pool, new)
        self._tell("signing")
        began = time.perf_counter()
        portion = [self._sign(providers, arrival) for arrival in self._due()]
        self._signing_s += time.perf_counter() - began
        return portion

    def _due(self) -> Iterator[Arrival]:
        until_s = len(self._payments) * 3600 / HOUR_OF if len(self._payments) < self._wanted else float("inf")
        for _ in range(PORTION * 20):
            if not self._coming or self._coming[0].at_s >= until_s:
                return
            yield heapq.heappop(self._coming)

    def _sign(self, providers: Providers, arrival: Arrival) -> Signed:
        payment = self._payments[arrival.payment]
        if arrival.signed not in self._bytes:
            self._bytes[arrival.signed] = providers.says(arrival, payment)
        headers, body = self._bytes[arrival.signed]
        self._uses[arrival.signed] -= 1
        if not self._uses[arrival.signed]:
            del self._bytes[arrival.signed], self._uses[arrival.signed]
        self._left[payment.at] -= 1
        if not self._left[payment.at]:
            del self._left[payment.at]
            providers.forget(payment.at)
        return Signed(arrival, payment, headers, body)

    async def _hear(
        self, server: Server, shop: books.Shop, providers: Providers, portion: Sequence[Signed]
    ) -> None:
        """Several at a time, in about their order, each overtaken by others."""
        coming = iter(portion)

        async def door() -> None:
            for one in coming:
                merchant = shop.merchants[one.payment.provider]
                adapter = providers.merchants.find(merchant)
                assert adapter is not None
                now = providers.at(one.arrival.at_s)
                reply = await take_notification(
                    server.pool, merchant, adapter, one.headers, one.body, now, server.nudge
                )
                self._answered(one.arrival, outcome_of(reply))

        await asyncio.gather(*(door() for _ in range(DOORS)))

    def _answered(self, arrival: Arrival, outcome: Outcome) -> None:
        self._answers[outcome.value] += 1
        wanted = Outcome.TAKEN if arrival.is_taken else Outcome.REFUSED
        if outcome is not wanted and not arrival.is_on_the_edge:
            self._wrong.append(f"payment {arrival.payment}: {arrival.words}, answered {outcome.value}")
        done = self._answers.total()
        if done % _EACH_TOLD == 0:
            self._tell("told and credited")

    def _tell(self, doing: str) -> None:
        finished = len(self._payments) - len(self._left)
        self._progress(Done(doing, finished, self._answers.total()))

    async def _refunded(self, pool: Pool, shop: books.Shop) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REFUNDS_WITHIN_S):
                while await books.hasten_refunds(pool, shop):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)

    async def _report(self, pool: Pool, shop: books.Shop, providers: Providers) -> Report:
        self._tell("counting")
        found = await books.violations(pool, shop, providers, self._payments)
        return Report(
            seed=self._plan.seed,
            payments=len(self._payments),
            notifications=self._answers.total(),
            answers=dict(self._answers),
            stored=await books.heard(pool, shop),
            kinds=dict(Counter(payment.kind.value for payment in self._payments)),
            restarts=self._restarts,
            signatures=providers.signed,
            signing_s=self._signing_s,
            working_s=self._working_s,
            held_minor=sum(providers.held_minor(name, self._payments) for name in shop.merchants),
            violations=[*self._wrong[:20], *found],
        )


async def run(
    url: str, folder: Path, *, payments: int, seed: int, repeats: bool = True, progress: Progress = _quiet
) -> Report:
    """So many payments on the migrated database at `url`, which may hold others; keys are kept in `folder`."""
    plan = Plan(seed, min(_CUSTOMERS, payments), repeats=repeats)
    name = new_id("name")
    async with open_providers(folder, name) as providers:
        return await Run(url, plan, payments, progress).through(providers, name)
