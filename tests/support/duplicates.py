"""Payments whose providers repeat themselves: each is credited exactly once, whatever the order.

The long form: `python -m tests.support.duplicates --payments 100000 --seed 7`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from msgspec import Struct

from coinslot.engines.connect import Pool, open_pool
from coinslot.engines.migrate import migrate
from coinslot.engines.postgres import EmbeddedPostgres
from coinslot.ledger.verify import verify
from coinslot.payments.model import Attempt
from coinslot.payments.port import Headers, Outcome
from coinslot.settlement.payments.inbox import apply_next, take_notification
from coinslot.wire.ids import CustomerId
from tests.support.engines import UNSAFE_BUT_QUICK, create_database, engine_folder
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till

SCHEDULES_S: Final = (
    (0, 15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600),
    (0, 240, 600, 600, 3600, 7200, 21600, 54000),
)
"""When two well-known providers say the same thing again, seconds after the time before."""
MOST: Final = 20
_AT_ONCE: Final = 8
_CUSTOMERS: Final = 40

T = TypeVar("T")


class Saying(NamedTuple):
    """One notification on its way."""

    at_s: float
    attempt: Attempt
    notification_id: str


class Report(Struct, frozen=True, kw_only=True):
    """What was done, and what was wrong."""

    payments: int
    notifications: int
    seed: int
    seconds: float
    violations: tuple[str, ...]


async def run(pool: Pool, payments: int, seed: int) -> Report:
    """So many top-ups, each told of 1 to 20 times, with the provider's own schedule in virtual time, overtaking each
    other, at once through several servers and workers. The same seed is the same run, but for who is quicker."""
    began = time.monotonic()
    chance = random.Random(seed)
    till = await Till(pool).open([f"acc{seed}"])
    customers = [await till.customer() for _ in range(_CUSTOMERS)]
    owners = [chance.choice(customers) for _ in range(payments)]
    amounts = [chance.randrange(1, 500_00) for _ in range(payments)]
    attempts = await _all(payments, lambda n: _pay(till, owners[n], amounts[n]))
    sayings = [saying for attempt in attempts for saying in _sayings(chance, attempt)]
    sayings.sort(key=lambda saying: saying.at_s)
    provider = till.provider
    hearing = asyncio.create_task(_all(len(sayings), lambda n: _hear(till, provider, sayings[n])))
    while not hearing.done():
        await _apply(pool)
    answers = hearing.result()
    await _apply(pool)
    violations = await _violations(till, dict(zip(range(payments), owners, strict=True)), amounts)
    if set(answers) != {Outcome.TAKEN}:
        violations.append(f"answers were {set(answers)}")
    return Report(
        payments=payments,
        notifications=len(sayings),
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
        violations=tuple(violations),
    )


async def _pay(till: Till, customer: CustomerId, amount_minor: int) -> Attempt:
    attempt = await till.offered(await till.topup(customer, amount_minor))
    till.provider.pays(attempt.number)
    return attempt


def _sayings(chance: random.Random, attempt: Attempt) -> list[Saying]:
    """As the provider repeats itself when it does not hear us, each time perhaps held up, sometimes as a new one."""
    at_s = chance.uniform(0, 60)
    said = []
    schedule = chance.choice(SCHEDULES_S)
    for time_no in range(chance.randint(1, MOST)):
        at_s += schedule[min(time_no, len(schedule) - 1)]
        new = chance.random() < 0.2
        said.append(
            Saying(
                at_s + chance.expovariate(1 / 300),
                attempt,
                f"{attempt.number}:{time_no if new else 'first'}",
            )
        )
    return said


async def _hear(till: Till, provider: PlayedProvider, saying: Saying) -> Outcome:
    said: tuple[Headers, bytes] = provider.notice(saying.attempt.number, saying.notification_id)
    now = datetime.now(UTC) + timedelta(seconds=1)
    reply = await take_notification(till.pool, till.merchant, provider, *said, now)
    return Outcome(reply.body.decode())


async def _apply(pool: Pool) -> None:
    async def one() -> None:
        while await apply_next(pool):
            pass

    await asyncio.gather(*(one() for _ in range(3)))


async def _all(number: int, work: Callable[[int], Awaitable[T]]) -> list[T]:
    """Each, several at a time, in about their order."""
    results: dict[int, T] = {}
    left = iter(range(number))

    async def hand() -> None:
        for each in left:
            results[each] = await work(each)

    await asyncio.gather(*(hand() for _ in range(_AT_ONCE)))
    return [results[each] for each in range(number)]


async def _violations(till: Till, owners: dict[int, CustomerId], amounts: Sequence[int]) -> list[str]:
    found = []
    wanted: dict[CustomerId, int] = {}
    for number, owner in owners.items():
        wanted[owner] = wanted.get(owner, 0) + amounts[number]
    for owner, amount_minor in wanted.items():
        has_minor = await till.principal(owner)
        if has_minor != amount_minor:
            found.append(f"{owner} has {has_minor}, and paid {amount_minor}")
    if await till.clearing() != sum(amounts):
        found.append(f"the provider holds {await till.clearing()}, and {sum(amounts)} were paid")
    async with till.pool.acquire() as connection:
        report = await verify(connection, operator=till.operator)
    entries = await till.pool.fetchval(
        "SELECT count(*) FROM ledger_entry WHERE operator_id = $1 AND kind = 'topup'", till.operator
    )
    if entries != len(amounts):
        found.append(f"{len(amounts)} payments made {entries} entries")
    waiting = await till.pool.fetchval(
        "SELECT count(*) FROM payment_inbox WHERE operator_id = $1 AND state <> 'applied'", till.operator
    )
    if waiting:
        found.append(f"{waiting} notifications were not applied")
    return [*found, *map(str, report.faults)]


async def _long(payments: int, seed: int) -> Report:
    with (
        engine_folder() as folder,
        EmbeddedPostgres(folder / "postgres", settings=UNSAFE_BUT_QUICK) as postgres,
    ):
        url = await create_database(postgres.url("postgres"))
        await migrate(url)
        pool = await open_pool(url, max_size=16)
        try:
            return await run(pool, payments, seed)
        finally:
            await pool.close()


def main() -> int:
    """The long form."""
    parser = argparse.ArgumentParser(description="Pay, and be told of it many times over.")
    parser.add_argument("--payments", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = asyncio.run(_long(arguments.payments, arguments.seed))
    print(
        f"{report.payments} payments, {report.notifications} notifications in {report.seconds} s: "
        f"{len(report.violations)} violations (seed {report.seed})"
    )
    for violation in report.violations:
        print(f"    {violation}")
    return min(1, len(report.violations))


if __name__ == "__main__":
    sys.exit(main())
