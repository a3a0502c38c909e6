"""Everything terminals say that must last, for many terminals in one transaction.

When a batch fails, each terminal is tried by itself, then each record; what then still cannot be applied
is stored for review and acknowledged, so that one bad session never blocks a terminal, nor one terminal the
rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias, assert_never

from coinslot.settlement.changes import Alarm, AlarmKind, Batch, Review, ReviewReason
from coinslot.settlement.hello import gone, hello, take_note
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import UNDECIDABLE, Books
from coinslot.settlement.proof import disprove
from coinslot.settlement.records import Incoming, apply, apply_lost, pieces, sessions_of, set_aside
from coinslot.settlement.settle import book_late, purse_of
from coinslot.wire.ids import Epoch, SessionId, TerminalId
from coinslot.wire.messages import Config, Gone, Hello, Lost

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
    whole, alone = partial(_plan, config=config), partial(_plan_alone, config=config)
    try:
        return [await _apply(books, words, whole)]
    except UNDECIDABLE as error:
        log.warning("a batch of %d could not be saved, trying each: %s", len(words), error)
    batches = []
    for terminal in dict.fromkeys(word.terminal for word in words):
        own = [word for word in words if word.terminal == terminal]
        try:
            batches.append(await _apply(books, own, whole))
            continue
        except UNDECIDABLE as error:
            log.warning("terminal %s: could not be saved, trying each record: %s", terminal, error)
        for word in _pieces(own):
            try:
                batches.append(await _apply(books, [word], alone))
            except UNDECIDABLE as error:
                log.error("terminal %s: stored for review, not applied: %s", terminal, error)
                batches.append(await _set_aside(books, word, str(error), config))
    return batches


def _pieces(words: Sequence[Word]) -> list[Word]:
    found: list[Word] = []
    for word in words:
        if isinstance(word.said, Incoming):
            found += [Word(word.terminal, piece) for piece in pieces(word.said)]
        else:
            found.append(word)
    return found


async def _apply(books: Books, words: Sequence[Word], plan: Callable[[Batch, Word], None]) -> Batch:
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
            plan(batch, word)
        if batch.late:
            owing = [purse_of(session) for session, _ in batch.late]
            book_late(batch, await unit.arrears_room(owing, batch.entries))
        await unit.save(batch)
    return batch


def _plan(batch: Batch, word: Word, config: Config) -> None:
    """What was said, and what it proves of the terminal's other sessions."""
    _plan_alone(batch, word, config)
    terminal = batch.terminals.get(word.terminal)
    if terminal is not None and isinstance(word.said, Incoming):
        disprove(batch, terminal)


def _plan_alone(batch: Batch, word: Word, config: Config) -> None:
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


async def _set_aside(books: Books, word: Word, why: str, config: Config) -> Batch:
    """Keep a record as it came and acknowledge it; answer a hello. No session is changed by either."""
    said = word.said
    epochs = [(word.terminal, Epoch(said.epoch))] if isinstance(said, Hello) else []
    async with books.transaction(Purpose.ASIDE) as unit:
        batch = await unit.open_batch([word.terminal], epochs=epochs)
        if isinstance(said, Incoming):
            set_aside(batch, said, why)
        elif isinstance(said, Hello):
            terminal = take_note(batch, word.terminal, said, config)
            if terminal is not None:
                batch.reviews.append(
                    Review(
                        operator=terminal.operator,
                        reason=ReviewReason.NOT_RATED.value,
                        terminal=terminal.id,
                        epoch=terminal.epoch,
                        detail=why,
                    )
                )
        await unit.save(batch)
    return batch
