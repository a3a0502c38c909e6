"""Where a code is typed, by the names that stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from coinslot.rows import one
from coinslot.web.customer.code_text import Place

if TYPE_CHECKING:
    from coinslot.web.reading import Reader

_ABOUT: Final = """y.name AS site, y.timezone, w.currency, w.name AS operator, w.help_phone, w.pause_s"""
_OF_APPLIANCE: Final = f"""
    SELECT a.name AS appliance, a.code, a.room, {_ABOUT}, coalesce(o.name, '') AS outlet, o.several
    FROM appliance a
    JOIN operator w ON w.operator_id = a.operator_id
    JOIN site y ON y.operator_id = a.operator_id AND y.site_id = a.site_id
    CROSS JOIN LATERAL (SELECT min(x.name) FILTER (WHERE x.outlet = $3) AS name, count(*) > 1 AS several
        FROM outlet x WHERE x.operator_id = a.operator_id AND x.appliance_id = a.appliance_id) o
    WHERE a.operator_id = $1 AND a.appliance_id = $2
"""
_OF_ROOM: Final = f"""
    SELECT '' AS appliance, '' AS code, $3::text AS room, {_ABOUT}, '' AS outlet, false AS several
    FROM site y JOIN operator w ON w.operator_id = y.operator_id WHERE y.operator_id = $1 AND y.site_id = $2
"""


class _Place(Place, frozen=True, kw_only=True):
    outlet: str
    several: bool


async def place_of(reader: Reader, operator: str, appliance: str, outlet: int | None) -> Place:
    """Of one appliance, with the outlet's name where it has several."""
    row = await reader.fetchrow(_OF_APPLIANCE, operator, appliance, outlet)
    assert row is not None  # an appliance is never deleted
    found = one(row, _Place)
    if found.several and found.outlet:
        return replace(found, appliance=f"{found.appliance} · {found.outlet}")
    return found


async def place_of_room(reader: Reader, operator: str, site: str, room: str) -> Place:
    """Of whichever is free in a room."""
    row = await reader.fetchrow(_OF_ROOM, operator, site, room)
    assert row is not None  # a site is never deleted
    return one(row, _Place)
