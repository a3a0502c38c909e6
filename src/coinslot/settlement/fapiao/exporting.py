"""Requests handed over to whoever issues fapiao: each once, and what was given back since as lines below zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import InputError, MissingError
from coinslot.keyring import Keyring
from coinslot.rows import many
from coinslot.sessions.states import State
from coinslot.settlement.fapiao.asking import CURRENCY, invoiced_minor
from coinslot.settlement.fapiao.rules import Wish
from coinslot.settlement.fapiao.sealing import Unopenable, opened
from coinslot.wire.ids import OperatorId, new_id

# Two who export at once take turns.
_LOCK: Final = "SELECT FROM operator WHERE operator_id = $1 FOR NO KEY UPDATE"
REFUNDED: Final = """
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(p.amount_minor), 0)::bigint AS refunded_minor
        FROM ledger_entry e JOIN ledger_posting p ON p.operator_id = e.operator_id AND p.entry_id = e.entry_id
        WHERE e.operator_id = s.operator_id AND e.session_id = s.session_id AND e.kind = 'refund'
          AND (p.account = 'operator/revenue' OR p.account ^@ 'party/')) b
"""
"""Of a session `s`, by the ledger: `b.refunded_minor`."""
_PLACE: Final = """
    JOIN appliance a ON a.operator_id = s.operator_id AND a.appliance_id = s.appliance_id
    JOIN site y ON y.operator_id = a.operator_id AND y.site_id = a.site_id
    JOIN operator o ON o.operator_id = s.operator_id
    LEFT JOIN direct_order d ON d.operator_id = s.operator_id AND d.intent_id = s.intent_id
"""
_WHAT: Final = """
    s.session_id, s.currency, s.state, s.captured_minor, s.hold_principal_minor, s.hold_bonus_minor,
    r.request_id, r.sealed, b.refunded_minor, a.name AS appliance, a.room, y.name AS site, coalesce(d.title, '') AS package,
    to_char(s.settled_at AT TIME ZONE y.timezone, 'YYYY-MM-DD HH24:MI') AS ended
"""
_NEW: Final = f"""
    SELECT {_WHAT}, 0::bigint AS before_minor, NULL AS corrects, NULL AS number
    FROM fapiao_request r
    JOIN session s ON s.operator_id = r.operator_id AND s.session_id = r.session_id {_PLACE} {REFUNDED}
    WHERE r.operator_id = $1 AND r.exported_at IS NULL AND r.sealed IS NOT NULL
      AND ($2::date IS NULL OR (s.settled_at AT TIME ZONE o.timezone)::date >= $2)
      AND (s.settled_at AT TIME ZONE o.timezone)::date <= $3
    ORDER BY s.settled_at, r.request_id FOR NO KEY UPDATE OF r
"""
_GIVEN_BACK: Final = f"""
    SELECT {_WHAT}, l.before_minor, l.corrects, l.number
    FROM fapiao_request r
    CROSS JOIN LATERAL (
        SELECT sum(x.amount_minor)::bigint AS before_minor, max(x.line_id) FILTER (WHERE x.amount_minor > 0) AS corrects,
               max(x.number) FILTER (WHERE x.amount_minor > 0) AS number
        FROM fapiao_line x WHERE x.operator_id = r.operator_id AND x.request_id = r.request_id) l
    JOIN session s ON s.operator_id = r.operator_id AND s.session_id = r.session_id {_PLACE} {REFUNDED}
    WHERE r.operator_id = $1 AND r.exported_at IS NOT NULL AND b.refunded_minor > 0 AND l.before_minor > 0
    ORDER BY s.settled_at, r.request_id
"""
_ADD_EXPORT: Final = """
    INSERT INTO fapiao_export (operator_id, export_id, first, last, made_by) VALUES ($1, $2, $3, $4, $5)
"""
_ADD_LINE: Final = """
    INSERT INTO fapiao_line (operator_id, line_id, export_id, position, request_id, amount_minor, details)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_HANDED_OVER: Final = """
    UPDATE fapiao_request SET exported_at = now() WHERE operator_id = $1 AND request_id = ANY ($2::text[])
"""
_EXPORT: Final = "SELECT true FROM fapiao_export WHERE operator_id = $1 AND export_id = $2"
_FILED: Final = """
    SELECT l.export_id, l.line_id, l.request_id, r.session_id, r.sealed, l.amount_minor, l.details
    FROM fapiao_line l JOIN fapiao_request r ON r.operator_id = l.operator_id AND r.request_id = l.request_id
    WHERE l.operator_id = $1 AND l.export_id = $2 ORDER BY l.position
"""


class NothingToExport(InputError):
    """No request and no correction waits."""


class Details(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a line says beside what is sealed; frozen, so that the same export stays the same file."""

    ended: str
    site: str
    appliance: str
    room: str = ""
    package: str = ""
    corrects: str = ""
    """The line that this one takes back from …"""
    number: str = ""
    """… and its fapiao's number, if it was known by then."""


class Filed(Struct, frozen=True, kw_only=True):
    """A line as the file has it. `wish` is None once it was erased."""

    export_id: str
    line_id: str
    request_id: str
    session_id: str
    amount_minor: int
    details: Details
    wish: Wish | None


class _Stored(Struct, frozen=True, kw_only=True):
    export_id: str
    line_id: str
    request_id: str
    session_id: str
    sealed: bytes | None
    amount_minor: int
    details: str


class _Line(Struct, frozen=True, kw_only=True):
    request_id: str
    session_id: str
    sealed: bytes | None
    amount_minor: int
    details: Details


async def export(
    connection: Connection,
    keyring: Keyring,
    operator: OperatorId,
    *,
    first: date | None,
    last: date,
    by: str,
) -> str:
    """Hand over every open request whose bill ended on these days, by the operator's clock, and every correction that is
    due; the export's id. A bill of which all went back waits: nothing is to be issued for it.

    NothingToExport, Unopenable; nothing was handed over then.
    """
    async with connection.transaction():
        await connection.fetchrow(_LOCK, operator)
        due = list(_due(await connection.fetch(_NEW, operator, first, last)))
        back = list(_due(await connection.fetch(_GIVEN_BACK, operator)))
        if not due and not back:
            raise NothingToExport(
                "no request and no correction waits; `coinslot operator fapiao list` shows all"
            )
        for line in due:
            if line.sealed is None or opened(keyring, operator, line.session_id, line.sealed) is None:
                raise Unopenable(line.request_id)
        export_id = new_id("fpx")
        await connection.fetch(_ADD_EXPORT, operator, export_id, first, last, by)
        for position, line in enumerate([*due, *back], 1):
            details = msgspec.json.encode(line.details).decode()
            await connection.fetch(
                _ADD_LINE,
                operator,
                new_id("fpl"),
                export_id,
                position,
                line.request_id,
                line.amount_minor,
                details,
            )
        await connection.fetch(_HANDED_OVER, operator, [line.request_id for line in due])
        said = f"{len(due)} requests, {len(back)} corrections"
        await write_audit(connection, operator, by=by, action="fapiao.export", target=export_id, detail=said)
    return export_id


async def read_export(
    connection: Connection, keyring: Keyring, operator: OperatorId, export_id: str
) -> Sequence[Filed]:
    """An export's lines, the same each time until what was given is erased. MissingError, Unopenable."""
    if await connection.fetchval(_EXPORT, operator, export_id) is not True:
        raise MissingError("fapiao export", export_id)
    stored = many(await connection.fetch(_FILED, operator, export_id), _Stored)
    return [_filed(keyring, operator, row) for row in stored]


def _filed(keyring: Keyring, operator: OperatorId, row: _Stored) -> Filed:
    wish = None
    if row.sealed is not None:
        wish = opened(keyring, operator, row.session_id, row.sealed)
        if wish is None:
            raise Unopenable(row.request_id)
    return Filed(
        export_id=row.export_id,
        line_id=row.line_id,
        request_id=row.request_id,
        session_id=row.session_id,
        amount_minor=row.amount_minor,
        details=msgspec.json.decode(row.details, type=Details),
        wish=wish,
    )


class _Due(Struct, frozen=True, kw_only=True):
    """A request with what its bill comes to now."""

    request_id: str
    session_id: str
    sealed: bytes | None
    currency: str
    state: State
    captured_minor: int | None
    hold_principal_minor: int
    hold_bonus_minor: int
    refunded_minor: int
    before_minor: int
    """On lines that were handed over."""
    corrects: str | None
    number: str | None
    ended: str
    site: str
    appliance: str
    room: str
    package: str


def _due(rows: Sequence[asyncpg.Record]) -> Iterator[_Line]:
    for row in many(rows, _Due):
        amount_minor = invoiced_minor(row, row.refunded_minor) - row.before_minor
        # What was handed over never grows again: a second line above zero would be a second fapiao.
        if row.currency != CURRENCY or amount_minor == 0 or (amount_minor > 0) is (row.corrects is not None):
            continue
        yield _Line(
            request_id=row.request_id,
            session_id=row.session_id,
            sealed=row.sealed,
            amount_minor=amount_minor,
            details=Details(
                ended=row.ended,
                site=row.site,
                appliance=row.appliance,
                room=row.room,
                package=row.package,
                corrects=row.corrects or "",
                number=row.number or "",
            ),
        )
