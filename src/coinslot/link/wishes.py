"""Wishes: what somebody asked for at an appliance, the latest not lost.

A choice to buy may wait for a provider for seconds: one is under way for each terminal. Whoever chooses again
meanwhile means the new choice: it waits its turn, the one before it is not shown any more, and `Orders` closes
that one's code. What is typed at a keypad waits for no provider, and for no other outlet but every fourth of the same
terminal: one that speaks for 256 outlets at once has four connections of the pool to itself and no more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, assert_never

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.link.outgoing import Outgoing
from coinslot.link.selling import Code, Orders
from coinslot.link.typing import Typed
from coinslot.settlement.changes import Send
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import CodeEntered, KeypadGuard, Note, QrCancelled, QrWanted, Show

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

Wish: TypeAlias = CodeEntered | KeypadGuard | QrWanted | QrCancelled
Lane: TypeAlias = tuple[TerminalId, str]
"""What waits for one another: a terminal's choices, some keypads' codes, its keypads' word of themselves."""
_KEYPADS_AT_ONCE = 4
_STANDING = """
    SELECT l.link, EXISTS (
        SELECT FROM outlet o
        WHERE o.operator_id = l.operator_id AND o.terminal_id = l.terminal_id AND o.outlet = $2
    ) FROM terminal_link l WHERE l.terminal_id = $1
"""


class Wishes:
    """What terminals ask for, answered in the background."""

    def __init__(
        self,
        pool: Pool,
        outgoing: Outgoing,
        orders: Orders | None,
        refused: Callable[[TerminalId], None],
        typed: Typed | None = None,
    ) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._orders = orders
        self._typed = typed
        self._refused = refused
        self._waiting: dict[Lane, dict[int, Wish]] = {}
        """By lane while one of its wishes is under way: the latest of each outlet, at most 256."""
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, terminal: TerminalId, wish: Wish) -> None:
        """Answer it, after the one that is under way."""
        lane = _lane(terminal, wish)
        waiting = self._waiting.get(lane)
        if waiting is not None:
            waiting[wish.outlet] = wish
            return
        waiting = self._waiting[lane] = {wish.outlet: wish}
        task = asyncio.create_task(self._serve(lane, waiting))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    async def close(self) -> None:
        """Give up what is under way: what was stored of it is looked after by others."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a wish was not answered: %r", error)

    async def _serve(self, lane: Lane, waiting: dict[int, Wish]) -> None:
        try:
            while waiting:
                outlet = next(iter(waiting))
                await self._grant(lane[0], waiting.pop(outlet), waiting)
        finally:
            del self._waiting[lane]

    async def _grant(self, terminal: TerminalId, wish: Wish, waiting: dict[int, Wish]) -> None:
        try:
            if isinstance(wish, CodeEntered | KeypadGuard):
                await self._at_keypad(terminal, wish)
                return
            link, known = await self._standing(terminal, wish.outlet)
            if not link or wish.link < link:
                return  # said on a connection that is over
            match wish:
                case QrCancelled():
                    if self._orders is not None and known:
                        await self._orders.cancel(terminal, wish.outlet, wish.request)
                case QrWanted():
                    answer = await self._sell(terminal, wish, known)
                    if wish.outlet not in waiting:
                        await self._answer(terminal, wish, answer, link)
                case _:
                    assert_never(wish)
        except UNANSWERED as error:
            log.warning("terminal %s: a wish was not answered: %s", terminal, type(error).__name__)

    async def _at_keypad(self, terminal: TerminalId, said: CodeEntered | KeypadGuard) -> None:
        if isinstance(said, KeypadGuard):
            if self._typed is not None:
                await self._typed.guarded(terminal, said)
            return
        if self._typed is None:
            note = Note.UNAVAILABLE
            await self._show(
                terminal, Show(link=said.link, outlet=said.outlet, request=said.request, note=note)
            )
            return
        try:
            answers = await self._typed.typed(terminal, said)
        except UNANSWERED as error:
            log.warning("terminal %s: a code was not decided: %s", terminal, type(error).__name__)
            note = Note.TRY_AGAIN
            answers = [(terminal, Show(link=said.link, outlet=said.outlet, request=said.request, note=note))]
        for to, message in answers:
            await self._outgoing.send(Send(to, message))

    async def _sell(self, terminal: TerminalId, wish: QrWanted, known: bool) -> Code | Note:
        if self._orders is None or not known:
            return Note.UNAVAILABLE
        try:
            return await self._orders.place(terminal, wish)
        except UNANSWERED as error:
            log.warning("terminal %s: no code could be made: %s", terminal, type(error).__name__)
            return Note.TRY_AGAIN

    async def _answer(self, terminal: TerminalId, wish: QrWanted, answer: Code | Note, link: int) -> None:
        try:
            link = (await self._standing(terminal, wish.outlet))[0] or link
        except UNANSWERED as error:
            log.warning("terminal %s: answered on the link of its wish: %s", terminal, type(error).__name__)
        if isinstance(answer, Note):
            show = Show(link=link, outlet=wish.outlet, request=wish.request, note=answer)
        else:
            show = Show(
                link=link,
                outlet=wish.outlet,
                request=wish.request,
                qr=answer.qr,
                amount_minor=answer.amount_minor,
                currency=answer.currency,
                life_s=answer.life_s,
            )
        await self._show(terminal, show)
        if answer is Note.UNAVAILABLE and self._orders is not None:
            self._refused(terminal)

    async def _show(self, terminal: TerminalId, show: Show) -> None:
        await self._outgoing.send(Send(terminal, show))

    async def _standing(self, terminal: TerminalId, outlet: int) -> tuple[int, bool]:
        """(the link in force, 0 before the first hello; whether the terminal has this outlet)."""
        row = await self._pool.fetchrow(_STANDING, terminal, outlet)
        return (0, False) if row is None else (row[0], row[1])


def _lane(terminal: TerminalId, wish: Wish) -> Lane:
    match wish:
        case CodeEntered():
            return terminal, f"code {wish.outlet % _KEYPADS_AT_ONCE}"
        case KeypadGuard():
            return terminal, "guard"
        case QrWanted() | QrCancelled():
            return terminal, ""
        case _:
            assert_never(wish)
