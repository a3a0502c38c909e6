"""Each keypad's guard on our side: the rule of `access.guarding` on our own count, and the alarm when somebody sweeps.

A terminal keeps the same rule on its own disk. One that was restored, or that somebody forged, meets this one; what it
says of itself makes ours stricter and never looser.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from coinslot.access import guarding
from coinslot.access.guarding import Guard
from coinslot.settlement.changes import AlarmKind
from coinslot.settlement.codes.model import KeypadState
from coinslot.settlement.codes.places import Keypad
from coinslot.settlement.payments.unit import Connection, Pool
from coinslot.wire.ids import OperatorId, TerminalId

KEYPAD_TRIES: Final = 8
"""Wrong codes of a day at one keypad: a person who mistypes gives up, or asks for a new code, long before."""
SITE_KEYPADS: Final = 3
"""So many such keypads at one site …"""
SITE_TRIES: Final = 40
"""… or so many wrong codes at all of its keypads together are one alarm more. Never a lock: that would shut out all."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)

_MAKE: Final = """
    INSERT INTO keypad_guard (operator_id, terminal_id, outlet)
    SELECT x.operator_id, x.terminal_id, x.outlet FROM unnest($2::text[], $3::smallint[]) AS k(terminal_id, outlet)
    CROSS JOIN LATERAL (SELECT * FROM outlet y
        WHERE y.operator_id = $1 AND y.terminal_id = k.terminal_id AND y.outlet = k.outlet OFFSET 0) x
    ON CONFLICT DO NOTHING
"""
# In the order of the keys that are given; each moment is read when its row is held.
_LOCK: Final = """
    SELECT g.terminal_id, g.outlet, g.wrong_ms, g.until_ms, g.long_ms, clock_timestamp() AS now
    FROM unnest($2::text[], $3::smallint[]) AS k(terminal_id, outlet)
    CROSS JOIN LATERAL (SELECT * FROM keypad_guard x
        WHERE x.operator_id = $1 AND x.terminal_id = k.terminal_id AND x.outlet = k.outlet FOR UPDATE OFFSET 0) g
"""
_READ: Final = """
    SELECT wrong_ms, until_ms, long_ms, clock_timestamp() AS now FROM keypad_guard
    WHERE operator_id = $1 AND terminal_id = $2 AND outlet = $3
"""
_SAVE: Final = """
    UPDATE keypad_guard SET wrong_ms = $4, until_ms = $5, long_ms = $6, changed_at = now()
    WHERE operator_id = $1 AND terminal_id = $2 AND outlet = $3
"""
_ALARM: Final = """
    INSERT INTO alarm (operator_id, terminal_id, kind, outlet, detail) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (operator_id, terminal_id, COALESCE(outlet, -1), kind) WHERE cleared_at IS NULL DO NOTHING
"""
# Of the whole site, without a lock: two keypads that are tried at one moment may each miss the other's last try, and
# the next one sees both. It begins with the few keypads that were guessed at, not with all that an operator has.
_SITE: Final = """
    SELECT coalesce(sum(n.tries), 0) AS tries, count(*) FILTER (WHERE n.tries >= $4) AS keypads,
           EXISTS (SELECT FROM alarm x CROSS JOIN LATERAL (SELECT true FROM terminal y
                       WHERE y.operator_id = x.operator_id AND y.terminal_id = x.terminal_id AND y.site_id = $2
                       OFFSET 0) t
                   WHERE x.operator_id = $1 AND x.kind = $5 AND x.outlet IS NULL AND x.cleared_at IS NULL) AS standing
    FROM (SELECT * FROM keypad_guard x WHERE x.wrong_ms <> '{}' AND x.changed_at > now() - interval '1 day'
          AND x.operator_id || '' = $1 OFFSET 0) g
    CROSS JOIN LATERAL (SELECT true FROM terminal y
        WHERE y.operator_id = g.operator_id AND y.terminal_id = g.terminal_id AND y.site_id = $2 OFFSET 0) t
    CROSS JOIN LATERAL (SELECT count(*) AS tries FROM unnest(g.wrong_ms) AS w(at) WHERE w.at > $3) n
"""


def milliseconds(moment: datetime) -> int:
    """Since 1970, by the database's clock: what a guard counts in here."""
    return (moment - _EPOCH) // _MS


def moment(at_ms: int) -> datetime:
    """And back."""
    return _EPOCH + at_ms * _MS


class Locked:
    """Keypads whose rows this transaction holds."""

    def __init__(
        self, operator: OperatorId, now: datetime, guards: dict[tuple[TerminalId, int], Guard]
    ) -> None:
        self.operator = operator
        self.now = now
        self.guards = guards

    @property
    def now_ms(self) -> int:
        """When they were locked."""
        return milliseconds(self.now)

    def is_locked(self, keypad: Keypad) -> bool:
        """Whether it takes long codes only."""
        return guarding.locked_s(self.guards[keypad.key], self.now_ms) > 0


async def lock(
    connection: Connection, operator: OperatorId, keys: Iterable[tuple[TerminalId, int]]
) -> Locked:
    """Hold these keypads until the transaction ends. Those that do not exist are left out."""
    wanted = sorted(set(keys))
    columns: tuple[Sequence[object], ...] = ([key[0] for key in wanted], [key[1] for key in wanted])
    rows = await connection.fetch(_LOCK, operator, *columns)
    if len(rows) < len(wanted):
        await connection.execute(_MAKE, operator, *columns)
        rows = await connection.fetch(_LOCK, operator, *columns)
    guards = {
        (TerminalId(row["terminal_id"]), row["outlet"]): Guard(
            wrong_ms=tuple(row["wrong_ms"]), until_ms=row["until_ms"], long_ms=row["long_ms"]
        )
        for row in rows
    }
    now = rows[-1]["now"] if rows else await connection.fetchval("SELECT clock_timestamp()")
    return Locked(operator, now, guards)


async def state_of(
    connection: Connection | Pool, operator: OperatorId, terminal: TerminalId, outlet: int
) -> KeypadState:
    """How a keypad stands now; one that nobody ever guessed at is open."""
    row = await connection.fetchrow(_READ, operator, terminal, outlet)
    if row is None:
        return KeypadState(tries=0, locked_until=None)
    guard = Guard(wrong_ms=tuple(row["wrong_ms"]), until_ms=row["until_ms"], long_ms=row["long_ms"])
    now_ms = milliseconds(row["now"])
    until_ms = guarding.locked_until_ms(guard, now_ms)
    return KeypadState(
        tries=guarding.tries(guard, now_ms), locked_until=None if until_ms is None else moment(until_ms)
    )


async def save(connection: Connection, locked: Locked, key: tuple[TerminalId, int], guard: Guard) -> None:
    """Keep what became of a held keypad."""
    locked.guards[key] = guard
    await connection.execute(
        _SAVE, locked.operator, *key, list(guard.wrong_ms), guard.until_ms, guard.long_ms
    )


async def count_wrong(connection: Connection, locked: Locked, keypad: Keypad, length: int) -> Guard:
    """A code of so many digits was wrong here; alarms where there were too many."""
    guard = guarding.after_wrong(locked.guards[keypad.key], locked.now_ms, length)
    await save(connection, locked, keypad.key, guard)
    await sound(connection, locked, keypad)
    return guard


def adopted(guard: Guard, now_ms: int, tries: int, locked_s: int) -> Guard:
    """Ours after the terminal has said how it stands by its own count: the stricter of both.

    Tries that we have not seen count from now, which is as long as they can count at the terminal.
    """
    guard = guarding.decayed(guard, now_ms)
    missing = min(tries, guarding.MOST_TRIES) - len(guard.wrong_ms)
    if missing > 0:
        guard = replace(guard, wrong_ms=guard.wrong_ms + (now_ms,) * missing)
    return guarding.held(guard, now_ms, locked_s * 1000) if locked_s else guard


async def sound(connection: Connection, locked: Locked, keypad: Keypad) -> None:
    """Raise the alarms that a held keypad's count asks for."""
    tries = guarding.tries(locked.guards[keypad.key], locked.now_ms)
    kind = AlarmKind.SWEEP.value
    if tries >= KEYPAD_TRIES:
        detail = f"{tries} wrong codes in 24 hours"
        await connection.execute(_ALARM, locked.operator, *_named(keypad, keypad.outlet), detail)
    since_ms = locked.now_ms - guarding.WINDOW_MS
    row = await connection.fetchrow(_SITE, locked.operator, keypad.site_id, since_ms, KEYPAD_TRIES, kind)
    assert row is not None
    if not row["standing"] and (row["tries"] >= SITE_TRIES or row["keypads"] >= SITE_KEYPADS):
        detail = f"{row['tries']} wrong codes in 24 hours at this site, {row['keypads']} keypads above {KEYPAD_TRIES}"
        await connection.execute(_ALARM, locked.operator, *_named(keypad, None), detail)


def _named(keypad: Keypad, outlet: int | None) -> tuple[str, str, int | None]:
    return keypad.terminal_id, AlarmKind.SWEEP.value, outlet
