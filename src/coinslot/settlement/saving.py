"""A batch's changes as SQL: one statement for each kind of change there is, none for the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.ledger import store as ledger
from coinslot.ledger.entries import Entry
from coinslot.settlement import rows
from coinslot.settlement.changes import Batch

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

_MAKE_USES = """
    INSERT INTO customer_use (operator_id, customer_id, scope, register, used)
    SELECT operator_id, customer_id, scope, register, 0
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS u(operator_id, customer_id, scope, register)
    ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
"""
_COUNT_USES = """
    UPDATE customer_use c SET used = GREATEST(c.used + u.amount, 0)
    FROM (SELECT n.amount, x.place
          FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
               AS n(operator_id, customer_id, scope, register, amount)
          CROSS JOIN LATERAL (SELECT o.ctid AS place FROM customer_use o
              WHERE (o.operator_id, o.customer_id, o.scope, o.register)
                  = (n.operator_id, n.customer_id, n.scope, n.register) FOR UPDATE OFFSET 0) x OFFSET 0) u
    WHERE c.ctid = u.place
"""
_PARAMETER = re.compile(r"\$(\d+)")
_REVIEWS = """
    INSERT INTO review (operator_id, reason, session_id, terminal_id, epoch, seq, body, detail)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::text[])
"""
_RETIRED = """
    INSERT INTO retired_epoch (operator_id, terminal_id, epoch, acked_seq)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) ON CONFLICT DO NOTHING
"""
_BURNT = """
    UPDATE offline_code c SET burnt_at = clock_timestamp()
    FROM unnest($1::text[], $2::text[]) AS b(operator_id, session_id)
    WHERE c.operator_id = b.operator_id AND c.session_id = b.session_id AND c.burnt_at IS NULL
"""
_HELD = """
    UPDATE offline_terms o SET held = h.held
    FROM (SELECT x.place, x.terms_id = ANY (string_to_array(n.named, ' ')) AS held
          FROM unnest($1::text[], $2::text[]) AS n(terminal_id, named)
          CROSS JOIN LATERAL (SELECT t.ctid AS place, t.terms_id FROM offline_terms t
              WHERE t.terminal_id = n.terminal_id OFFSET 0) x OFFSET 0) h
    WHERE o.ctid = h.place AND o.held <> h.held
"""
_RAISE_ALARMS = """
    INSERT INTO alarm (operator_id, terminal_id, kind, outlet, detail)
    SELECT DISTINCT ON (1, 2, 3, 4) * FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[])
    ON CONFLICT (operator_id, terminal_id, COALESCE(outlet, -1), kind) WHERE cleared_at IS NULL DO NOTHING
"""
_CLEAR_ALARMS = """
    UPDATE alarm a SET cleared_at = now()
    FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[]) AS u(operator_id, terminal_id, kind, outlet)
    WHERE a.operator_id = u.operator_id AND a.terminal_id = u.terminal_id AND a.kind = u.kind
      AND a.outlet IS NOT DISTINCT FROM u.outlet AND a.cleared_at IS NULL
"""


async def save(connection: Connection, batch: Batch) -> None:
    """Write what the batch changed, in the caller's transaction. A `LedgerError` when it may not be posted."""
    parts: list[str] = []
    arguments: list[list[object]] = []
    if batch.new_sessions:
        # A session made in this batch may also have been changed by it: the later one counts.
        made = [batch.sessions[session.id] for session in batch.new_sessions]
        parts.append(rows.INSERT_SESSIONS)
        arguments.append([*map(rows.new_session_row, made)])
    changed = batch.changed_sessions - {session.id for session in batch.new_sessions}
    if changed:
        parts.append(rows.UPDATE_SESSIONS)
        arguments.append([rows.changed_session_row(batch.sessions[session]) for session in sorted(changed)])
    if batch.changed_terminals:
        parts.append(rows.UPDATE_TERMINALS)
        terminals = sorted(batch.changed_terminals)
        arguments.append([rows.terminal_row(batch.terminals[terminal]) for terminal in terminals])
    if batch.entries:
        parts.append(ledger.POST)
        arguments += ledger.post_arguments(batch.entries)
    if parts:
        await _together(connection, tuple(parts), arguments, batch.entries)
    await _save_rare(connection, batch)


async def _together(
    connection: Connection, parts: tuple[str, ...], arguments: list[list[object]], entries: Sequence[Entry]
) -> None:
    try:
        await connection.execute(_joined(parts), *arguments)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        refusal = ledger.refused(error, entries)
        if refusal is None:
            raise
        raise refusal from error


@lru_cache(maxsize=32)
def _joined(parts: tuple[str, ...]) -> str:
    """One statement that does all of them: each round trip to the database costs a tenth of a start.

    The parts touch different tables, so their order does not matter.
    """
    numbered: list[str] = []
    used = 0
    for part in parts:
        numbers = sorted({int(number) for number in _PARAMETER.findall(part)}, reverse=True)
        for number in numbers:  # from the highest, so that none is moved twice
            part = re.sub(rf"\${number}\b", f"${used + number}", part)
        numbered.append(part)
        used += len(numbers)
    if len(numbered) == 1:
        return numbered[0]
    named = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(numbered[:-1]))
    return f"WITH {named} {numbered[-1]}"


async def _save_rare(connection: Connection, batch: Batch) -> None:
    if batch.reviews:
        columns = ("operator", "reason", "session", "terminal", "epoch", "seq", "body", "detail")
        await connection.execute(_REVIEWS, *_columns(batch.reviews, columns))
    if batch.retired:
        await connection.execute(
            _RETIRED, *_columns(batch.retired, ("operator", "terminal", "epoch", "acked_seq"))
        )
    if batch.burnt:
        await connection.execute(_BURNT, *[list(column) for column in zip(*sorted(batch.burnt), strict=True)])
    if batch.offline:
        named = [" ".join(terms) for terms in batch.offline.values()]
        await connection.execute(_HELD, list(batch.offline), named)
    uses = [(key, amount) for key, amount in sorted(batch.uses.items()) if amount]
    if uses:
        keys = [list(column) for column in zip(*(key for key, _ in uses), strict=True)]
        await connection.execute(_MAKE_USES, *keys)
        await connection.execute(_COUNT_USES, *keys, [amount for _, amount in uses])
    names = ("operator", "terminal", "kind", "outlet")
    raised = [alarm for alarm in batch.alarms if alarm.active]
    cleared = [alarm for alarm in batch.alarms if not alarm.active]
    if raised:
        await connection.execute(_RAISE_ALARMS, *_columns(raised, (*names, "detail")))
    if cleared:
        await connection.execute(_CLEAR_ALARMS, *_columns(cleared, names))
        # One that came, went and came again in one batch stands: its last word counts.
        last = {(alarm.operator, alarm.terminal, alarm.outlet, alarm.kind): alarm for alarm in batch.alarms}
        again = [alarm for alarm in last.values() if alarm.active]
        if again:
            await connection.execute(_RAISE_ALARMS, *_columns(again, (*names, "detail")))


def _columns(items: Sequence[Struct], attributes: Sequence[str]) -> list[list[object]]:
    return [[getattr(item, attribute) for item in items] for attribute in attributes]
