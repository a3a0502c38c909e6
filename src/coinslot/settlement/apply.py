"""Everything terminals say that must last, for many terminals in one transaction.

When a batch fails, each terminal is tried by itself; what then still cannot be applied is stored for
review and acknowledged, so that one bad session never blocks a terminal, nor one terminal the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, assert_never

from msgspec.structs import replace

from coinslot.ledger.errors import LedgerError
from coinslot.settlement.changes import Alarm, AlarmKind, Batch, Purse, Review, ReviewReason
from coinslot.settlement.hello import gone, hello
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Books, Unstorable
from coinslot.settlement.records import Incoming, apply, apply_lost, sessions_of
from coinslot.settlement.settle import book_late
from coinslot.wire.ids import Epoch, SessionId, TerminalId
from coinslot.wire.messages import Ack, Config, Gone, Hello, Lost

log = logging.getLogger(__name__)


class Garbled(NamedTuple):
    """Bytes that are no message of the link at all: nothing to store, somebody to tell."""

    why: str


Said: TypeAlias = Hello | Incoming | Lost | Gone | Garbled


class Word(NamedTuple):
    """Something one terminal said."""

    terminal: TerminalId
    said: Said


async def apply_words(books: Books, words: Sequence[Word], config: Config) -> list[Batch]:
    """Apply these in order, in one transaction if that succeeds. The batches' messages are to be sent."""
    try:
        return [await _apply_together(books, words, config)]
    except (LedgerError, Unstorable) as error:
        log.warning("a batch of %d could not be saved, trying each: %s", len(words), error)
    batches = []
    for terminal in dict.fromkeys(word.terminal for word in words):
        own = [word for word in words if word.terminal == terminal]
        try:
            batches.append(await _apply_together(books, own, config))
        except (LedgerError, Unstorable) as error:
            log.error("terminal %s: stored for review, not applied: %s", terminal, error)
            batches.append(await _set_aside(books, own, str(error)))
    return batches


async def _apply_together(books: Books, words: Sequence[Word], config: Config) -> Batch:
    sessions: list[SessionId] = []
    epochs: list[tuple[TerminalId, Epoch]] = []
    for word in words:
        if isinstance(word.said, Incoming):
            sessions += sessions_of(word.said)
        elif isinstance(word.said, Hello):
            sessions += map(SessionId, word.said.open_sessions)
            epochs.append((word.terminal, Epoch(word.said.epoch)))
    terminals = list(dict.fromkeys(word.terminal for word in words))
    async with books.transaction(Purpose.WORDS) as unit:
        batch = await unit.open_batch(terminals, sessions, epochs)
        for word in words:
            _plan(batch, word, config)
        if batch.late:
            purses = [
                Purse(session.operator, session.customer, session.currency) for session, _ in batch.late
            ]
            book_late(batch, await unit.arrears_room(purses))
        await unit.save(batch)
    return batch


def _plan(batch: Batch, word: Word, config: Config) -> None:
    match word.said:
        case Incoming():
            apply(batch, word.said)
        case Hello():
            hello(batch, word.terminal, word.said, config)
        case Lost():
            apply_lost(batch, word.terminal, word.said)
        case Gone():
            gone(batch, word.terminal, word.said)
        case Garbled(why):
            _garbled(batch, word.terminal, why)
        case _:
            assert_never(word.said)


def _garbled(batch: Batch, sender: TerminalId, why: str) -> None:
    terminal = batch.terminals.get(sender)
    if terminal is not None:
        batch.alarms.append(
            Alarm(operator=terminal.operator, terminal=sender, kind=AlarmKind.UNREADABLE.value, detail=why)
        )


async def _set_aside(books: Books, words: Sequence[Word], why: str) -> Batch:
    """Keep the records as they came, acknowledge them, change nothing else."""
    async with books.transaction(Purpose.ASIDE) as unit:
        batch = await unit.open_batch([words[0].terminal])
        for word in words:
            terminal = batch.terminals.get(word.terminal)
            said = word.said
            if terminal is None or not isinstance(said, Incoming):
                continue
            if said.message.epoch != terminal.epoch or said.message.first_seq > terminal.acked_seq + 1:
                continue
            for offset, body in enumerate(said.message.records):
                seq = said.message.first_seq + offset
                if seq > terminal.acked_seq:
                    batch.reviews.append(
                        Review(
                            operator=terminal.operator,
                            reason=ReviewReason.NOT_RATED.value,
                            terminal=terminal.id,
                            epoch=terminal.epoch,
                            seq=seq,
                            body=bytes(body),
                            detail=why,
                        )
                    )
            last = said.message.first_seq + len(said.message.records) - 1
            terminal = replace(terminal, acked_seq=max(terminal.acked_seq, last))
            batch.put_terminal(terminal)
            batch.send(terminal.id, Ack(link=terminal.link, epoch=said.message.epoch, seq=terminal.acked_seq))
        await unit.save(batch)
    return batch
