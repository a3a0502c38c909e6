"""Codes made, shown again, cancelled: what a customer's pages and programs ask for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from coinslot.fields import FieldError
from coinslot.keyring import Keyring
from coinslot.money import MAX_MINOR
from coinslot.settlement.codes import caps, choosing, digits, guard, places, rows
from coinslot.settlement.codes.judging import judge
from coinslot.settlement.codes.model import (
    CodeRefusal,
    CodeRefused,
    CodeRow,
    CodeState,
    CodeView,
    KeypadState,
    Scope,
)
from coinslot.settlement.codes.places import Keypad
from coinslot.settlement.payments.beginning import NOT_LONG
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SiteId, TerminalId, is_id, new_id

__all__ = [
    *("CodeRefusal", "CodeRefused", "CodeState", "CodeView", "KeypadState", "Scope"),
    *("cancel", "find", "find_any", "issue", "issue_for_friend", "keypad_state", "live_codes"),
]

log = logging.getLogger(__name__)

_TRIES: Final = 6
_MAX_KEY: Final = 160


class _Full(Exception):
    """As many are live there as may be: nothing is made, and nothing is cancelled for it."""


class _Wanted(Struct, frozen=True, kw_only=True):
    operator: OperatorId
    customer: CustomerId
    keypads: Sequence[Keypad]
    """Of a room all of them: it is live at each. Else those of which one is chosen, the best first."""
    room: str
    """Empty where it is for one outlet."""
    key: str
    renew: bool = False
    cap_minor: int | None = None


async def issue(
    pool: Pool,
    keyring: Keyring,
    *,
    operator: OperatorId,
    customer: CustomerId,
    appliance: ApplianceId | None,
    outlet: int | None = None,
    room: str | None = None,
    site: SiteId | None = None,
    key: str,
    renew: bool = False,
) -> CodeView | CodeRefused:
    """A code for an appliance, or with `room` for any free outlet of that room; the same `key` twice is the same code.

    Of an appliance with several outlets, and none named, the first that can be used. A long code where the keypads are
    locked by guessing. `renew`: whatever live code of their own the customer has is cancelled with it. FieldError for a
    key that is empty or too long; Conflict where it cannot be had even after some tries, then nothing was made.
    """
    if (again := await _made_before(pool, keyring, operator, customer, key)) is not None:
        return again
    if room is not None:
        found = await places.of_room(pool, operator, site, room)
    elif appliance is not None:
        found = await places.of_appliance(pool, operator, appliance, outlet)
    else:
        found = []
    judged = await judge(pool, operator, customer, found) if found else None
    if judged is None or not judged.usable:
        return CodeRefused(reason=CodeRefusal.NO_SUCH_PLACE) if judged is None else judged.refusal
    wanted = _Wanted(
        operator=operator,
        customer=customer,
        keypads=judged.usable if room is None else found,
        room=room or "",
        key=key,
        renew=renew,
    )
    return await _make(pool, keyring, wanted)


async def issue_for_friend(
    pool: Pool,
    keyring: Keyring,
    *,
    operator: OperatorId,
    customer: CustomerId,
    appliance: ApplianceId,
    cap_minor: int,
    key: str,
) -> CodeView | CodeRefused:
    """A code to give away: whoever types it uses the appliance for at most `cap_minor` of the customer's balance.

    One at a time beside the customer's own. FieldError for a cap below 1; else as `issue`.
    """
    if not 1 <= cap_minor <= MAX_MINOR:
        raise FieldError("cap_minor", f"must be at least 1 minor unit, this is {cap_minor}")
    if (again := await _made_before(pool, keyring, operator, customer, key)) is not None:
        return again
    found = await places.of_appliance(pool, operator, appliance, None)
    judged = await judge(pool, operator, customer, found, cap_minor) if found else None
    if judged is None or not judged.usable:
        return CodeRefused(reason=CodeRefusal.NO_SUCH_PLACE) if judged is None else judged.refusal
    wanted = _Wanted(
        operator=operator,
        customer=customer,
        keypads=judged.usable,
        room="",
        key=key,
        cap_minor=cap_minor,
    )
    return await _make(pool, keyring, wanted)


async def cancel(pool: Pool, *, operator: OperatorId, customer: CustomerId, code_id: str) -> CodeView | None:
    """Have a live code open nothing any more; what has ended stays as it is. None for a code that is not theirs."""
    if not is_id(code_id):
        return None
    async with transaction(pool, Purpose.CODE) as connection:
        row = await rows.by_id(connection, operator, code_id, lock=True)
        if row is None or row.customer_id != customer:
            return None
        if row.state is not CodeState.LIVE:
            return _view(row, "")
        await rows.end(connection, row, CodeState.CANCELLED)
    return _view(replace(row, how=CodeState.CANCELLED), "")


async def live_codes(
    pool: Pool, keyring: Keyring, *, operator: OperatorId, customer: CustomerId
) -> list[CodeView]:
    """The customer's live codes, their own first."""
    found = [view_of(keyring, row) for row in await rows.open_of(pool, operator, customer)]
    return sorted((view for view in found if view.state is CodeState.LIVE), key=lambda view: view.for_friend)


async def find(
    pool: Pool, keyring: Keyring, *, operator: OperatorId, customer: CustomerId, code_id: str
) -> CodeView | None:
    """One of the customer's codes, whatever became of it, for a week; None for anybody else's."""
    row = await rows.by_id(pool, operator, code_id) if is_id(code_id) else None
    return view_of(keyring, row) if row is not None and row.customer_id == customer else None


async def find_any(pool: Pool, keyring: Keyring, *, operator: OperatorId, code_id: str) -> CodeView | None:
    """One of the operator's codes, whosever it is: for the operator's own programs."""
    row = await rows.by_id(pool, operator, code_id) if is_id(code_id) else None
    return None if row is None else view_of(keyring, row)


async def keypad_state(pool: Pool, *, operator: OperatorId, terminal: TerminalId, outlet: int) -> KeypadState:
    """How a keypad stands against guessing."""
    return await guard.state_of(pool, operator, terminal, outlet)


def view_of(keyring: Keyring, row: CodeRow) -> CodeView:
    """A stored code with its digits; those of one that has ended are not shown any more."""
    return _view(row, digits.digits_of(keyring, row) if row.state is CodeState.LIVE else "")


def _view(row: CodeRow, shown: str) -> CodeView:
    return CodeView(
        code_id=row.code_id,
        digits=shown,
        scope=row.scope,
        operator=row.operator_id,
        customer=row.customer_id,
        terminal=row.terminal_id,
        outlet=row.outlet,
        appliance=row.appliance_id,
        room=row.room,
        site=row.site_id,
        for_friend=row.for_friend,
        cap_minor=row.cap_minor,
        created_at=row.made_at,
        expires_at=row.expires_at,
        state=row.state,
        session=row.session_id,
    )


async def _made_before(
    pool: Pool, keyring: Keyring, operator: OperatorId, customer: CustomerId, key: str
) -> CodeView | None:
    if not 0 < len(key) <= _MAX_KEY:
        raise FieldError("key", f"must have 1 to {_MAX_KEY} characters")
    row = await rows.by_key(pool, operator, customer, key)
    return None if row is None else view_of(keyring, row)


async def _make(pool: Pool, keyring: Keyring, wanted: _Wanted) -> CodeView | CodeRefused:
    failed = Conflict("a code met another")
    for _ in range(_TRIES):
        try:
            async with transaction(pool, Purpose.CODE) as connection:
                await connection.execute(NOT_LONG)
                return await _try(connection, keyring, wanted)
        except _Full:
            return CodeRefused(reason=CodeRefusal.TOO_MANY_LIVE)
        except asyncpg.UniqueViolationError as error:
            # The customer's other request was quicker, or the digits are somebody's: another look sees the one,
            # another draw avoids the other.
            log.info("a code met another: %s", error.constraint_name)
        except Conflict as error:
            failed = error
    raise failed


async def _try(connection: Connection, keyring: Keyring, wanted: _Wanted) -> CodeView | CodeRefused:
    locked = await guard.lock(connection, wanted.operator, [keypad.key for keypad in wanted.keypads])
    earlier = await rows.by_key(connection, wanted.operator, wanted.customer, wanted.key)
    if earlier is not None:
        return view_of(keyring, earlier)
    own = await _end_earlier(connection, wanted)
    if own is None:
        return CodeRefused(reason=CodeRefusal.ALREADY_LIVE)
    live = await caps.live_at(connection, wanted.operator, wanted.keypads)
    found = choosing.choose(wanted.keypads, locked, live, own=own, of_room=bool(wanted.room))
    if found is None:
        raise _Full
    scope, chosen = found
    row = await rows.add(connection, _drawn(keyring, wanted, scope, chosen, locked.now), wanted.key)
    return view_of(keyring, row)


async def _end_earlier(connection: Connection, wanted: _Wanted) -> set[tuple[TerminalId, int]] | None:
    """None where a live code of the customer's stands in the way of another of its kind; else the outlets that one of
    the other kind is for."""
    others = []
    for row in await rows.open_of(connection, wanted.operator, wanted.customer, lock=True):
        if row.for_friend is not (wanted.cap_minor is not None):
            others.append(row)
        elif row.state is CodeState.EXPIRED:
            await rows.end(connection, row, CodeState.EXPIRED)
        elif wanted.renew:
            await rows.end(connection, row, CodeState.CANCELLED)
        else:
            return None
    return choosing.bound_to(others)


def _drawn(keyring: Keyring, wanted: _Wanted, scope: Scope, keypad: Keypad, now: datetime) -> CodeRow:
    code_id = new_id("cod")
    drawn = digits.draw(keyring, code_id, 0, scope.digits)
    bound = not wanted.room
    return CodeRow(
        operator_id=wanted.operator,
        code_id=code_id,
        customer_id=wanted.customer,
        scope=scope,
        site_id=keypad.site_id,
        room=wanted.room or keypad.room,
        appliance_id=keypad.appliance_id if bound else None,
        terminal_id=keypad.terminal_id if bound else None,
        outlet=keypad.outlet if bound else None,
        for_friend=wanted.cap_minor is not None,
        cap_minor=wanted.cap_minor,
        draw=0,
        mac=digits.hashed(keyring, wanted.operator, keypad.site_id, drawn),
        earlier_mac=None,
        made_at=now,
        expires_at=now + scope.life,
        how=None,
        session_id=None,
        now=now,
    )
