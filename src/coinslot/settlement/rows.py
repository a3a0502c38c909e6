"""Sessions and terminals as rows, and back: the one place that names their columns."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import asyncpg

from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Terminal

# Column, its SQL type, the attribute of `Session`; the fixed ones first, then those that change.
_FIXED: Final = (
    ("operator_id", "text", "operator"),
    ("session_id", "text", "id"),
    ("customer_id", "text", "customer"),
    ("appliance_id", "text", "appliance"),
    ("terminal_id", "text", "terminal"),
    ("outlet", "smallint", "outlet"),
    ("command_id", "text", "command"),
    ("request_key", "text", "request_key"),
    ("request_hash", "bytea", "request_hash"),
    ("currency", "text", "currency"),
    ("quote", "text", "quote"),
    ("limits", "text", "limits"),
    ("hold_principal_minor", "bigint", "hold_principal_minor"),
    ("hold_bonus_minor", "bigint", "hold_bonus_minor"),
    ("meter_spec", "text", "meter_spec"),
    ("created_at", "timestamptz", "created_at"),
    ("sharing", "text", "sharing"),
    ("intent_id", "text", "intent"),
    ("merchant_id", "text", "merchant"),
    ("language", "text", "language"),
    ("balance_minor", "bigint", "balance_minor"),
    ("token", "bigint", "token"),
    ("flush_by", "text", "flush_by"),
)
_CHANGING: Final = (
    ("state", "text", "state"),
    ("give_up_at", "timestamptz", "give_up_at"),
    ("wake_at", "timestamptz", "wake_at"),
    ("link", "bigint", "link"),
    ("expires_at_ms", "bigint", "expires_at_ms"),
    ("expired_at", "timestamptz", "expired_at"),
    ("meter", "text", "meter"),
    ("epoch", "text", "epoch"),
    ("started_at", "timestamptz", "started_at"),
    ("stop_asked_at", "timestamptz", "stop_asked_at"),
    ("stopped_at", "timestamptz", "stopped_at"),
    ("duration_ms", "bigint", "duration_ms"),
    ("stop_reason", "text", "stop_reason"),
    ("registers", "text", "registers"),
    ("charge_minor", "bigint", "charge_minor"),
    ("captured_minor", "bigint", "captured_minor"),
    ("arrears_minor", "bigint", "arrears_minor"),
    ("sensors", "text", "sensors"),
    ("curve", "text", "curve"),
    ("settled_at", "timestamptz", "settled_at"),
)
_ALL: Final = _FIXED + _CHANGING
_BEGUN: Final = {"state", "give_up_at", "wake_at", "link", "expires_at_ms", "expired_at", "epoch"}
_NEW: Final = (*_FIXED, *(c for c in _CHANGING if c[0] in _BEGUN))

SESSION_COLUMNS: Final = ", ".join(f"s.{column}" for column, _, _ in _ALL)
_ATTRIBUTES: Final = tuple(attribute for _, _, attribute in _ALL)
FIXED: Final = tuple(attribute for _, _, attribute in _FIXED)
"""Attributes of a session that no update writes."""
NEW: Final = tuple(attribute for _, _, attribute in _NEW)
"""Attributes that a new session's row is made with; the others begin empty."""


# Rows travel as one array of a composite type, not as one array for each column: asyncpg asks the
# abstract base classes about every element of an array, which for 220 elements took 55 µs a session.
_KEYED: Final = (*_FIXED[:2], *_CHANGING)
INSERT_SESSIONS: Final = (
    f"INSERT INTO session ({', '.join(c for c, _, _ in _NEW)}) SELECT * FROM unnest($1::session_new_flush[])"
)
# Rows are found by key first and changed at the place found (ctid): left to itself, the planner joined the
# whole table for each batch while it knew little of it. The lock on their terminal keeps them in place.
UPDATE_SESSIONS: Final = (
    f"UPDATE session s SET {', '.join(f'{c} = u.{c}' for c, _, _ in _CHANGING)} "
    "FROM (SELECT n.*, x.place FROM unnest($1::session_change_promised[]) AS n "
    "CROSS JOIN LATERAL (SELECT o.ctid AS place FROM session o "
    "WHERE o.operator_id = n.operator_id AND o.session_id = n.session_id OFFSET 0) x OFFSET 0) u "
    "WHERE s.ctid = u.place"
)
new_session_row: Final = attrgetter(*(attribute for _, _, attribute in _NEW))
"""A session as the composite `session_new_flush`."""
changed_session_row: Final = attrgetter(*(attribute for _, _, attribute in _KEYED))
"""A session as the composite `session_change_promised`."""


def composite(name: str, columns: Sequence[tuple[str, str, str]]) -> str:
    """The SQL that makes a composite type of these columns; a migration holds it, a test compares.

    A type is never altered: servers of the version before may still be running. It gets a successor.
    """
    return f"CREATE TYPE {name} AS (" + ", ".join(f"{column} {kind}" for column, kind, _ in columns) + ");"


def composites() -> tuple[str, ...]:
    """The three types that rows travel as."""
    return (
        composite("session_new_flush", _NEW),
        composite("session_change_promised", _KEYED),
        composite("terminal_change", _TERMINAL),
    )


def session_of(row: asyncpg.Record, offset: int = 0) -> Session:
    """A session from a row whose columns, from `offset` on, are `SESSION_COLUMNS`."""
    values = dict(zip(_ATTRIBUTES, row[offset : offset + len(_ATTRIBUTES)], strict=True))
    values["state"] = State(values["state"])
    return Session(**values)


_TERMINAL: Final = (
    ("operator_id", "text", "operator"),
    ("terminal_id", "text", "id"),
    ("link", "bigint", "link"),
    ("online", "boolean", "online"),
    ("link_began_at", "timestamptz", "link_began_at"),
    ("epoch", "text", "epoch"),
    ("acked_seq", "bigint", "acked_seq"),
    ("hello_at_ms", "bigint", "hello_at_ms"),
    ("hello_next_seq", "bigint", "hello_next_seq"),
    ("boot", "bigint", "boot"),
    ("firmware", "text", "firmware"),
)
TERMINAL_COLUMNS: Final = ", ".join(f"t.{column}" for column, _, _ in _TERMINAL)
TERMINAL_WIDTH: Final = len(_TERMINAL)
_TERMINAL_ATTRIBUTES: Final = tuple(attribute for _, _, attribute in _TERMINAL)
UPDATE_TERMINALS: Final = (
    f"UPDATE terminal_link t SET {', '.join(f'{c} = u.{c}' for c, _, _ in _TERMINAL[2:])}, changed_at = now() "
    "FROM (SELECT n.*, x.place FROM unnest($1::terminal_change[]) AS n "
    "CROSS JOIN LATERAL (SELECT o.ctid AS place FROM terminal_link o "
    "WHERE o.operator_id = n.operator_id AND o.terminal_id = n.terminal_id OFFSET 0) x OFFSET 0) u "
    "WHERE t.ctid = u.place"
)


terminal_row: Final = attrgetter(*_TERMINAL_ATTRIBUTES)
"""A terminal as the composite `terminal_change`."""


def terminal_of(row: asyncpg.Record) -> Terminal:
    """A terminal from a row that begins with `TERMINAL_COLUMNS`."""
    return Terminal(**dict(zip(_TERMINAL_ATTRIBUTES, row[:TERMINAL_WIDTH], strict=True)))


FIRST_SIGHT: Final = """
    INSERT INTO terminal_link (operator_id, terminal_id)
    SELECT operator_id, terminal_id FROM terminal WHERE terminal_id = ANY($1::text[]) ON CONFLICT DO NOTHING
"""
"""Makes the rows of terminals that never were heard of; whoever provisions one makes it too."""
