"""What a file of customers would do, and doing it: one transaction for customers, balances and the note of the file."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import InputError, MissingError
from coinslot.ledger import store as ledger
from coinslot.ledger.events import opening_balance
from coinslot.money import format_amount
from coinslot.rows import one
from coinslot.settlement.exports.wording import inert
from coinslot.settlement.importing.reading import LineError, NewCustomer, ReadFile, read_file
from coinslot.wire.ids import CustomerId, OperatorId, new_id

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

Progress: TypeAlias = Callable[[int], None]
"""Told how many customers are in, of those that are to come."""

_AT_ONCE: Final = 1_000
_CURRENCY = "SELECT currency FROM operator WHERE operator_id = $1"
_TAKEN_PHONES = "SELECT phone FROM customer WHERE operator_id = $1 AND phone = ANY ($2::text[])"
_TAKEN_CARDS = "SELECT card_no FROM customer WHERE operator_id = $1 AND card_no = ANY ($2::text[])"
_NOTE = """
    INSERT INTO customer_import (operator_id, digest, customers, left_out, currency, balance_minor, bonus_minor, by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (operator_id, digest) DO NOTHING RETURNING true
"""
_EARLIER = """
    SELECT digest, customers, left_out, currency, balance_minor, bonus_minor, by, made_at FROM customer_import
    WHERE operator_id = $1 AND digest = $2
"""
_ADD = """
    INSERT INTO customer (operator_id, customer_id, phone, card_no, language)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
"""


class NotAllGood(InputError):
    """Some lines have faults: nothing was brought in."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} faults: put them right, or leave their lines out on purpose; nothing was brought in"
        )
        self.count = count


class ChangedMeanwhile(InputError):
    """Somebody got a number or a card of the file at this very moment: nothing was brought in."""

    def __init__(self) -> None:
        super().__init__("a customer of the file was added by somebody else just now; look at the file again")


class Brought(Struct, frozen=True, kw_only=True):
    """What a file has done. Amounts are minor units."""

    digest: str
    customers: int
    left_out: int
    """Faulty lines."""
    currency: str
    balance_minor: int
    bonus_minor: int
    by: str
    made_at: datetime


class Preview(Struct, frozen=True, kw_only=True):
    """What a file would do."""

    file: ReadFile
    """With what the database has against its lines among the errors."""
    currency: str
    earlier: Brought | None
    """What the very same file has done before: it does nothing now."""

    @property
    def balance_minor(self) -> int:
        """Of all good lines."""
        return sum(each.balance_minor for each in self.file.customers)

    @property
    def bonus_minor(self) -> int:
        """Likewise."""
        return sum(each.bonus_minor for each in self.file.customers)

    @property
    def left_out(self) -> int:
        """Lines with faults."""
        return self.file.rows - len(self.file.customers)


async def preview(connection: Connection, operator: OperatorId, raw: bytes) -> Preview:
    """Nothing is changed. FileError, MissingError."""
    currency = await connection.fetchval(_CURRENCY, operator)
    if currency is None:
        raise MissingError("operator", operator)
    # A full file takes more than a second to read: terminals are not to wait for it.
    read = await asyncio.to_thread(read_file, raw, currency)
    file = await _against(connection, operator, read)
    return Preview(file=file, currency=currency, earlier=await _earlier(connection, operator, file.digest))


async def bring_in(
    pool: Pool,
    operator: OperatorId,
    raw: bytes,
    *,
    skip_bad: bool = False,
    by: str,
    progress: Progress | None = None,
) -> tuple[Brought, bool]:
    """Bring the file's customers in; whether that was done now, or by the same file before.

    FileError, MissingError, NotAllGood unless `skip_bad`, ChangedMeanwhile: nothing was changed then.
    """
    try:
        async with pool.acquire() as connection, connection.transaction():
            return await _bring_in(connection, operator, raw, skip_bad, by, progress or (lambda _done: None))
    except asyncpg.UniqueViolationError:
        # Its text holds a number, and is not passed on.
        raise ChangedMeanwhile from None


async def _bring_in(
    connection: Connection, operator: OperatorId, raw: bytes, skip_bad: bool, by: str, progress: Progress
) -> tuple[Brought, bool]:
    seen = await preview(connection, operator, raw)
    if seen.earlier is not None:
        return seen.earlier, False
    if seen.file.errors and not skip_bad:
        raise NotAllGood(len(seen.file.errors))
    digest = seen.file.digest
    noted = await connection.fetchval(
        _NOTE,
        operator,
        digest,
        len(seen.file.customers),
        seen.left_out,
        seen.currency,
        seen.balance_minor,
        seen.bonus_minor,
        by,
    )
    if noted is not None:
        for first in range(0, len(seen.file.customers), _AT_ONCE):
            group = seen.file.customers[first : first + _AT_ONCE]
            await _add(connection, operator, seen.currency, digest, group)
            progress(first + len(group))
        total = format_amount(seen.balance_minor, seen.currency)
        said = f"{len(seen.file.customers)} customers, {seen.left_out} left out, {total} {seen.currency}"
        await write_audit(connection, operator, by=by, action="customer.import", target=operator, detail=said)
    found = await _earlier(connection, operator, digest)
    assert found is not None  # noted just now, or by whoever was quicker
    return found, noted is not None


async def _add(
    connection: Connection, operator: OperatorId, currency: str, digest: str, group: Sequence[NewCustomer]
) -> None:
    made = [(CustomerId(new_id("cus")), each) for each in group]
    await connection.execute(
        _ADD,
        operator,
        [customer for customer, _ in made],
        [each.phone for _, each in made],
        [each.card_no for _, each in made],
        [each.language for _, each in made],
    )
    await ledger.post(
        connection,
        [
            opening_balance(
                operator,
                f"opening:{digest[:32]}:{each.line}",
                customer,
                currency,
                amount_minor=each.balance_minor,
                bonus_minor=each.bonus_minor,
            )
            for customer, each in made
            if each.balance_minor or each.bonus_minor
        ],
    )


async def _earlier(connection: Connection, operator: OperatorId, digest: str) -> Brought | None:
    row = await connection.fetchrow(_EARLIER, operator, digest)
    return None if row is None else one(row, Brought)


async def _against(connection: Connection, operator: OperatorId, file: ReadFile) -> ReadFile:
    """The file, and what stands in the way of its lines here."""
    phones = [each.phone for each in file.customers if each.phone is not None]
    cards = [each.card_no for each in file.customers if each.card_no is not None]
    taken_phones = {row[0] for row in await connection.fetch(_TAKEN_PHONES, operator, phones)}
    taken_cards = {row[0] for row in await connection.fetch(_TAKEN_CARDS, operator, cards)}
    errors = [
        LineError(line=each.line, field=field, reason="belongs to a customer who is here already")
        for each in file.customers
        for field, value, taken in (
            ("phone", each.phone, taken_phones),
            ("card_no", each.card_no, taken_cards),
        )
        if value in taken
    ]
    bad = {error.line for error in errors}
    return ReadFile(
        digest=file.digest,
        encoding=file.encoding,
        separator=file.separator,
        rows=file.rows,
        customers=tuple(each for each in file.customers if each.line not in bad),
        errors=tuple(sorted((*file.errors, *errors))),
    )


def errors_csv(errors: Iterable[LineError]) -> bytes:
    """The faults as a file: what a spreadsheet would take for a formula is made text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("line", "field", "reason"))
    for each in errors:
        writer.writerow((each.line, inert(each.field), inert(each.reason)))
    return out.getvalue().encode("utf-8-sig")
