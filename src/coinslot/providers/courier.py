"""Carries queued messages to the notifier, after seeing to it that what ended is queued. Any number may run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.people.notices import Notifier, NotSent
from coinslot.settlement.aftermath import tell_ended
from coinslot.settlement.messages import Due, mark_not_sent, mark_sent, take

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
_TOLD_AT_MOST: Final = 32  # 18 ms on a busy machine, for which their terminals are locked
_AT_ONCE: Final = 8
_ROUNDS: Final = 20  # then the connection goes back to the pool, however much there is
_SEND_S: Final = 20.0
"""Well within the first pause of 30 s, after which the message would be taken again."""
_FINISH_S: Final = 0.8
"""What sends under way may take when the courier is told to stop; the server gives each of its parts a second."""


class Courier:
    """Runs until cancelled; what fails is logged and tried again in its time."""

    def __init__(self, pool: Pool, notifier: Notifier, public_url: str = "") -> None:
        self._pool = pool
        self._notifier = notifier
        self._public_url = public_url
        self._ended = asyncio.Event()
        self._queued = asyncio.Event()

    def nudge(self) -> None:
        """Look now: a session has just ended, or a message was queued."""
        self._ended.set()
        self._queued.set()

    async def run(self) -> None:
        """Carry for ever: at once when nudged, and every second. A provider that is slow holds up no points."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._keep_on(self.tell, self._ended))
            both.create_task(self._keep_on(self.send, self._queued))

    async def once(self) -> None:
        """What is due now: first what ended, then the messages."""
        await self.tell()
        await self.send()

    async def tell(self) -> None:
        """See to what follows the sessions that have ended."""
        async with self._pool.acquire() as connection:
            for _ in range(_ROUNDS):
                told = await tell_ended(connection, _TOLD_AT_MOST)
                if told:
                    self._queued.set()
                if told < _TOLD_AT_MOST:
                    return
        self._ended.set()

    async def send(self) -> None:
        """Hand over the messages that are due."""
        for _ in range(_ROUNDS):
            due = await take(self._pool, _AT_ONCE)
            if not due:
                return
            await self._deliver_all(due)
        self._queued.set()

    async def _keep_on(self, work: Callable[[], Awaitable[None]], wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            try:
                await work()
            except UNANSWERED as error:
                log.warning("the courier could not reach the database: %s", type(error).__name__)
            try:
                await asyncio.wait_for(wake.wait(), _EVERY_S)
            except TimeoutError:
                continue

    async def _deliver_all(self, due: list[Due]) -> None:
        sending = [asyncio.create_task(self._deliver(each)) for each in due]
        try:
            await asyncio.wait(sending)
        except asyncio.CancelledError:
            # What a provider has taken without our noting it would be sent again.
            _, late = await asyncio.wait(sending, timeout=_FINISH_S)
            for task in late:
                task.cancel()
            await asyncio.wait(sending)
            raise
        errors = [error for task in sending if (error := task.exception()) is not None]
        if errors:
            raise errors[0]

    async def _deliver(self, due: Due) -> None:
        if due.unreachable is not None:
            await mark_not_sent(self._pool, due, due.unreachable, again=False)
            return
        try:
            async with asyncio.timeout(_SEND_S):
                by = await self._notifier.send(due.recipient(), due.notice(self._public_url))
        except NotSent as refusal:
            await self._failed(due, refusal.reason, again=refusal.again)
        except TimeoutError:
            await self._failed(due, f"no answer within {_SEND_S:.0f} s", again=True)
        except Exception as error:
            # A notifier that breaks its promise: one message is given up, by the error's name alone, for its
            # words may hold the number. The others, and the server, go on.
            await self._failed(due, f"the notifier failed with {type(error).__name__}", again=False)
        else:
            await mark_sent(self._pool, due, by)

    async def _failed(self, due: Due, reason: str, *, again: bool) -> None:
        log.warning("message %s, try %d: %s", due.message_id, due.attempt, reason)
        await mark_not_sent(self._pool, due, reason, again=again)
