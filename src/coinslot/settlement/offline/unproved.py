"""Codes that wait for a person, since nobody can prove what became of them. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from coinslot.rows import many
from coinslot.sessions.decide import GIVE_UP_AFTER, Doubt
from coinslot.settlement.payments.rows import Access
from coinslot.wire.ids import OperatorId, SessionId

_LIST: Final = """
    SELECT s.session_id, s.created_at AS made_at, si.name AS site, a.name AS appliance, s.currency,
           s.hold_principal_minor + s.hold_bonus_minor AS held_minor, coalesce(l.online, false) AS online
    FROM (SELECT DISTINCT x.session_id FROM review x
          WHERE x.operator_id = $1 AND x.reason = $2 AND x.closed_at IS NULL) r
    CROSS JOIN LATERAL (SELECT * FROM session x WHERE x.operator_id = $1 AND x.session_id = r.session_id
        AND x.state = 'promised' AND x.give_up_at > x.created_at + $3::interval OFFSET 0) s
    JOIN appliance a ON a.operator_id = $1 AND a.appliance_id = s.appliance_id
    JOIN site si ON si.operator_id = $1 AND si.site_id = a.site_id
    LEFT JOIN LATERAL (SELECT x.online FROM terminal_link x WHERE x.terminal_id = s.terminal_id OFFSET 0) l ON true
    ORDER BY s.created_at, s.session_id LIMIT 200
"""


class Unproved(Struct, frozen=True, kw_only=True):
    """A code whose money is still held."""

    session_id: SessionId
    made_at: datetime
    site: str
    appliance: str
    held_minor: int
    currency: str
    online: bool
    """Whether its terminal has its link: then it will tell by itself, or has lost what it knew."""


async def list_unproved(access: Access, operator: OperatorId) -> list[Unproved]:
    """Those that a person was asked to look at, the oldest first."""
    return many(await access.fetch(_LIST, operator, Doubt.OFFLINE_UNPROVED.value, GIVE_UP_AFTER), Unproved)
