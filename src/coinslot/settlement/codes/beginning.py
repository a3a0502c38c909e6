"""A code typed at a keypad: a session begun and the code used up in one transaction, or a note why not.

Locks, in this order: the keypad, the code, then as for every start: the terminal, the wallet. Two people with one code at
two keypads meet at the code; one request said twice, or two requests at one keypad, meet at the keypad.

What counts as a try: digits that no code has, and those of a code for somewhere else. Of such a code whoever typed it is
told the place, and other digits are drawn for it in the same transaction: its customer's page shows them at once, and
whoever found it by trying has found nothing. Without that, each keypad would be a key to all codes of its site.
"""

from __future__ import annotations

import logging
from typing import Final, TypeAlias

import asyncpg

from coinslot.access import guarding
from coinslot.access.odds import RULES, Kind
from coinslot.keyring import Keyring
from coinslot.settlement.codes import answers, digits, guard, rows
from coinslot.settlement.codes.kept import Place, keep, kept_answer, place_of
from coinslot.settlement.codes.matching import Match, Meaning, meaning_of
from coinslot.settlement.codes.model import CodeRow
from coinslot.settlement.codes.opening import Opened, open_with
from coinslot.settlement.offline.typed import Begun, begin_offline, match_offline
from coinslot.settlement.payments.beginning import NOT_LONG
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import UNDECIDABLE, Conflict
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import CodeEntered, Down, KeypadGuard, Note, Show

log = logging.getLogger(__name__)

Messages: TypeAlias = list[tuple[TerminalId, Down]]

_TRIES: Final = 4


class Codes:
    """What is typed at keypads, and how they say they are guarded. One per process."""

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring

    async def typed(self, terminal: TerminalId, said: CodeEntered) -> Messages:
        """What is to be sent, committed before; the same request again is the same answer. Nothing for what was said
        on a link that is over."""
        failed: Exception | None = None
        for _ in range(_TRIES):
            try:
                async with transaction(self._pool, Purpose.CODE) as connection:
                    await connection.execute(NOT_LONG)
                    return await self._typed(connection, terminal, said)
            except (Conflict, asyncpg.UniqueViolationError) as error:
                # Somebody took the outlet since we looked, or has the digits that were drawn: the next try sees it.
                failed = error
            except UNDECIDABLE as error:
                log.error("terminal %s: a code cannot be decided: %s", terminal, type(error).__name__)
                return [(terminal, _plain(said, Note.UNAVAILABLE))]
        log.warning("terminal %s: a code met others, all the time: %s", terminal, type(failed).__name__)
        return [(terminal, _plain(said, Note.TRY_AGAIN))]

    async def guarded(self, terminal: TerminalId, said: KeypadGuard) -> None:
        """Make our guard as strict as the terminal's own; never less."""
        for again in range(_TRIES):
            try:
                async with transaction(self._pool, Purpose.CODE) as connection:
                    await _adopt(connection, terminal, said)
                return
            except Conflict as error:
                if again == _TRIES - 1:
                    log.warning("terminal %s: how a keypad stands was not noted: %s", terminal, error)

    async def _typed(self, connection: Connection, terminal: TerminalId, said: CodeEntered) -> Messages:
        place = await place_of(connection, terminal, said.outlet, said.request)
        if place is None or said.link < place.link:
            return []
        if place.keypad is None:
            return [(terminal, _plain(said, Note.UNAVAILABLE))]
        locked = await guard.lock(connection, place.operator, [place.keypad.key])
        if (again := await kept_answer(connection, place)) is not None:
            return [(terminal, message) for message in again]
        state, length = locked.guards[place.keypad.key], len(said.digits)
        wait_ms = guarding.wait_ms(state, locked.now_ms, length)
        if wait_ms:
            # Not kept: the same request may be asked again when the time is over.
            return [(terminal, answers.locked(place, wait_ms))]
        if (taken := guarding.taken(state, locked.now_ms, length)) != guarding.decayed(state, locked.now_ms):
            await guard.save(connection, locked, place.keypad.key, taken)
        answer = await self._answer(connection, place, locked, said.digits)
        await keep(connection, place, answer.session.id if isinstance(answer, Opened) else answer)
        if isinstance(answer, Opened):
            return [(send.terminal, send.message) for send in answer.sends]
        return [(terminal, answer)]

    async def _answer(
        self, connection: Connection, place: Place, locked: guard.Locked, typed: str
    ) -> Opened | Show:
        assert place.keypad is not None
        macs = digits.hashes(self._keyring, place.operator, place.keypad.site_id, typed)
        found = meaning_of(place.keypad, await rows.typed(connection, place.operator, macs), macs)
        match found:
            case Match(Meaning.OPENS, CodeRow() as row):
                return await open_with(connection, place, row)
            case Match(Meaning.USED, _):
                return answers.told(place, Note.CODE_USED)
            case Match(Meaning.EXPIRED, _):
                return answers.told(place, Note.CODE_EXPIRED)
            case Match(Meaning.ELSEWHERE, CodeRow() as row):
                await guard.count_wrong(connection, locked, place.keypad, len(typed))
                await self._redraw(connection, row)
                where = await _name_of(connection, row)
                return answers.elsewhere(place, where)
            case _:
                promised = await self._promised(connection, place, typed)
                if promised is not None:
                    return promised
                after = await guard.count_wrong(connection, locked, place.keypad, len(typed))
                return answers.wrong(place, guarding.locked_s(after, locked.now_ms))

    async def _promised(self, connection: Connection, place: Place, typed: str) -> Opened | Show | None:
        """A code made for the time without the link is as good with it. Digits that none has are a guess: None."""
        if len(typed) != RULES[Kind.PROMISED].digits:
            return None
        asked = (place.operator, place.terminal, place.outlet)
        session = await match_offline(connection, self._keyring, *asked, typed)
        if session is None:
            return None
        begun = await begin_offline(connection, place.operator, session)
        if isinstance(begun, Begun):
            return Opened(session=begun.session, sends=begun.sends)
        return None if begun is Note.WRONG_CODE else answers.told(place, begun)

    async def _redraw(self, connection: Connection, row: CodeRow) -> None:
        times = row.draw + 1
        drawn = digits.draw(self._keyring, row.code_id, times, row.scope.digits)
        await rows.redraw(
            connection, row, digits.hashed(self._keyring, row.operator_id, row.site_id, drawn), times
        )


async def _adopt(connection: Connection, terminal: TerminalId, said: KeypadGuard) -> None:
    place = await place_of(connection, terminal, said.outlet)
    if place is None or place.keypad is None or said.link < place.link:
        return
    key = place.keypad.key
    locked = await guard.lock(connection, place.operator, [key])
    before = locked.guards[key]
    after = guard.adopted(before, locked.now_ms, said.tries, said.locked_s)
    if after != before:
        await guard.save(connection, locked, key, after)
        await guard.sound(connection, locked, place.keypad)


async def _name_of(connection: Connection, row: CodeRow) -> str:
    if row.appliance_id is None:
        return row.room
    name: str = await connection.fetchval(
        "SELECT name FROM appliance WHERE operator_id = $1 AND appliance_id = $2",
        row.operator_id,
        row.appliance_id,
    )
    return name


def _plain(said: CodeEntered, note: Note) -> Show:
    return Show(link=said.link, outlet=said.outlet, request=said.request, note=note)
