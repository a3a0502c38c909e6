"""Opening hours of sites and appliances in the database; see `hours` for what they say."""

from __future__ import annotations

from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError
from coinslot.fleet.hours import check_hours
from coinslot.fleet.offers import offers_changed
from coinslot.rows import many
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId

_LIST = """
    SELECT s.site_id, s.name AS site, s.timezone, s.hours AS site_hours, a.appliance_id, coalesce(a.name, '') AS appliance,
        coalesce(a.hours, '') AS hours
    FROM site s LEFT JOIN appliance a ON a.operator_id = s.operator_id AND a.site_id = s.site_id
    WHERE s.operator_id = $1 ORDER BY lower(s.name), lower(a.name), a.appliance_id
"""
_WITH_HOURS = """
    SELECT operator_id, site_id AS target, '' AS own, hours AS site, timezone FROM site WHERE hours <> ''
    UNION ALL
    SELECT a.operator_id, a.appliance_id, a.hours, s.hours, s.timezone FROM appliance a
    JOIN site s ON s.operator_id = a.operator_id AND s.site_id = a.site_id WHERE a.hours <> ''
"""


class HoursLine(Struct, frozen=True, kw_only=True):
    """One appliance with its own hours and its site's; without an appliance where the site has none."""

    site_id: SiteId
    site: str
    timezone: str
    site_hours: str
    appliance_id: ApplianceId | None
    appliance: str
    hours: str


class Timed(Struct, frozen=True, kw_only=True):
    """Something with hours, of whichever operator."""

    operator_id: OperatorId
    target: str
    own: str
    site: str
    timezone: str


async def list_hours(connection: Connection, operator_id: OperatorId) -> list[HoursLine]:
    """Every appliance of the operator, by site and name."""
    return many(await connection.fetch(_LIST, operator_id), HoursLine)


async def all_timed(connection: Connection) -> list[Timed]:
    """Every site and appliance with hours, for whoever tells the appliances when they begin and end."""
    return many(await connection.fetch(_WITH_HOURS), Timed)


async def set_site_hours(
    connection: Connection, operator_id: OperatorId, site_id: SiteId, text: str, *, by: str
) -> str:
    """From the next start on; what runs, runs on. The text as it is kept. FieldError, MissingError."""
    return await _set(connection, operator_id, "site", site_id, text, by)


async def set_appliance_hours(
    connection: Connection, operator_id: OperatorId, appliance_id: ApplianceId, text: str, *, by: str
) -> str:
    """Likewise for one appliance; an empty text: its site's again."""
    return await _set(connection, operator_id, "appliance", appliance_id, text, by)


async def _set(
    connection: Connection, operator_id: OperatorId, what: str, target: str, text: str, by: str
) -> str:
    kept = check_hours(text)
    async with connection.transaction():
        found = await connection.fetchval(
            f"UPDATE {what} SET hours = $3 WHERE operator_id = $1 AND {what}_id = $2 RETURNING true",
            operator_id,
            target,
            kept,
        )
        if not found:
            raise MissingError(what, target)
        await write_audit(
            connection, operator_id, by=by, action=f"{what}.hours", target=target, detail=kept[:500]
        )
        await offers_changed(connection, operator_id)
    return kept
