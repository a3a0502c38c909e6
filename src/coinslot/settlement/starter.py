"""The door through which every start goes: gathered, decided, committed, sent. One per process."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from coinslot.sessions.model import Session
from coinslot.settlement.authorize import authorize
from coinslot.settlement.batching import Batcher
from coinslot.settlement.changes import Batch, Send
from coinslot.settlement.ports import UNDECIDABLE, Books, Conflict
from coinslot.settlement.requests import Refused, StartAnswer, StartRequest
from coinslot.settlement.stop import stop
from coinslot.wire.ids import OperatorId, SessionId

log = logging.getLogger(__name__)

SendAll: TypeAlias = Callable[[Iterable[Batch]], Awaitable[None]]

AT_MOST = 128
"""Starts in one transaction."""
_TRIES = 4


class Starter:
    """Starts and stops sessions. `send_all` gets the commands of each committed batch."""

    def __init__(self, books: Books, send_all: SendAll) -> None:
        self._books = books
        self._send_all = send_all
        self._batcher: Batcher[StartRequest, StartAnswer | Exception] = Batcher(
            self._decide, at_most=AT_MOST, key=lambda request: request.terminal
        )
        self.sizes = self._batcher.sizes
        """How many transactions decided each number of starts."""
        self.outcomes: Counter[str] = Counter()
        """How many starts ended in each way: `started`, a refusal's word, or `undecided`."""

    async def start(self, request: StartRequest) -> StartAnswer:
        """A session, or why not. The session is committed and its command sent when this returns.

        The same key twice gives the same session. Conflict, or one of `UNDECIDABLE`, when it cannot be had
        even alone; nothing is held then.
        """
        answer = await self._batcher.put(request)
        if isinstance(answer, Exception):
            self.outcomes["undecided"] += 1
            raise answer
        self.outcomes[answer.reason.value if isinstance(answer, Refused) else "started"] += 1
        return answer

    async def stop(self, operator: OperatorId, session: SessionId) -> Session | None:
        """Ask for a session's end; None when the operator has no such session."""
        for again in range(_TRIES):
            try:
                found, batch = await stop(self._books, operator, session)
                break
            except Conflict:
                if again == _TRIES - 1:
                    raise
        if batch is not None:
            await self._send_all([batch])
        return found

    async def tell(self, sends: Iterable[Send]) -> None:
        """Send what another transaction that is committed owes to terminals. What is lost on the way is sent again from
        the session's state, as a start is."""
        await self._send_all([Batch(now=datetime.now(UTC), sends=list(sends))])

    async def close(self) -> None:
        """Finish what was asked, take nothing more."""
        await self._batcher.close()

    async def _decide(self, requests: Sequence[StartRequest]) -> Sequence[StartAnswer | Exception]:
        try:
            return await self._together(requests)
        except (Conflict, *UNDECIDABLE) as error:
            log.info("a batch of %d starts was refused, trying each: %s", len(requests), error)
        return [await self._alone(request) for request in requests]

    async def _alone(self, request: StartRequest) -> StartAnswer | Exception:
        """Another process was quicker: what it did is seen the next time. Any other failure is its own."""
        failed: Exception = Conflict()
        for _ in range(_TRIES):
            try:
                return (await self._together([request]))[0]
            except Conflict as conflict:
                failed = conflict
            except UNDECIDABLE as error:
                return error
        return failed

    async def _together(self, requests: Sequence[StartRequest]) -> list[StartAnswer]:
        answers, batch = await authorize(self._books, requests)
        await self._send_all([batch])
        return answers
