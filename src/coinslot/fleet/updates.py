"""Offers of releases: to which terminals, in which order, and how each of them stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.wire.ids import OperatorId, TerminalId, new_id
from coinslot.wire.messages import Updated, UpdateStep

UPDATES_CHANGED: Final = "updates_changed"
"""The database's channel; what is said on it is an operator's id. Heard once the change is committed."""
_UNDER_WAY: Final = "('waiting', 'told', 'fetching', 'installed')"
_ORDER: Final = "array_position(ARRAY['waiting', 'told', 'fetching', 'installed'], {})"


class DueUpdate(Struct, frozen=True, kw_only=True):
    """What a terminal is to be told now."""

    link: int
    offer_id: str
    operator_id: OperatorId
    kind: str
    serial: int
    version: str
    sha256: str
    size: int
    signature: str
    url: str
    """Empty: served by this installation."""


class TargetView(Struct, frozen=True, kw_only=True):
    """One terminal of an offer, for people."""

    offer_id: str
    terminal: str
    terminal_id: str
    kind: str
    serial: int
    version: str
    step: str
    detail: str
    ahead: bool
    """One of those that go first."""
    online: bool
    changed_at: datetime


_DUE: Final = f"""
    SELECT l.link, t.offer_id, t.operator_id, r.kind, r.serial, r.version, r.sha256, r.size, r.signature, r.url
    FROM update_target t
    JOIN update_offer o USING (operator_id, offer_id)
    JOIN update_release r USING (operator_id, release_id)
    JOIN terminal_link l ON l.terminal_id = t.terminal_id
    WHERE t.terminal_id = $1 AND t.step IN {_UNDER_WAY} AND o.stopped_at IS NULL AND l.link > 0
      AND (t.place < o.first OR NOT EXISTS (
        SELECT FROM update_target a WHERE a.operator_id = t.operator_id AND a.offer_id = t.offer_id
          AND a.place < o.first AND a.step <> 'confirmed'))
    ORDER BY r.kind
"""
_TOLD: Final = """
    UPDATE update_target SET told_at = now(), step = CASE WHEN step = 'waiting' THEN 'told' ELSE step END
    WHERE operator_id = $1 AND offer_id = $2 AND terminal_id = $3
"""
# Messages may be read by several servers: what was said before is never a step back. What is final is changed only by a
# confirmed release that is left later.
_SAID: Final = f"""
    UPDATE update_target SET step = $4, detail = $5, changed_at = now()
    WHERE terminal_id = $1 AND serial = $2 AND kind = $3 AND (step, detail) IS DISTINCT FROM ($4, $5)
      AND CASE WHEN $4 IN {_UNDER_WAY} THEN step IN {_UNDER_WAY} AND {_ORDER.format("step")} < {_ORDER.format("$4")}
               WHEN step IN {_UNDER_WAY} THEN true
               ELSE step = 'confirmed' AND $4 = 'rolled_back' END
    RETURNING operator_id, offer_id
"""
_LIST: Final = """
    SELECT t.offer_id, n.name AS terminal, t.terminal_id, t.kind, t.serial, r.version, t.step, t.detail,
           t.place < o.first AS ahead, l.online, t.changed_at
    FROM update_target t
    JOIN update_offer o USING (operator_id, offer_id)
    JOIN update_release r USING (operator_id, release_id)
    JOIN terminal n ON n.operator_id = t.operator_id AND n.terminal_id = t.terminal_id
    JOIN terminal_link l ON l.terminal_id = t.terminal_id
    WHERE t.operator_id = $1 AND ($2::text IS NULL OR t.offer_id = $2)
    ORDER BY o.made_at DESC, t.offer_id, t.place
"""


async def updates_changed(connection: Connection, operator: OperatorId) -> None:
    """Terminals are to be told. In the transaction of the change."""
    await connection.execute("SELECT pg_notify($1, $2)", UPDATES_CHANGED, operator)


async def offer(
    connection: Connection,
    operator: OperatorId,
    release_id: str,
    terminals: Sequence[TerminalId],
    *,
    first: int,
    by: str,
) -> str:
    """Offer a release to these terminals, `first` of them ahead of the rest (0: all at once); the offer's id. What
    they were offered before and have not put in place is replaced. In the caller's transaction."""
    if not terminals:
        raise FieldError("terminals", "there is none to offer it to")
    if not 0 <= first <= len(terminals):
        raise FieldError("first", f"must be from 0 to {len(terminals)}, as many as there are")
    release = await connection.fetchrow(
        "SELECT kind, serial FROM update_release WHERE operator_id = $1 AND release_id = $2",
        operator,
        release_id,
    )
    if release is None:
        raise MissingError("release", release_id)
    offer_id = new_id("upd")
    await connection.execute(
        "INSERT INTO update_offer (operator_id, offer_id, release_id, first) VALUES ($1, $2, $3, $4)",
        operator,
        offer_id,
        release_id,
        first,
    )
    chosen = list(dict.fromkeys(terminals))
    await connection.execute(
        f"UPDATE update_target SET step = 'replaced', changed_at = now() WHERE operator_id = $1"
        f" AND terminal_id = ANY ($2::text[]) AND kind = $3 AND step IN {_UNDER_WAY}",
        operator,
        chosen,
        release["kind"],
    )
    await connection.execute(
        "INSERT INTO update_target (operator_id, offer_id, terminal_id, place, kind, serial)"
        " SELECT $1, $2, t.id, t.place - 1, $4, $5 FROM unnest($3::text[]) WITH ORDINALITY AS t (id, place)",
        operator,
        offer_id,
        chosen,
        release["kind"],
        release["serial"],
    )
    detail = f"release={release_id} terminals={len(chosen)} first={first}"
    await write_audit(connection, operator, by=by, action="update.offer", target=offer_id, detail=detail)
    await updates_changed(connection, operator)
    return offer_id


async def stop_offer(connection: Connection, operator: OperatorId, offer_id: str, *, by: str) -> None:
    """Tell nobody any more. Who has it on trial already goes on with that."""
    await _change(
        connection, operator, offer_id, "stopped_at = COALESCE(stopped_at, now())", "update.stop", by
    )


async def widen_offer(connection: Connection, operator: OperatorId, offer_id: str, *, by: str) -> None:
    """Tell all the rest now, whatever became of those that went ahead."""
    await _change(connection, operator, offer_id, "first = 0", "update.widen", by)


async def _change(
    connection: Connection, operator: OperatorId, offer_id: str, change: str, action: str, by: str
) -> None:
    async with connection.transaction():
        if not await connection.fetchval(
            f"UPDATE update_offer SET {change} WHERE operator_id = $1 AND offer_id = $2 RETURNING true",
            operator,
            offer_id,
        ):
            raise MissingError("offer", offer_id)
        await write_audit(connection, operator, by=by, action=action, target=offer_id)
        await updates_changed(connection, operator)


async def due_updates(connection: Connection, terminal: TerminalId) -> list[DueUpdate]:
    """What this terminal is to be told now: at most one release of each kind."""
    return [msgspec.convert(dict(row), DueUpdate) for row in await connection.fetch(_DUE, terminal)]


async def told(connection: Connection, terminal: TerminalId, due: DueUpdate) -> None:
    """It was sent."""
    await connection.execute(_TOLD, due.operator_id, due.offer_id, terminal)


async def said(connection: Connection, terminal: TerminalId, word: Updated) -> None:
    """A terminal tells how it stands. What it was never offered is left out; what confirms may let the rest begin."""
    final = word.step not in (UpdateStep.FETCHING, UpdateStep.INSTALLED)
    async with connection.transaction():
        rows = await connection.fetch(
            _SAID, terminal, word.serial, word.kind.value, word.step.value, word.detail
        )
        for row in rows:
            operator = OperatorId(row["operator_id"])
            if final:
                await write_audit(
                    connection,
                    operator,
                    by=f"terminal:{terminal}",
                    action=f"update.{word.step.value}",
                    target=row["offer_id"],
                    detail=f"{word.kind} serial={word.serial}",
                )
            if word.step is UpdateStep.CONFIRMED:
                await updates_changed(connection, operator)


async def list_targets(
    connection: Connection, operator: OperatorId, offer_id: str | None = None
) -> list[TargetView]:
    """Every terminal of every offer, or of one, the newest offer first."""
    rows = await connection.fetch(_LIST, operator, offer_id)
    return [msgspec.convert(dict(row), TargetView) for row in rows]
