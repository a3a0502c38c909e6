"""Settlement alone, in this process, on a database of its own: no broker, no HTTP, no link.

Each terminal's records are made beforehand as the bytes of one `records` message that holds `started` and
`stopped`, as after an outage; or as two messages, one after the other, as in ordinary use. Parsing the bytes
and building the acknowledgements belong to what is measured, and so does the commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from coinslot.app.benches.bed import Bed, Fleet, make_database, vacuum
from coinslot.app.benches.figures import Figure, Side, Target
from coinslot.app.benches.limits import BEST, BestOfPgbench
from coinslot.app.errors import Problem
from coinslot.engines.connect import Pool, open_pool
from coinslot.link.inbox import AT_MOST
from coinslot.sandbox.load.terminal import Showers
from coinslot.sessions.model import Session
from coinslot.settlement import starter
from coinslot.settlement.apply import Word, apply_words
from coinslot.settlement.authorize import authorize
from coinslot.settlement.records import read
from coinslot.settlement.requests import StartRequest
from coinslot.settlement.store import PostgresBooks
from coinslot.wire import codec
from coinslot.wire.ids import TerminalId, new_id
from coinslot.wire.messages import Config, Hello, Records

PART = "b"
TITLE = "settlement alone, load prepared, in one process"
_WANTED = Target(Side.AT_LEAST, 1.0)
_AT_ONCE = 4
"""Transactions in flight."""
_LINK = 1
_EPOCH = "ep_bench"
_WAYS = ("together", "apart")

T = TypeVar("T")
Said: TypeAlias = list[tuple[TerminalId, bytes]]


class Applying:
    """Part (b)."""

    def __init__(self, bed: Bed, best: BestOfPgbench) -> None:
        self._bed = bed
        self._best = best
        self._config = Config()
        self._settled_per_s: dict[str, list[float]] = {how: [] for how in _WAYS}
        self._starts_per_s: list[float] = []
        self._pool: Pool | None = None

    def round(self) -> None:
        """Sessions authorized and settled in turn, settling half of `seconds` one way and half the other."""
        self._bed.say("settlement alone")
        self._bed.runner.run(self._round())

    def figures(self) -> list[Figure]:
        """The limit and what came against it."""
        names = {
            "together": f"apply, one message a session ({AT_MOST} a transaction, {_AT_ONCE} at once)",
            "apart": "apply, two messages a session",
        }
        return [
            self._best.figure(PART),
            *(
                Figure(
                    part=PART,
                    name=names[how],
                    unit="/s",
                    values=values,
                    limit=BEST,
                    target=_WANTED if how == "together" else None,
                )
                for how, values in self._settled_per_s.items()
            ),
            Figure(
                part=PART,
                name=f"authorize ({starter.AT_MOST} a transaction, {_AT_ONCE} at once)",
                unit="/s",
                values=self._starts_per_s,
                limit=BEST,
            ),
        ]

    async def _round(self) -> None:
        if self._pool is None:
            await self._prepare()
        assert self._pool is not None
        starts, start_s = 0, 0.0
        for how in _WAYS:
            settled, settle_s = 0, 0.0
            while settle_s < self._bed.sizes.seconds / 2:
                sessions, took_s = await self._authorize()
                starts, start_s = starts + len(sessions), start_s + took_s
                for messages in self._messages(sessions, how):
                    settle_s += await self._apply(messages)
                settled += len(sessions)
            self._settled_per_s[how].append(settled / settle_s)
        self._starts_per_s.append(starts / start_s)
        await self._check()

    async def _prepare(self) -> None:
        url = self._bed.postgres.url("apply")
        self._fleet: Fleet = await make_database(url, max(self._bed.sizes.terminals))
        self._showers = {one.terminal_id: Showers(_LINK, _EPOCH) for one in self._fleet.terminals}
        self._pool = await open_pool(url, min_size=_AT_ONCE, max_size=_AT_ONCE)
        self._books = PostgresBooks(self._pool)
        hello = Hello(link=_LINK, epoch=_EPOCH, next_seq=1, oldest_seq=1, boot=1, open_sessions=[])
        await apply_words(
            self._books, [Word(one.terminal_id, hello) for one in self._fleet.terminals], self._config
        )
        for how in ("apart", "together"):  # sessions in the tables, plans kept, then statistics
            sessions, _ = await self._authorize()
            for messages in self._messages(sessions, how):
                await self._apply(messages)
        await vacuum(url)

    async def _authorize(self) -> tuple[list[Session], float]:
        requests = [
            StartRequest(
                operator=self._fleet.operator,
                customer=customer,
                terminal=one.terminal_id,
                outlet=0,
                key=new_id("req"),
            )
            for one, customer in zip(self._fleet.terminals, self._fleet.customers, strict=True)
        ]
        made: list[Session] = []

        async def start(some: Sequence[StartRequest]) -> None:
            answers, batch = await authorize(self._books, some)
            for send in batch.sends:
                codec.encode(send.message)
            refused = [answer for answer in answers if not isinstance(answer, Session)]
            if refused:
                raise Problem(f"a start was refused: {refused[0]}", "This is a mistake of the measurement.")
            made.extend(answer for answer in answers if isinstance(answer, Session))

        return made, await _timed(_chunks(requests, starter.AT_MOST), start)

    def _messages(self, sessions: Sequence[Session], how: str) -> list[Said]:
        rounds: list[Said] = [[]] if how == "together" else [[], []]
        for session in sessions:
            shower = self._showers[session.terminal]
            records = [shower.started(session.id, session.command), shower.stopped(session.id)]
            if how == "together":
                rounds[0].append((session.terminal, shower.message(records)))
            else:
                for at, record in enumerate(records):
                    rounds[at].append((session.terminal, shower.message([record])))
        return rounds

    async def _apply(self, messages: Said) -> float:
        async def settle(some: Sequence[tuple[TerminalId, bytes]]) -> None:
            words = []
            for terminal, data in some:
                message = codec.decode_up(data)
                assert isinstance(message, Records)
                words.append(Word(terminal, read(terminal, message)))
            for batch in await apply_words(self._books, words, self._config):
                for send in batch.sends:
                    codec.encode(send.message)

        return await _timed(_chunks(messages, AT_MOST), settle)

    async def _check(self) -> None:
        """Every session settled, nothing in review: else the figure would be of something else."""
        assert self._pool is not None
        left = await self._pool.fetchval("SELECT count(*) FROM session WHERE state <> 'settled'")
        doubts = await self._pool.fetchval("SELECT count(*) FROM review")
        if left or doubts:
            raise Problem(
                f"{left} sessions did not settle, {doubts} matters went to review",
                "This is a mistake of the measurement.",
            )


def _chunks(items: Sequence[T], at_most: int) -> list[Sequence[T]]:
    return [items[at : at + at_most] for at in range(0, len(items), at_most)]


async def _timed(chunks: Sequence[Sequence[T]], work: Callable[[Sequence[T]], Awaitable[None]]) -> float:
    """Seconds that `work` takes for all the chunks, `_AT_ONCE` of them at a time."""
    waiting = list(reversed(chunks))

    async def worker() -> None:
        while waiting:
            await work(waiting.pop())

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
    return time.perf_counter() - began
