"""How every site's keypads stand against guessing: the installation's own numbers, for its staff. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from coinslot.access import guarding
from coinslot.access.guarding import Guard
from coinslot.access.odds import RULES, Kind, Table, keypad_day, table
from coinslot.rows import many, one
from coinslot.settlement.codes import caps
from coinslot.settlement.codes.guard import milliseconds
from coinslot.settlement.codes.places import Keypad
from coinslot.settlement.payments.unit import Connection, clock
from coinslot.wire.ids import OperatorId, SiteId

# Sites where anybody ever had a code or typed one, or can type one without the link.
_SITES: Final = """
    SELECT s.operator_id, s.site_id, o.name AS operator_name, s.name AS site_name
    FROM site s JOIN operator o ON o.operator_id = s.operator_id
    WHERE EXISTS (SELECT FROM keypad_code c WHERE c.operator_id = s.operator_id AND c.site_id = s.site_id)
       OR EXISTS (SELECT FROM terminal t WHERE t.operator_id = s.operator_id AND t.site_id = s.site_id
                  AND t.revoked_at IS NULL AND (
            EXISTS (SELECT FROM keypad_guard g WHERE g.operator_id = t.operator_id AND g.terminal_id = t.terminal_id)
         OR EXISTS (SELECT FROM offline_terms f WHERE f.operator_id = t.operator_id
                    AND f.terminal_id = t.terminal_id AND f.over_at IS NULL AND f.held)))
    ORDER BY o.name, s.name
"""
_KEYPADS: Final = """
    SELECT x.operator_id, a.site_id, a.room, a.appliance_id, a.name AS appliance, x.terminal_id, x.outlet,
           coalesce(g.wrong_ms, '{}') AS wrong_ms, coalesce(g.until_ms, 0) AS until_ms, g.long_ms,
           EXISTS (SELECT FROM offline_terms f WHERE f.operator_id = x.operator_id AND f.terminal_id = x.terminal_id
                   AND f.outlet = x.outlet AND f.over_at IS NULL AND f.held) AS offline
    FROM appliance a
    JOIN outlet x ON x.operator_id = a.operator_id AND x.appliance_id = a.appliance_id
    JOIN terminal t ON t.operator_id = x.operator_id AND t.terminal_id = x.terminal_id AND t.revoked_at IS NULL
    LEFT JOIN keypad_guard g ON g.operator_id = x.operator_id AND g.terminal_id = x.terminal_id AND g.outlet = x.outlet
    WHERE a.operator_id = $1 AND a.site_id = $2 AND (a.keypad OR g.wrong_ms IS NOT NULL) ORDER BY a.name, x.outlet
"""


class SiteStanding(Struct, frozen=True, kw_only=True):
    """One site's keypads."""

    operator_id: OperatorId
    operator_name: str
    site_name: str
    keypads: int
    tries: int
    """Wrong codes of the last 24 hours, at all of them."""
    locked: int
    """How many take long codes only."""
    rows: Sequence[Table]
    """Of the keypad that a guess opens most easily now: one for each kind of code that is live there, then their sum."""


class _Site(Struct, frozen=True):
    operator_id: OperatorId
    site_id: SiteId
    operator_name: str
    site_name: str


class _Counted(Struct, frozen=True):
    wrong_ms: tuple[int, ...]
    until_ms: int
    long_ms: int | None
    offline: bool


async def all_sites(connection: Connection) -> list[SiteStanding]:
    """Every site where codes were ever made or typed, by operator and name."""
    now_ms = milliseconds(await clock(connection))
    return [await _of(connection, site, now_ms) for site in many(await connection.fetch(_SITES), _Site)]


async def _of(connection: Connection, site: _Site, now_ms: int) -> SiteStanding:
    found = await connection.fetch(_KEYPADS, site.operator_id, site.site_id)
    keypads = [one(row, Keypad) for row in found]
    counted = {keypad.key: one(row, _Counted) for keypad, row in zip(keypads, found, strict=True)}
    guards = [Guard(each.wrong_ms, each.until_ms, each.long_ms) for each in counted.values()]
    live = await caps.live_at(connection, site.operator_id, keypads)
    for key, each in counted.items():
        if each.offline:
            live[key][Kind.OFFLINE] = RULES[Kind.OFFLINE].most_live
    worst = max(keypads, key=lambda keypad: keypad_day(live[keypad.key]), default=None)
    return SiteStanding(
        operator_id=site.operator_id,
        operator_name=site.operator_name,
        site_name=site.site_name,
        keypads=len(keypads),
        tries=sum(guarding.tries(guard, now_ms) for guard in guards),
        locked=sum(guarding.locked_s(guard, now_ms) > 0 for guard in guards),
        rows=[] if worst is None else table([(_name(worst), live[worst.key])]),
    )


def _name(keypad: Keypad) -> str:
    return f"{keypad.appliance} ({keypad.outlet})"


def is_too_easy(standing: SiteStanding) -> bool:
    """Whether somewhere at the site guessing is easier than it may be."""
    return any(not row.fits for row in standing.rows)
