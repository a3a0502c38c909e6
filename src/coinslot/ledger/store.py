"""The ledger in PostgreSQL: posting in batches, locking and reading balances, listing entries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from coinslot.ledger.accounts import parse_account
from coinslot.ledger.entries import Entry, EntryKind, Posting, check
from coinslot.ledger.errors import (
    AmountOutOfRange,
    AppendOnly,
    CapExceeded,
    InsufficientFunds,
    InvalidEntry,
    KeyConflict,
    LedgerError,
    Unbalanced,
    UnknownAccount,
)
from coinslot.wire.ids import OperatorId

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Access: TypeAlias = "Connection | asyncpg.Pool[asyncpg.Record]"
"""A connection, in the caller's transaction; or a pool, each call then a transaction of its own."""
BalanceKey: TypeAlias = tuple[str, str, str]
"""Operator, account, currency."""


class Posted(NamedTuple):
    """Where an entry is; `fresh` is false where its key had been posted before with the same content."""

    entry_id: int
    fresh: bool


class Listed(msgspec.Struct, frozen=True):
    """An entry as the ledger holds it."""

    entry_id: int
    posted_at: datetime
    entry: Entry


POST = "SELECT entry_ids, fresh FROM ledger_post($1, $2, $3, $4, $5, $6, $7, $8, $9)"
"""Posts a batch; see `post_arguments`."""


async def post(connection: Access, entries: Sequence[Entry]) -> list[Posted]:
    """Post a batch, all or nothing, in one call; the answers are in the order of `entries`.

    Limits are judged on the balances after the whole batch. A key posted before with the same content (legs in
    the same order) is no error and posts nothing. Raises a `LedgerError`; a transaction that the caller has
    open is lost then. Lock balances before posting, never between two posts, or two callers may deadlock.
    """
    if not entries:
        return []
    try:
        row = await connection.fetchrow(POST, *post_arguments(entries))
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        refusal = refused(error, entries)
        if refusal is None:
            raise
        raise refusal from error
    assert row is not None
    return [Posted(entry_id, fresh) for entry_id, fresh in zip(row["entry_ids"], row["fresh"], strict=True)]


def post_arguments(entries: Sequence[Entry]) -> list[list[object]]:
    """The parameters of `POST`, for callers that post as part of a larger statement; they pass errors to `refused`."""
    owners: list[object] = []
    legs: list[object] = []
    for number, entry in enumerate(entries, 1):
        size = len(entry.postings)
        owners += [number] * size
        legs += range(1, size + 1)
    postings = [posting for entry in entries for posting in entry.postings]
    return [
        [entry.operator for entry in entries],
        [entry.key for entry in entries],
        [entry.kind for entry in entries],
        [entry.session for entry in entries],
        owners,
        legs,
        [posting.account for posting in postings],
        [posting.currency for posting in postings],
        [posting.amount_minor for posting in postings],
    ]


async def lock_balances(connection: Connection, wanted: Iterable[BalanceKey]) -> dict[BalanceKey, int]:
    """Lock limited accounts until the transaction ends; their balances in natural sign, minor units.

    Rows are locked in the order in which posting locks them. An account nobody has posted to holds 0 and has
    nothing to lock: the database still refuses what it cannot pay.
    """
    keys = sorted(set(wanted))
    for _, account, _ in keys:
        if not parse_account(account).limited:
            raise UnknownAccount(f"{account} has no limit, so there is nothing to lock")
    rows = await connection.fetch(
        "SELECT operator_id, account, currency, amount_minor FROM ledger_lock_balances($1, $2, $3)",
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
    )
    held = {(row[0], row[1], row[2]): row[3] for row in rows}
    return {key: held.get(key, 0) for key in keys}


_LIMITED = "SELECT amount_minor FROM ledger_balance WHERE operator_id = $1 AND account = $2 AND currency = $3"
_UNLIMITED = """
    SELECT coalesce((SELECT amount_minor FROM ledger_rollup
                     WHERE operator_id = $1 AND account = $2 AND currency = $3), 0)
         + coalesce((SELECT sum(p.amount_minor) FROM ledger_pending q
                     JOIN ledger_posting p ON p.operator_id = q.operator_id AND p.entry_id = q.entry_id
                     WHERE q.operator_id = $1 AND p.account = $2 AND p.currency = $3), 0)
"""


async def balance(connection: Access, operator: OperatorId, account: str, currency: str) -> int:
    """The balance of any account in its natural sign, minor units (a loss of the operator is negative)."""
    kind = parse_account(account)
    if kind.limited:
        return int(await connection.fetchval(_LIMITED, operator, account, currency) or 0)
    return int(await connection.fetchval(_UNLIMITED, operator, account, currency)) * kind.natural_sign


_ENTRIES = """
    SELECT e.entry_id, e.key, e.kind, e.session_id, e.posted_at, p.accounts, p.currencies, p.amounts
    FROM ledger_entry e
    CROSS JOIN LATERAL (
        SELECT array_agg(l.account ORDER BY l.leg) AS accounts, array_agg(l.currency ORDER BY l.leg) AS currencies,
               array_agg(l.amount_minor ORDER BY l.leg) AS amounts
        FROM ledger_posting l WHERE l.operator_id = e.operator_id AND l.entry_id = e.entry_id) p
    WHERE e.operator_id = $1 AND e.entry_id > $2
      AND ($3::text IS NULL OR e.session_id = $3)
      AND ($4::text IS NULL OR e.key = $4)
      AND ($5::text IS NULL OR e.entry_id IN (SELECT a.entry_id FROM ledger_posting a
                                              WHERE a.operator_id = $1 AND a.account = $5))
    ORDER BY e.entry_id LIMIT $6
"""


async def entries(
    connection: Access,
    operator: OperatorId,
    *,
    account: str | None = None,
    session: str | None = None,
    key: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Listed]:
    """Entries of an operator by ascending id, at most `limit` of those past id `after`.

    The last id of a page is `after` of the next. Ids are given before commits land, so a reader that must miss
    nothing follows the seals instead.
    """
    rows = await connection.fetch(_ENTRIES, operator, after, session, key, account, limit)
    return [
        Listed(
            entry_id=row["entry_id"],
            posted_at=row["posted_at"],
            entry=Entry(
                operator=operator,
                key=row["key"],
                kind=EntryKind(row["kind"]),
                postings=tuple(map(Posting, row["accounts"], row["currencies"], row["amounts"])),
                session=row["session_id"],
            ),
        )
        for row in rows
    ]


async def set_arrears_cap(
    connection: Connection, operator: OperatorId, currency: str, cap_minor: int
) -> None:
    """The most arrears one customer may run up from now on. What is owed already may stay above it."""
    await connection.execute("SELECT ledger_set_arrears_cap($1, $2, $3)", operator, currency, cap_minor)


class _Facts(msgspec.Struct, frozen=True):
    key: str | None = None
    account: str = ""
    short_minor: int = 0
    over_minor: int = 0


def refused(error: Exception, batch: Sequence[Entry]) -> LedgerError | None:
    """The ledger's own name for a database error, or None where it is not about the ledger's rules."""
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith("CL"):
        detail = getattr(error, "detail", None)
        facts = msgspec.json.decode(detail, type=_Facts) if detail else _Facts()
        match state:
            case "CL001":
                return InsufficientFunds(facts.account, facts.short_minor)
            case "CL002":
                return CapExceeded(facts.account, facts.over_minor)
            case "CL003":
                return KeyConflict(facts.key or "")
            case "CL004":
                return _first_invalid(batch) or Unbalanced(str(error))
            case "CL005":
                return _first_invalid(batch) or UnknownAccount(str(error))
            case "CL006":
                return AppendOnly(str(error))
            case "CL007":
                return _first_invalid(batch) or InvalidEntry(str(error))
            case _:
                return LedgerError(str(error))
    if state == "22003":
        return _first_invalid(batch) or AmountOutOfRange(str(error))
    if state[:2] in ("22", "23") or isinstance(error, asyncpg.DataError):
        # The database's message names a row; the pure rules name the fault.
        return _first_invalid(batch)
    return None


def _first_invalid(batch: Sequence[Entry]) -> InvalidEntry | None:
    for entry in batch:
        try:
            check(entry)
        except InvalidEntry as invalid:
            return invalid
    return None
