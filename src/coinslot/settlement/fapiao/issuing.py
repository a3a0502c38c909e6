"""The numbers of issued fapiao, noted with the lines they were issued for; and what an operator sees of all requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError
from coinslot.rows import many, one
from coinslot.sessions.states import State
from coinslot.settlement.fapiao.asking import invoiced_minor
from coinslot.settlement.fapiao.csv_file import Mark
from coinslot.settlement.fapiao.exporting import REFUNDED
from coinslot.settlement.fapiao.rules import check_number
from coinslot.wire.ids import OperatorId, is_id

_LOCK: Final = "SELECT FROM operator WHERE operator_id = $1 FOR NO KEY UPDATE"
_LINE: Final = """
    SELECT l.number, (SELECT x.line_id FROM fapiao_line x WHERE x.operator_id = $1 AND x.number = $3) AS taken_by
    FROM fapiao_line l WHERE l.operator_id = $1 AND l.line_id = $2
"""
_NOTE: Final = """
    UPDATE fapiao_line SET number = $3, issued_at = coalesce(issued_at, now()) WHERE operator_id = $1 AND line_id = $2
"""
_LIST: Final = f"""
    SELECT r.request_id, r.session_id, r.asked_at, r.exported_at, s.state, s.captured_minor, s.hold_principal_minor,
           s.hold_bonus_minor, s.currency, s.settled_at, b.refunded_minor, l.export_id, l.line_id, l.amount_minor, l.number,
           r.sealed IS NULL AS erased
    FROM fapiao_request r
    JOIN session s ON s.operator_id = r.operator_id AND s.session_id = r.session_id
    {REFUNDED}
    LEFT JOIN fapiao_line l ON l.operator_id = r.operator_id AND l.request_id = r.request_id
    WHERE r.operator_id = $1 AND (l.line_id IS NOT NULL OR r.sealed IS NOT NULL)
      AND ($2 OR (l.number IS NULL AND (l.line_id IS NOT NULL OR r.exported_at IS NULL)))
    ORDER BY r.asked_at, r.request_id, l.amount_minor DESC, l.line_id
"""


class Issued(Struct, frozen=True, kw_only=True):
    """What became of numbers that were to be noted."""

    noted: int
    known: int
    """Noted before, the same."""
    errors: tuple[tuple[int, str], ...]
    """Rows that were left out, and why."""


class _Known(Struct, frozen=True):
    number: str | None
    taken_by: str | None


class Listed(Struct, frozen=True, kw_only=True):
    """A request, or one of the lines it was handed over in; nothing of what was given with it."""

    request_id: str
    session_id: str
    asked_at: datetime
    exported_at: datetime | None
    settled_at: datetime | None
    state: State
    captured_minor: int | None
    hold_principal_minor: int
    hold_bonus_minor: int
    currency: str
    refunded_minor: int
    export_id: str | None
    line_id: str | None
    amount_minor: int | None
    number: str | None
    erased: bool

    @property
    def due_minor(self) -> int:
        """Of the line; of what was not handed over, what it would be now."""
        return invoiced_minor(self, self.refunded_minor) if self.amount_minor is None else self.amount_minor


async def mark_issued(
    connection: Connection, operator: OperatorId, marks: Sequence[Mark], *, by: str, replace: bool
) -> Issued:
    """Note which fapiao was issued for which line. What is wrong is named by its row, and the others are noted all the
    same. `replace`: a number that was noted before may be another one now.
    """
    noted = known = 0
    errors: list[tuple[int, str]] = []
    async with connection.transaction():
        await connection.fetchrow(_LOCK, operator)
        for mark in marks:
            try:
                if await _mark(connection, operator, mark, replace=replace):
                    noted += 1
                else:
                    known += 1
            except FieldError as error:
                errors.append((mark.row, str(error)))
        if noted:
            said = f"{noted} numbers"
            await write_audit(
                connection, operator, by=by, action="fapiao.issued", target=marks[0].line, detail=said
            )
    return Issued(noted=noted, known=known, errors=tuple(errors))


async def _mark(connection: Connection, operator: OperatorId, mark: Mark, *, replace: bool) -> bool:
    number = check_number(mark.number)
    line = mark.line
    row = await connection.fetchrow(_LINE, operator, line, number) if is_id(line) else None
    if row is None:
        raise FieldError(
            "line", "there is no such line in any export; copy it from the file that was exported"
        )
    found = one(row, _Known)
    if found.number == number:
        return False
    if found.taken_by is not None:
        raise FieldError("number", f"stands for line {found.taken_by} already")
    if found.number is not None and not replace:
        raise FieldError("number", f"line {line} has {found.number} already; --replace changes it")
    await connection.fetch(_NOTE, operator, line, number)
    return True


async def list_requests(connection: Connection, operator: OperatorId, *, every: bool) -> list[Listed]:
    """What waits to be exported or issued, the oldest first; with `every` also what was issued."""
    return many(await connection.fetch(_LIST, operator, every), Listed)
