"""Outlets in the database: what a terminal drives, what it costs, how it counts."""

from __future__ import annotations

import asyncpg

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, TakenError, clean_name
from coinslot.fleet.models import Outlet
from coinslot.fleet.offers import offers_changed
from coinslot.fleet.rules import check_meter_spec, check_outlet
from coinslot.rows import many, one
from coinslot.wire.ids import ApplianceId, OperatorId, TariffId, TerminalId

_PARENTS = {
    "outlet_operator_id_appliance_id_fkey": "appliance",
    "outlet_operator_id_terminal_id_fkey": "terminal",
    "outlet_operator_id_tariff_id_fkey": "tariff",
}


async def add_outlet(
    connection: Connection,
    operator_id: OperatorId,
    *,
    appliance_id: ApplianceId,
    terminal_id: TerminalId,
    outlet: int,
    name: str,
    tariff_id: TariffId | None = None,
    meter_spec: str = "{}",
    by: str,
) -> Outlet:
    """Say that `outlet` of a terminal is a tap of an appliance. Without a tariff it cannot be started.

    FieldError for a field, MissingError for an appliance, terminal or tariff that is not the operator's.
    """
    values = (check_outlet(outlet), clean_name("name", name), check_meter_spec(meter_spec))
    async with connection.transaction():
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    "INSERT INTO outlet"
                    " (operator_id, appliance_id, terminal_id, tariff_id, outlet, name, meter_spec)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *",
                    operator_id,
                    appliance_id,
                    terminal_id,
                    tariff_id,
                    *values,
                )
        except asyncpg.UniqueViolationError:
            raise TakenError("outlet", f"the terminal's outlet {outlet} is in use already") from None
        except asyncpg.ForeignKeyViolationError as error:
            kind = _PARENTS.get(error.constraint_name or "", "operator")
            ids = {"appliance": appliance_id, "terminal": terminal_id, "tariff": tariff_id or ""}
            raise MissingError(kind, ids.get(kind, operator_id)) from None
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="outlet.add",
            target=outlet_target(terminal_id, outlet),
            detail=f"{appliance_id} {tariff_id or 'no tariff'}",
        )
        await offers_changed(connection, operator_id)
    assert row is not None  # INSERT … RETURNING without ON CONFLICT has a row or has raised
    return one(row, Outlet)


async def set_tariff(
    connection: Connection,
    operator_id: OperatorId,
    terminal_id: TerminalId,
    outlet: int,
    tariff_id: TariffId,
    *,
    by: str,
) -> None:
    """Price an outlet from the next session on; one under way keeps the quote it has."""
    async with connection.transaction():
        try:
            async with connection.transaction():
                before = await connection.fetchrow(
                    "UPDATE outlet o SET tariff_id = $4 FROM outlet old"
                    " WHERE o.operator_id = $1 AND o.terminal_id = $2 AND o.outlet = $3"
                    " AND old.operator_id = $1 AND old.terminal_id = $2 AND old.outlet = $3"
                    " RETURNING old.tariff_id",
                    operator_id,
                    terminal_id,
                    check_outlet(outlet),
                    tariff_id,
                )
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("tariff", tariff_id) from None
        if before is None:
            raise MissingError("outlet", outlet_target(terminal_id, outlet))
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="outlet.set_tariff",
            target=outlet_target(terminal_id, outlet),
            detail=f"{before['tariff_id'] or 'no tariff'} -> {tariff_id}",
        )
        await offers_changed(connection, operator_id)


async def list_outlets(
    connection: Connection, operator_id: OperatorId, appliance_id: ApplianceId | None = None
) -> list[Outlet]:
    """The operator's outlets, or one appliance's, in the order of their numbers."""
    rows = await connection.fetch(
        "SELECT * FROM outlet WHERE operator_id = $1 AND ($2::text IS NULL OR appliance_id = $2)"
        " ORDER BY appliance_id, terminal_id, outlet",
        operator_id,
        appliance_id,
    )
    return many(rows, Outlet)


def outlet_target(terminal_id: TerminalId, outlet: int) -> str:
    """How the audit trail names an outlet."""
    return f"{terminal_id}/{outlet}"
