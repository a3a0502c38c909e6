"""The sender: takes deliveries that are due, posts them, writes down what came of it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from coinslot.engines.connect import UNANSWERED, Pool
from coinslot.keyring import Keyring
from coinslot.providers.webhook_calls import Caller
from coinslot.settlement.webhooks.facts import NotComposed, body_of
from coinslot.webhooks import schedule
from coinslot.webhooks.deliveries import Outcome, Taken, mark, take
from coinslot.webhooks.endpoints import switch_off
from coinslot.webhooks.schedule import Verdict
from coinslot.webhooks.signing import headers

log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
MOST: Final = 64
"""Calls under way at once."""
MOST_EACH: Final = 4
"""To one endpoint: one that takes its time keeps so many places and no more."""
_FINISH_S: Final = 0.8
"""What calls under way may take when the sender is told to stop; the server gives each of its parts a second."""
BY: Final = "webhooks"
"""The actor of what the sender itself decides."""


class WebhookSender:
    """Runs until cancelled. Any number of them may run; each delivery is one's at a time."""

    def __init__(self, pool: Pool, keyring: Keyring, caller: Caller | None = None) -> None:
        self._pool = pool
        self._keyring = keyring
        self._caller = caller or Caller()
        self._wake = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], str] = {}

    def nudge(self) -> None:
        """Look now: something has just happened, or is to be sent again."""
        self._wake.set()

    async def run(self) -> None:
        """Send for ever: at once when nudged, and look every second."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._begin()
                except UNANSWERED as error:
                    log.warning("webhooks: the database does not answer: %s", type(error).__name__)
                try:
                    await asyncio.wait_for(self._wake.wait(), _EVERY_S)
                except TimeoutError:
                    continue
        finally:
            await self._finish()

    async def once(self) -> int:
        """Send what is due now and wait for all of it; how many were sent."""
        sent = 0
        while await self._begin() or self._under_way:
            under_way = list(self._under_way)
            await asyncio.wait(under_way)
            sent += len(under_way)
        return sent

    async def _begin(self) -> int:
        """Begin what is due and has a place; how many."""
        for task in [task for task in self._under_way if task.done()]:
            del self._under_way[task]
            self._look_at(task)
        places = MOST - len(self._under_way)
        if places <= 0:
            return 0
        # An endpoint with calls under way gets its places again when all of them have ended.
        busy = Counter(self._under_way.values())
        due = await take(self._pool, list(busy), places, MOST_EACH)
        for taken in due:
            task = asyncio.create_task(self._deliver(taken))
            self._under_way[task] = taken.endpoint.endpoint_id
            task.add_done_callback(lambda _: self._wake.set())
        return len(due)

    async def _deliver(self, taken: Taken) -> None:
        endpoint = taken.endpoint
        try:
            body = await body_of(self._pool, endpoint.operator_id, taken.event_id)
        except NotComposed as reason:
            log.error("webhook %s cannot be written: %s", taken.event_id, reason)
            outcome = Outcome(status=None, error=f"it cannot be written: {reason}", answer="", took_ms=0)
            async with self._pool.acquire() as connection:
                await mark(connection, taken, outcome, None)
            return
        now = datetime.now(UTC)
        signed = headers(self._keyring, endpoint, taken.event_id, body, now)
        outcome = await self._caller.call(endpoint.url, signed, body)
        async with self._pool.acquire() as connection:
            await mark(connection, taken, outcome, self._again(taken, outcome, now))
            if outcome.verdict is Verdict.GONE:
                why = "it answered 410: it wants no more messages"
                await switch_off(connection, endpoint.operator_id, endpoint.endpoint_id, why=why, by=BY)
        if outcome.error:
            log.warning(
                "webhook %s to %s, try %d: %s",
                taken.event_id,
                endpoint.endpoint_id,
                taken.tries,
                outcome.error,
            )

    def _again(self, taken: Taken, outcome: Outcome, now: datetime) -> timedelta | None:
        if outcome.verdict is not Verdict.AGAIN:
            return None
        return schedule.pause(taken.round_tries, now - taken.round_at, random.random())

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """Raise what a call has failed with, unless it was the database: then its lease runs out."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, UNANSWERED):
            log.warning("webhooks: an outcome could not be kept: %s", type(error).__name__)
        elif error is not None:
            raise error

    async def _finish(self) -> None:
        """What a receiver has taken without our noting it would be sent again."""
        under_way = list(self._under_way)
        if not under_way:
            return
        _, late = await asyncio.wait(under_way, timeout=_FINISH_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
