"""Payments in all their ways, in a process that is killed at a chosen point and begins anew: each step has a key.

`Zygote` forks such processes from one that has everything loaded, since to start Python takes longer than all else.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import date, timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

from coinslot.engines.connect import Pool, open_pool
from coinslot.payments.model import Attempt, Intent, Merchant
from coinslot.payments.port import PaymentState, RefundState
from coinslot.payments.states import AttemptState, IntentState
from coinslot.settlement import points
from coinslot.settlement.payments.bills import check_bill
from coinslot.settlement.payments.counter import pay_out, receive
from coinslot.settlement.payments.rows import find_merchant
from coinslot.settlement.payments.starts import give_up_start
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, pay_by_hand, withdraw
from coinslot.wire.ids import CustomerId, OperatorId
from tests.support.giving_back import Office
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till

CASH_MINOR: Final = 5_00
ACCOUNT: Final = "1900"
BILL_DAY: Final = date(2026, 1, 1)
"""Long before anything was paid: what the bill has is looked for in the books whatever its day."""


class Way(Enum):
    """One of the ways that payments go."""

    TOLD = auto()
    """A top-up of which the provider tells."""
    ASKED = auto()
    """One of which nobody tells, while it could have been paid in two ways."""
    DROPPED = auto()
    """Somebody thinks better of it, and the intent expires."""
    GIVEN_UP = auto()
    """A direct payment without a start; the provider takes its time with the refund."""
    WITHDRAWN = auto()
    """All that is in the wallet, some of which was cash."""
    CASH = auto()
    """Cash received at the counter, withdrawn, and paid out there."""
    BILLED = auto()
    """A top-up of which nothing but the provider's bill tells."""


EVERY: Final = tuple(Way)
_WAYS: Final[dict[tuple[str, ...], tuple[Way, ...]]] = {
    ("commit.intent", "commit.attempt", "commit.created", "commit.notice", "commit.apply", "ask.create"): (
        Way.TOLD,
    ),
    ("commit.seen", "ask.query"): (Way.ASKED,),
    ("commit.close", "commit.expire", "ask.close"): (Way.DROPPED,),
    ("commit.give_up", "commit.refunded", "ask.refund", "ask.query_refund"): (Way.GIVEN_UP,),
    ("commit.withdraw", "commit.decide"): (Way.TOLD, Way.WITHDRAWN),
    ("commit.cash",): (Way.CASH,),
    ("commit.bill", "ask.bill"): (Way.BILLED,),
}
WHENS: Final = ("before", "after")
PASSED: Final = {what: ways for whats, ways in _WAYS.items() for what in whats}
"""Everything that is committed or asked on a payment's way, and the ways that pass it."""
CRASHES: Final = {f"{what}.{when}": ways for what, ways in PASSED.items() for when in WHENS}
"""Every point on a payment's way, and the ways that pass it."""


class Place(NamedTuple):
    """Where it happens."""

    database_url: str
    provider: str
    operator: str
    merchant: str
    customer: str


class Life:
    """Everything that can be done with payments, once."""

    def __init__(self, till: Till, customer: CustomerId) -> None:
        self.till = till
        self.customer = customer

    async def go(self, ways: Sequence[Way] = EVERY) -> None:
        """All of these; whatever was done before is found done."""
        if Way.CASH in ways:
            # First, so that a withdrawal goes back to it.
            await self._in_cash()
        if Way.BILLED in ways:
            await self._billed()
        if Way.TOLD in ways:
            await self._told()
        if Way.ASKED in ways:
            await self._asked_after()
        if Way.DROPPED in ways:
            await self._thought_better_of()
        if Way.GIVEN_UP in ways:
            await self._given_up()
        if Way.WITHDRAWN in ways:
            await self._withdrawn(10_00 * len({Way.TOLD, Way.ASKED, Way.BILLED} & set(ways)))
        if Way.DROPPED in ways:
            await self.till.passes(timedelta(minutes=31))
            await self.till.works(rounds=2)

    async def _told(self) -> None:
        attempt = await self._offered(await self.till.topup(self.customer, key="told"), "told")
        self._pays(attempt)
        await self.till.notified(attempt)
        await self.till.cashier.apply()

    async def _billed(self) -> None:
        attempt = await self._offered(await self.till.topup(self.customer, key="billed"), "billed")
        self._pays(attempt)
        self.till.provider.writes_bill()
        await check_bill(self.till.pool, self.till.provider, self.till.merchant, BILL_DAY)

    async def _asked_after(self) -> None:
        intent = await self.till.topup(self.customer, key="asked")
        attempt = await self._offered(intent, "asked")
        await self._offered(intent, "other")
        self._pays(attempt)
        await self.till.works(every=timedelta(seconds=70), rounds=2)

    async def _thought_better_of(self) -> None:
        attempt = await self._offered(await self.till.topup(self.customer, key="dropped"), "dropped")
        await self.till.closed(attempt)

    async def _given_up(self) -> None:
        intent = await self.till.direct(key="direct")
        attempt = await self._offered(intent, "direct")
        self._pays(attempt)
        await self.till.notified(attempt)
        await self.till.cashier.apply()
        await give_up_start(self.till.pool, self.till.operator, intent.intent_id)
        self.till.provider.refunds_are = RefundState.PROCESSING
        await self.till.works(every=timedelta(seconds=70))
        for refund in self.till.provider.sheet.returns.values():
            self.till.provider.settles(refund.number, RefundState.SUCCEEDED)
        await self.till.works(every=timedelta(seconds=70), rounds=2)
        self.till.provider.refunds_are = RefundState.SUCCEEDED

    async def _withdrawn(self, paid_minor: int) -> None:
        till = self.till
        request = WithdrawalRequest(
            purse=till.purse(self.customer), key="all", amount_minor=paid_minor + CASH_MINOR, by="test"
        )
        withdrawal = await withdraw(till.pool, request)
        await pay_by_hand(
            till.pool, till.operator, withdrawal.withdrawal_id, paid_from="operator/cash", by="test"
        )
        await till.works(every=timedelta(seconds=70), rounds=3)

    async def _in_cash(self) -> None:
        till, office = self.till, Office(self.till)
        counter = await office.counter()
        clerk = await office.clerk()
        attempt = await office.at_counter(await till.topup(self.customer, key="cash"), counter, key="cash")
        code = await till.pool.fetchval("SELECT code FROM counter_payment WHERE number = $1", attempt.number)
        await receive(office.door, till.operator, clerk, code=code, amount_minor=10_00)
        await office.works()
        request = WithdrawalRequest(
            purse=till.purse(self.customer), key="cash", amount_minor=10_00, by="test"
        )
        await withdraw(till.pool, request)
        await office.works()
        code = await till.pool.fetchval("SELECT code FROM counter_refund")
        await pay_out(office.door, till.operator, clerk, code=code, amount_minor=10_00)
        await office.works()

    async def _offered(self, intent: Intent, key: str) -> Attempt:
        return await self.till.create(await self.till.begin(intent, key=key))

    def _pays(self, attempt: Attempt) -> None:
        if self.till.provider.sheet.orders[attempt.number].state is PaymentState.WAITING:
            self.till.provider.pays(attempt.number)


async def violations(till: Till, customer: CustomerId, ways: Sequence[Way] = EVERY) -> list[str]:
    """What is not as it must be once these have been gone."""
    await till.in_order()
    found = []
    topups = IntentState.REFUNDED if Way.WITHDRAWN in ways else IntentState.PAID
    ends = {
        Way.TOLD: ("told", topups),
        Way.ASKED: ("asked", topups),
        Way.BILLED: ("billed", topups),
        Way.DROPPED: ("dropped", IntentState.EXPIRED),
        Way.GIVEN_UP: ("direct", IntentState.REFUNDED),
        Way.CASH: ("cash", IntentState.REFUNDED),
    }
    wanted = dict(ends[way] for way in ways if way in ends)
    states = {
        row[0]: row[1] for row in await till.pool.fetch("SELECT request_key, state FROM payment_intent")
    }
    if states != wanted:
        found.append(f"the intents are {states}")
    rows = await till.pool.fetch("SELECT request_key, state FROM payment_attempt")
    attempts = {row[0]: row[1] for row in rows}
    paid = {key for key, state in attempts.items() if state == AttemptState.SUCCEEDED}
    if paid != wanted.keys() - {"dropped"} or set(attempts.values()) - {"succeeded", "closed"}:
        found.append(f"the attempts are {attempts}")
    numbers = {refund.number for refund in await till.refunds()}
    refunded = sum(state is IntentState.REFUNDED for state in wanted.values())
    counter = await till.pool.fetch("SELECT number FROM counter_refund WHERE receipt_id IS NOT NULL")
    if numbers != set(till.provider.sheet.returns) | {row[0] for row in counter} or len(numbers) != refunded:
        found.append(f"{len(numbers)} refunds here, {len(till.provider.sheet.returns)} at the provider")
    filled = 10_00 * sum(state is IntentState.PAID for state in wanted.values())
    reviews = ["withdrawal_by_hand"] if Way.WITHDRAWN in ways else []
    left = (
        await till.principal(customer) - filled - (0 if Way.WITHDRAWN in ways else CASH_MINOR),
        till.provider.holds_minor - filled,
        await till.due(),
        await till.suspense(),
        await till.balance("operator/withdrawals_due"),
    )
    if any(left):
        found.append(f"something is left: {left}")
    if await till.reviews() != reviews:
        found.append(f"for review: {await till.reviews()}")
    waiting = await till.pool.fetchval("SELECT count(*) FROM payment_inbox WHERE state <> 'applied'")
    return [*found, f"{waiting} notifications wait"] if waiting else found


async def settle_in(pool: Pool, place: Place) -> Life:
    """The till of a place that was made before."""
    till = Till(pool)
    till.operator = OperatorId(place.operator)
    merchant = await find_merchant(pool, till.operator, place.merchant)
    assert isinstance(merchant, Merchant)
    till.merchants.append(merchant)
    till.providers[merchant.merchant_id] = PlayedProvider(ACCOUNT, path=Path(place.provider))
    return Life(till, CustomerId(place.customer))


async def _live(place: Place, ways: Sequence[Way]) -> None:
    pool = await open_pool(place.database_url, min_size=1, max_size=6)
    try:
        await (await settle_in(pool, place)).go(ways)
    finally:
        pool.terminate()


class Zygote:
    """A process with everything loaded, which lives a life in a fork of itself when asked."""

    def __init__(self, module: str = __name__) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def live(self, place: Place, crash_at: str) -> int:
        """How that life ended: 0, or minus the signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([place, crash_at]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """It ends with its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def breed(live: Callable[[Place, str], Coroutine[None, None, None]]) -> None:
    """Fork a life for each line: where, and where it is to be killed."""
    for line in sys.stdin:
        place, crash_at = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ[points.ENVIRONMENT] = crash_at
            importlib.reload(points)
            code = 1
            try:
                asyncio.run(live(Place(*place), crash_at))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    breed(lambda place, crash_at: _live(place, CRASHES.get(crash_at, EVERY)))
