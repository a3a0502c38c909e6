"""What terminals say, from the broker to settlement: parsed, gathered, applied, answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias, assert_never

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from coinslot.link.outgoing import Outgoing
from coinslot.link.wishes import Wish
from coinslot.settlement.apply import Garbled, Word, apply_words
from coinslot.settlement.batching import Batcher, Closed, Full
from coinslot.settlement.changes import Batch
from coinslot.settlement.ports import Books, Conflict
from coinslot.settlement.records import read
from coinslot.wire import codec
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import (
    Alive,
    CodeEntered,
    Config,
    Gone,
    Hello,
    KeypadGuard,
    Lost,
    QrCancelled,
    QrWanted,
    Readings,
    Records,
    Updated,
)
from coinslot.wire.topics import Channel, every, parse_subject

log = logging.getLogger(__name__)

QUEUE = "link"
AT_MOST = 256
"""Messages in one transaction: at 512 terminals larger ones gained nothing and held locks longer."""
_MOST_WAITING = 64
"""Of one terminal: one that keeps to the link has a message or two under way, and says again what was not
answered; one that does not shall not fill the server's memory, nor every batch."""
_TRIES = 4

OnReadings: TypeAlias = Callable[[TerminalId, Readings], None]
OnWish: TypeAlias = Callable[[TerminalId, Wish], None]
OnHello: TypeAlias = Callable[[TerminalId], None]
OnApplied: TypeAlias = Callable[[Sequence[Batch]], None]
OnUpdated: TypeAlias = Callable[[TerminalId, Updated], None]


class Inbox:
    """One worker of the queue group that reads the terminals."""

    def __init__(
        self,
        client: Client,
        books: Books,
        outgoing: Outgoing,
        *,
        config: Config,
        on_readings: OnReadings,
        on_wish: OnWish,
        on_hello: OnHello,
        on_updated: OnUpdated,
        on_applied: OnApplied = lambda batches: None,
    ) -> None:
        self._client = client
        self._books = books
        self._outgoing = outgoing
        self._config = config
        self._on_readings = on_readings
        self._on_wish = on_wish
        self._on_hello = on_hello
        self._on_updated = on_updated
        self._on_applied = on_applied
        self._batcher: Batcher[Word, None] = Batcher(
            self._apply, at_most=AT_MOST, key=lambda word: word.terminal, most_of_one=_MOST_WAITING
        )
        self._subscriptions: list[Subscription] = []
        self.received = 0
        """Messages from terminals, of any kind."""
        self.sizes = self._batcher.sizes
        """How many transactions applied each number of them."""

    async def start(self) -> None:
        """Join the queue group."""
        for channel in (Channel.UP, Channel.GONE):
            subscription = await self._client.subscribe(every(channel), queue=QUEUE, cb=self._on_message)
            self._subscriptions.append(subscription)

    async def stop(self) -> None:
        """Leave the queue group, so that others get what comes, and finish what was taken."""
        for subscription in self._subscriptions:
            try:
                await subscription.unsubscribe()
            except NatsError as error:
                log.info("leaving without a word to the broker: %s", error)
        await self._batcher.close()

    async def _on_message(self, message: Msg) -> None:
        self.received += 1
        try:
            terminal, _ = parse_subject(message.subject)
        except ValueError as error:
            log.warning("%s", error)
            return
        try:
            said = codec.decode_up(message.data)
        except codec.WireError as error:
            log.warning("terminal %s: %s", terminal, error)
            self._queue(Word(terminal, Garbled(str(error))))
            return
        match said:
            case Hello() | Lost() | Gone():
                self._queue(Word(terminal, said))
            case Records():
                self._queue(Word(terminal, read(terminal, said)))
            case Readings():
                self._on_readings(terminal, said)
            case CodeEntered() | KeypadGuard() | QrWanted() | QrCancelled():
                self._on_wish(terminal, said)
            case Updated():
                self._on_updated(terminal, said)
            case Alive():
                pass
            case _:
                assert_never(said)

    def _queue(self, word: Word) -> None:
        with suppress(Closed, Full):  # not acknowledged, so the terminal says it again to whoever serves then
            self._batcher.put(word).add_done_callback(_report)

    async def _apply(self, words: Sequence[Word]) -> Sequence[None]:
        for again in range(_TRIES):
            try:
                batches = await apply_words(self._books, words, self._config)
                break
            except Conflict as error:
                if again == _TRIES - 1:
                    raise
                log.info("trying %d messages again: %s", len(words), error)
        await self._outgoing.send_all(batches)
        self._on_applied(batches)
        for word in words:
            if isinstance(word.said, Hello):
                self._on_hello(word.terminal)  # after its welcome
        return [None] * len(words)


def _report(future: asyncio.Future[None]) -> None:
    """Silence towards the terminal, never in the log: it says it all again, so nothing is lost."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("a terminal's message could not be stored: %r", error)
