"""Ledger entries as people read them: who gave, who got, each amount with the sign of what it means to its account."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import asyncpg
from litestar import get
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.fields import MissingError
from coinslot.ledger.accounts import AccountKind, parse_account
from coinslot.web.console import words
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.wire.ids import OperatorId

if TYPE_CHECKING:
    from coinslot.web.console.payments_store import Reader

_POSTINGS = """
    (SELECT array_agg(p.account ORDER BY p.leg) FROM ledger_posting p
     WHERE p.operator_id = e.operator_id AND p.entry_id = e.entry_id) AS accounts,
    (SELECT array_agg(p.currency ORDER BY p.leg) FROM ledger_posting p
     WHERE p.operator_id = e.operator_id AND p.entry_id = e.entry_id) AS currencies,
    (SELECT array_agg(p.amount_minor ORDER BY p.leg) FROM ledger_posting p
     WHERE p.operator_id = e.operator_id AND p.entry_id = e.entry_id) AS amounts
"""
_COLUMNS = f"e.entry_id, e.key, e.kind, e.session_id, e.posted_at, {_POSTINGS}"
_ONE = f"SELECT {_COLUMNS} FROM ledger_entry e WHERE e.operator_id = $1 AND e.entry_id = $2"
_BY_KEYS = f"""
    SELECT {_COLUMNS} FROM ledger_entry e WHERE e.operator_id = $1 AND e.key = ANY ($2) ORDER BY e.entry_id
"""
_OF_SESSION = f"""
    SELECT {_COLUMNS} FROM ledger_entry e WHERE e.operator_id = $1 AND e.session_id = $2 ORDER BY e.entry_id LIMIT 200
"""
_PARTIES = "SELECT party_id, name FROM party WHERE operator_id = $1 AND party_id = ANY ($2)"
_LARGEST: Final = 2**63 - 1


class PostingShown(Struct, frozen=True, kw_only=True):
    """One leg of an entry."""

    account: str
    name: str
    """What the account is for, and whose."""
    currency: str
    amount_minor: int
    """Above zero: credited, so somebody has more or is owed more. Below: debited."""
    party: str = ""
    """Its id, where it is a party's."""


class EntryShown(Struct, frozen=True, kw_only=True):
    """An entry with its legs."""

    entry_id: int
    key: str
    kind: str
    session: str | None
    posted_at: datetime
    postings: tuple[PostingShown, ...]


async def entries_by_keys(staffed: Staffed, keys: list[str]) -> list[EntryShown]:
    """Those of these that there are."""
    return await _shown(staffed, await staffed.pool.fetch(_BY_KEYS, staffed.operator, keys))


async def entries_of_session(staffed: Staffed, session: str) -> list[EntryShown]:
    """All that were posted for a session."""
    return await _shown(staffed, await staffed.pool.fetch(_OF_SESSION, staffed.operator, session))


@get("/console/entries/{entry_id:str}")
async def entry_page(staffed: StaffedOf, entry_id: FromPath[str]) -> Response[bytes]:
    """One entry of the ledger with its postings."""
    if not (entry_id.isascii() and entry_id.isdigit()) or int(entry_id) > _LARGEST:
        raise MissingError("entry", entry_id)
    found = await _shown(staffed, await staffed.pool.fetch(_ONE, staffed.operator, int(entry_id)))
    if not found:
        raise MissingError("entry", entry_id)
    return staffed.show("console/entry.html", entry=found[0])


async def _shown(staffed: Staffed, rows: list[asyncpg.Record]) -> list[EntryShown]:
    names = await _parties(staffed.pool, staffed.operator, rows)
    return [
        EntryShown(
            entry_id=row["entry_id"],
            key=row["key"],
            kind=staffed.say(words.kind_of(row["kind"])),
            session=row["session_id"],
            posted_at=row["posted_at"],
            postings=tuple(
                _posting(staffed, account, currency, amount_minor, names)
                for account, currency, amount_minor in zip(
                    row["accounts"], row["currencies"], row["amounts"], strict=True
                )
            ),
        )
        for row in rows
    ]


async def _parties(reader: Reader, operator: OperatorId, rows: list[asyncpg.Record]) -> dict[str, str]:
    ids = {path.split("/")[1] for row in rows for path in row["accounts"] if path.startswith("party/")}
    if not ids:
        return {}
    return {row["party_id"]: row["name"] for row in await reader.fetch(_PARTIES, operator, sorted(ids))}


def _posting(
    staffed: Staffed, account: str, currency: str, amount_minor: int, names: dict[str, str]
) -> PostingShown:
    kind = parse_account(account)
    word = staffed.say(words.ACCOUNT[kind]) if kind in words.ACCOUNT else account
    party = account.split("/")[1] if kind is AccountKind.PARTY_PAYABLE else ""
    return PostingShown(
        account=account,
        name=f"{word}: {names.get(party, party)}" if party else word,
        currency=currency,
        amount_minor=-amount_minor,
        party=party,
    )
