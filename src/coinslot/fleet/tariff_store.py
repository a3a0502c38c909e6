"""Tariffs as kept: a name, and versions that are only ever added. The text is `tariffs`' to read."""

from __future__ import annotations

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, TakenError, clean_name, search_key
from coinslot.fleet.models import TariffVersion
from coinslot.fleet.offers import offers_changed
from coinslot.rows import many, one
from coinslot.wire.ids import OperatorId, TariffId, new_id

_VERSIONS = """
SELECT v.operator_id, v.tariff_id, t.name, v.version, v.body, v.created_at
FROM tariff t JOIN tariff_version v USING (operator_id, tariff_id)
WHERE t.operator_id = $1
"""


async def add_tariff(
    connection: Connection, operator_id: OperatorId, *, name: str, body: str, by: str
) -> TariffVersion:
    """A new tariff with `body`, already checked by `tariffs`, as version 1."""
    name = clean_name("name", name)
    tariff_id = TariffId(new_id("trf"))
    async with connection.transaction():
        taken = await connection.fetchval(
            "SELECT 1 FROM tariff WHERE operator_id = $1 AND lower(name) = lower($2)", operator_id, name
        )
        made = taken is None and await connection.fetchval(
            "INSERT INTO tariff (operator_id, tariff_id, name) VALUES ($1, $2, $3)"
            " ON CONFLICT (operator_id, name) DO NOTHING RETURNING 1",
            operator_id,
            tariff_id,
            name,
        )
        if not made:
            raise TakenError("name", f"there is already a tariff called {name!r}; give it a new version")
        await _add_version(connection, operator_id, tariff_id, 1, body)
        await write_audit(connection, operator_id, by=by, action="tariff.add", target=tariff_id, detail=name)
        return await find_tariff(connection, operator_id, tariff_id)


async def add_tariff_version(
    connection: Connection, operator_id: OperatorId, tariff_id: TariffId, *, body: str, by: str
) -> TariffVersion:
    """The next version of a tariff: quotes made from now on use it, those already made do not."""
    async with connection.transaction():
        # Locked, so that two editors at once get two versions and not one error.
        found = await connection.fetchval(
            "SELECT 1 FROM tariff WHERE operator_id = $1 AND tariff_id = $2 FOR UPDATE",
            operator_id,
            tariff_id,
        )
        if not found:
            raise MissingError("tariff", tariff_id)
        last = await find_tariff(connection, operator_id, tariff_id)
        if last.body == body:
            raise TakenError("tariff", f"version {last.version} says exactly this already")
        await _add_version(connection, operator_id, tariff_id, last.version + 1, body)
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="tariff.new_version",
            target=tariff_id,
            detail=str(last.version + 1),
        )
        await offers_changed(connection, operator_id)
        return await find_tariff(connection, operator_id, tariff_id)


async def _add_version(
    connection: Connection, operator_id: OperatorId, tariff_id: TariffId, version: int, body: str
) -> None:
    await connection.execute(
        "INSERT INTO tariff_version (operator_id, tariff_id, version, body) VALUES ($1, $2, $3, $4)",
        operator_id,
        tariff_id,
        version,
        body,
    )


async def list_tariffs(connection: Connection, operator_id: OperatorId) -> list[TariffVersion]:
    """The latest version of each of the operator's tariffs, by name."""
    rows = await connection.fetch(
        f"SELECT * FROM (SELECT DISTINCT ON (tariff_id) * FROM ({_VERSIONS}) v"
        " ORDER BY tariff_id, version DESC) latest ORDER BY lower(name)",
        operator_id,
    )
    return many(rows, TariffVersion)


async def find_tariff(
    connection: Connection, operator_id: OperatorId, key: str, version: int | None = None
) -> TariffVersion:
    """A tariff by id or name: the version asked for, or else the latest."""
    row = await connection.fetchrow(
        _VERSIONS + " AND (t.tariff_id = $2 OR lower(t.name) = lower($2))"
        " AND ($3::integer IS NULL OR v.version = $3) ORDER BY t.tariff_id = $2 DESC, v.version DESC LIMIT 1",
        operator_id,
        search_key("tariff", key),
        version,
    )
    if row is None:
        raise MissingError("tariff", key if version is None else f"{key} version {version}")
    return one(row, TariffVersion)
