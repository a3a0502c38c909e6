"""Paid uses of appliances: begun as soon as the payment is confirmed, or given back; what is left of them asked back.

Any number of processes may run it. All that is due stands in rows (`follow_at` of the intent, `rest_at` of the
session), so that one that dies anywhere leaves nothing undone: another does it, and what is done is done once.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Final, TypeAlias

from coinslot.access import receipts
from coinslot.keyring import Keyring
from coinslot.payments.model import Intent
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Batch, Send
from coinslot.settlement.payments.beginning import Begun, Told, begin_paid
from coinslot.settlement.payments.crediting import PAID_CHANNEL
from coinslot.settlement.payments.direct_rows import DirectOrder, order_of_intent
from coinslot.settlement.payments.door import nobody
from coinslot.settlement.payments.rests import DueRest, Rest, due_rests, return_rest, set_rest_aside
from coinslot.settlement.payments.starts import due_starts, give_up_start, set_start_aside
from coinslot.settlement.payments.unit import UNANSWERED, Connection, Pool
from coinslot.settlement.ports import UNDECIDABLE, Conflict
from coinslot.wire.ids import SessionId, TerminalId
from coinslot.wire.messages import Bill, Note, Show

log = logging.getLogger(__name__)

SendAll: TypeAlias = Callable[[Iterable[Batch]], Awaitable[None]]

_EVERY_S: Final = 1.0
_AT_MOST: Final = 20
_AT_ONCE: Final = 4
_SHOWN_S: Final = 120.0
"""A bill that is ready later than this after the end is for nobody who still stands there. Half a minute of it may be
the start's way to the terminal."""
_STANDING: Final = "SELECT link, online, clock_timestamp() AS now FROM terminal_link WHERE terminal_id = $1"


class DirectStarts:
    """Runs until cancelled; what fails is logged and tried again."""

    def __init__(
        self,
        pool: Pool,
        send_all: SendAll,
        *,
        keyring: Keyring | None = None,
        public_url: str = "",
        nudge_cashier: Callable[[], None] = nobody,
        every_s: float = _EVERY_S,
    ) -> None:
        """`send_all` gets the messages of each committed batch; `keyring` and `public_url` make the address of the
        guest's bill, which is not shown without them; `nudge_cashier`: a refund was asked for."""
        self._pool = pool
        self._send_all = send_all
        self._keyring = keyring
        self._public_url = public_url.rstrip("/")
        self._nudge_cashier = nudge_cashier
        self._every_s = every_s
        self._paid = asyncio.Event()
        self._ended = asyncio.Event()
        self._stuck: dict[SessionId, None] = {}
        """Sessions whose rest could not be asked back: a person looks, and the next process tries again."""

    def nudge(self) -> None:
        """Look now: something was paid, or a session has ended."""
        self._paid.set()
        self._ended.set()

    async def run(self) -> None:
        """Work for ever: at once when a payment is confirmed anywhere, and every second."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._keep_on(self.starts, self._paid))
            group.create_task(self._keep_on(self.rests, self._ended))

    async def once(self) -> None:
        """Everything that is due now."""
        await self.starts()
        await self.rests()

    async def starts(self) -> None:
        """Begin what is paid for, or give it back."""
        seen: set[str] = set()
        while True:
            async with self._pool.acquire() as connection:
                due = [
                    intent
                    for intent in await due_starts(connection, _AT_MOST)
                    if intent.intent_id not in seen
                ]
            if not due:
                return
            seen.update(intent.intent_id for intent in due)
            for first in range(0, len(due), _AT_ONCE):
                await asyncio.gather(*(self._start(intent) for intent in due[first : first + _AT_ONCE]))

    async def rests(self) -> None:
        """Ask back what ended sessions have left."""
        later: list[SessionId] = []
        while due := await due_rests(self._pool, _AT_MOST, [*self._stuck, *later]):
            for each in due:
                try:
                    await self._rest(each)
                except Conflict as error:
                    log.info("what a use has left met another transaction: %s", error)
                    later.append(each.session_id)

    async def _start(self, intent: Intent) -> None:
        try:
            match await begin_paid(self._pool, intent):
                case Begun() as begun:
                    await self._send_all([_with_note(begun)])
                case Told.REFUSED:
                    await self._give_up(intent)
                case Told.DECIDED | Told.LATER:
                    pass
        except Conflict as error:
            log.info("a paid start met another: %s", error)
            self._paid.set()
        except UNDECIDABLE as error:
            await set_start_aside(self._pool, intent, f"{type(error).__name__}: {error}")

    async def _give_up(self, intent: Intent) -> None:
        order = await order_of_intent(self._pool, intent.operator_id, intent.intent_id)
        refund = await give_up_start(self._pool, intent.operator_id, intent.intent_id)
        if refund is None:
            return
        self._nudge_cashier()
        if order is not None:
            await self._tell(order, Note.REFUNDED)

    async def _rest(self, due: DueRest) -> None:
        try:
            rest = await return_rest(self._pool, due)
        except UNDECIDABLE as error:
            self._stuck[due.session_id] = None
            await set_rest_aside(self._pool, due, f"{type(error).__name__}: {error}")
            return
        if rest is None:
            return
        if rest.refund is not None:
            self._nudge_cashier()
        await self._show_end(due, rest)

    async def _show_end(self, due: DueRest, rest: Rest) -> None:
        """The bill, or that all goes back because nothing began."""
        session = rest.session
        order = await order_of_intent(self._pool, due.operator_id, due.intent_id)
        if order is None:
            return
        if session.state is not State.SETTLED:
            await self._tell(order, Note.REFUNDED)
            return
        row = await self._pool.fetchrow(_STANDING, session.terminal)
        if row is None or not row["online"] or _ago_s(session, row["now"]) > _SHOWN_S:
            return
        bill = Bill(
            session=session.id,
            currency=session.currency,
            charge_minor=session.captured_minor or 0,
            balance_minor=0,
            refund_minor=session.released_minor or 0,
        )
        await self._show(
            session.terminal,
            Show(
                link=row["link"],
                outlet=session.outlet,
                bill=bill,
                qr=self._receipt(due.intent_id),
                request=order.request,
            ),
            row["now"],
        )

    def _receipt(self, intent_id: str) -> str | None:
        if self._keyring is None or not self._public_url:
            return None
        return f"{self._public_url}/b/{receipts.sign(self._keyring, intent_id)}"

    async def _tell(self, order: DirectOrder, note: Note) -> None:
        row = await self._pool.fetchrow(_STANDING, order.terminal_id)
        if row is not None and row["online"]:
            await self._show(order.terminal_id, _noted(order, note, row["link"]), row["now"])

    async def _show(self, terminal: TerminalId, show: Show, now: datetime) -> None:
        batch = Batch(now=now)
        batch.send(terminal, show)
        await self._send_all([batch])

    async def _listen(self) -> None:
        """Hear of payments confirmed in any process. Without that, looking every second has to do."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._hear(connection)
            except UNANSWERED as error:
                log.warning(
                    "payments of other processes are heard of a second later: %s", type(error).__name__
                )
            await asyncio.sleep(self._every_s)

    async def _hear(self, connection: Connection) -> None:
        gone = asyncio.Event()

        def paid(*_: object) -> None:
            self._paid.set()

        def lost(_: object) -> None:
            gone.set()

        connection.add_termination_listener(lost)
        await connection.add_listener(PAID_CHANNEL, paid)
        try:
            await gone.wait()
        finally:
            if not connection.is_closed():
                connection.remove_termination_listener(lost)
                await connection.remove_listener(PAID_CHANNEL, paid)

    async def _keep_on(self, work: Callable[[], Awaitable[None]], wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            try:
                await work()
            except UNANSWERED as error:
                log.warning("paid uses have to wait for the database: %s", type(error).__name__)
            try:
                await asyncio.wait_for(wake.wait(), self._every_s)
            except TimeoutError:
                continue


def _with_note(begun: Begun) -> Batch:
    """The start, and before it the word that it was paid."""
    order, batch = begun.order, begun.batch
    note = _noted(order, Note.PAID, batch.terminals[order.terminal_id].link)
    batch.sends.insert(0, Send(order.terminal_id, note))
    return batch


def _noted(order: DirectOrder, note: Note, link: int) -> Show:
    return Show(link=link, outlet=order.outlet, request=order.request, note=note)


def _ago_s(session: Session, now: datetime) -> float:
    """How long ago its user saw it end, at most. The records of an end may have waited for the link for hours."""
    if session.stopped_at is None:
        return math.inf
    used_s = (session.duration_ms or 0) / 1000
    return (now - session.created_at).total_seconds() - used_s
