"""Which sessions are watched, and what their watchers are told.

One task of its own does all that lasts: it subscribes, lets go, and asks the database once a second for everything
that is watched. Watchers come and go without awaiting anything on their way out, so that none leaves a trace.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from nats.aio.client import Client

from coinslot.engines.connect import UNANSWERED
from coinslot.web.live import store
from coinslot.web.live.following import Asking, Following
from coinslot.web.live.views import LiveView
from coinslot.web.live.watched import Watched
from coinslot.wire.ids import OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Config, Readings

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
"""The safety net: what time alone changes, what another process does, what was lost on the way."""
GATHER_S: Final = 0.05
"""Between two questions that messages give cause for: a wave of acknowledgements is one question."""
REPEAT_S: Final = 3.0
"""A stream says the same again after so long, so that its reader knows a quiet session from a dead stream."""
LINGER_S: Final = 6.0
"""Who asks instead of watching asks again within this: pages without a stream see fresh figures, too."""


class LiveBoard:
    """The watched sessions of this process, from `start` to `stop`. `config` is what terminals are welcomed with."""

    def __init__(
        self, pool: Pool, client: Client, config: Config | None = None, *, linger_s: float = LINGER_S
    ) -> None:
        self._pool = pool
        self._client = client
        self._linger_s = linger_s
        self._asking = Asking(client, config or Config())
        self._watched: dict[store.Key, Watched] = {}
        self._of: dict[TerminalId, dict[store.Key, Watched]] = {}
        """The same by terminal: a reading finds its session at once, however many others are watched."""
        self._following: dict[TerminalId, Following] = {}
        self._doubtful: set[TerminalId] = set()
        """Terminals of whose sessions the database should be asked now."""
        self._cause = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def task(self) -> asyncio.Task[None]:
        """Runs from `start` to `stop`: should it end before, it has failed. RuntimeError outside of these."""
        if self._task is None:
            raise RuntimeError("the live board is not started")
        return self._task

    @property
    def watched(self) -> int:
        """Sessions followed now."""
        return len(self._watched)

    @property
    def subscriptions(self) -> int:
        """Subscriptions held at the broker."""
        return sum(following.opened for following in self._following.values())

    async def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run(), name="live board")

    async def stop(self) -> None:
        """Let go of the link, and of all who watch."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        for watched in self._watched.values():
            watched.end()
        self._watched.clear()
        self._of.clear()
        await self._follow()

    @contextlib.asynccontextmanager
    async def watch(self, operator: OperatorId, session: str) -> AsyncIterator[AsyncIterator[LiveView]]:
        """The session's views from now on, the newest first; they end with its end, or the board's.

        Empty for a session that the operator does not have. What passes while a reader is busy is left out, never
        the newest. One of `UNANSWERED` when the database cannot be asked.
        """
        watched = await self._open(operator, session)
        if watched is None:
            yield _nothing()
            return
        watched.watchers += 1
        self._cause.set()
        try:
            yield watched.views(REPEAT_S)
        finally:
            watched.watchers -= 1
            self._cause.set()

    async def look(self, operator: OperatorId, session: str) -> LiveView | None:
        """The session as it stands; None when the operator has none with this id. `UNANSWERED` as above."""
        watched = await self._open(operator, session)
        if watched is None:
            return None
        if watched.key in self._watched:
            watched.kept_until_s = self._now_s + self._linger_s
            self._cause.set()
            await self._ask_database([watched])
        return watched.view

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def _open(self, operator: OperatorId, session: str) -> Watched | None:
        known = self._watched.get((operator, SessionId(session)))
        if known is not None:
            return known
        found = await store.load(self._pool, operator, session)
        if found is None:
            return None
        heard = None if not found.session.live else await store.latest_reading(self._pool, found)
        watched = Watched(found, heard)
        if watched.view.ended or self._task is None:
            return watched
        kept = self._watched.setdefault(watched.key, watched)
        self._of.setdefault(kept.terminal, {})[kept.key] = kept
        return kept

    async def _run(self) -> None:
        """For ever; with nothing watched it sleeps until something is."""
        next_look_s = 0.0
        while True:
            self._forsake()
            await self._follow()
            if not self._watched:
                await self._cause.wait()
                self._cause.clear()
                continue
            if self._now_s >= next_look_s:
                next_look_s = self._now_s + LOOK_EVERY_S
                await self._look_at(tuple(self._watched.values()))
                await self._ask_terminals()
            elif self._doubtful:
                await self._look_at(
                    [one for terminal in self._doubtful for one in self._of[terminal].values()]
                )
            await asyncio.sleep(GATHER_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_look_s - self._now_s)):
                    await self._cause.wait()
            self._cause.clear()

    def _forsake(self) -> None:
        """Forget what nobody watches, and what has ended."""
        now_s = self._now_s
        for key, watched in list(self._watched.items()):
            if watched.view.ended or (not watched.watchers and now_s >= watched.kept_until_s):
                del self._watched[key]
                del self._of[watched.terminal][key]
                if not self._of[watched.terminal]:
                    del self._of[watched.terminal]
        self._doubtful &= self._of.keys()

    async def _follow(self) -> None:
        """Be subscribed to the terminals of watched sessions, and to no other."""
        for terminal in self._following.keys() - self._of.keys():
            await self._following.pop(terminal).close()
        for terminal in tuple(self._of):
            following = self._following.setdefault(
                terminal, Following(self._client, terminal, self._heard, self._changed)
            )
            await following.open()

    async def _ask_terminals(self) -> None:
        now_s = self._now_s
        self._asking.forget(now_s)
        links = {one.terminal: one.link for one in self._watched.values() if one.link is not None}
        for terminal, link in links.items():
            await self._asking.ask(terminal, link, now_s)

    async def _look_at(self, wanted: Collection[Watched]) -> None:
        self._doubtful.clear()
        try:
            await self._ask_database(wanted)
        except UNANSWERED as error:
            # The figures stay as they are, and the page says how old they are.
            log.warning("watched sessions are not read now: %s", type(error).__name__)

    async def _ask_database(self, wanted: Collection[Watched]) -> None:
        if not wanted:
            return
        changes = await store.look(self._pool, [watched.key for watched in wanted])
        for watched in wanted:
            change = changes.get(watched.key)
            if change is not None:
                watched.change(change)

    def _heard(self, terminal: TerminalId, reading: Readings) -> None:
        now = datetime.now(UTC)
        for watched in self._of.get(terminal, {}).values():
            if watched.hear(reading, now):
                self._changed(terminal)

    def _changed(self, terminal: TerminalId) -> None:
        if terminal in self._of:
            self._doubtful.add(terminal)
            self._cause.set()


async def _nothing() -> AsyncIterator[LiveView]:
    views: tuple[LiveView, ...] = ()
    for view in views:
        yield view
