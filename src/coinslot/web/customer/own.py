"""What belongs to the visitor: their sessions and where these took place. Anything else is not found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from litestar.response import Response
from msgspec import Struct

from coinslot.people.logins import Login
from coinslot.rows import many, one
from coinslot.sessions.model import Session
from coinslot.sessions.states import LIVE, State
from coinslot.web import reading
from coinslot.web.pages.page import Page
from coinslot.wire.ids import OperatorId, SessionId, is_id

if TYPE_CHECKING:
    from coinslot.web.reading import Reader

PER_PAGE: Final = 20

# Joins are pinned, see settlement/store.py.
_PLACE = """
    SELECT a.name AS appliance, a.code, a.kind, y.name AS site, y.timezone, o.name AS operator, o.help_phone,
           coalesce(u.name, '') AS outlet, coalesce(u.several, false) AS several
    FROM (SELECT * FROM appliance x WHERE x.operator_id = $1 AND x.appliance_id = $2 OFFSET 0) a
    CROSS JOIN LATERAL (SELECT * FROM site x
        WHERE x.operator_id = a.operator_id AND x.site_id = a.site_id OFFSET 0) y
    CROSS JOIN LATERAL (SELECT * FROM operator x WHERE x.operator_id = a.operator_id OFFSET 0) o
    LEFT JOIN LATERAL (SELECT min(x.name) FILTER (WHERE x.terminal_id = $3 AND x.outlet = $4) AS name,
                              count(*) > 1 AS several
        FROM outlet x WHERE x.operator_id = a.operator_id AND x.appliance_id = a.appliance_id OFFSET 0) u ON true
"""
_HISTORY = """
    SELECT s.operator_id, s.session_id, s.state, s.currency, s.created_at, s.registers, s.captured_minor,
           s.arrears_minor, a.name AS appliance, y.name AS site, y.timezone, o.name AS operator
    FROM (SELECT x.* FROM unnest($1::text[], $2::text[]) AS k(operator_id, customer_id)
          CROSS JOIN LATERAL (SELECT * FROM session x
              WHERE x.customer_id = k.customer_id AND x.operator_id = k.operator_id
                AND ($3::timestamptz IS NULL OR (x.created_at <= $3 AND (x.created_at, x.session_id) < ($3, $4::text)))
              ORDER BY x.created_at DESC, x.session_id DESC LIMIT $5) x
          ORDER BY x.created_at DESC, x.session_id DESC LIMIT $5) s
    CROSS JOIN LATERAL (SELECT * FROM appliance x
        WHERE x.operator_id = s.operator_id AND x.appliance_id = s.appliance_id OFFSET 0) a
    CROSS JOIN LATERAL (SELECT * FROM site x
        WHERE x.operator_id = a.operator_id AND x.site_id = a.site_id OFFSET 0) y
    CROSS JOIN LATERAL (SELECT * FROM operator x WHERE x.operator_id = s.operator_id OFFSET 0) o
    ORDER BY s.created_at DESC, s.session_id DESC
"""


class Place(Struct, frozen=True, kw_only=True):
    """Where a session took place, as people know it."""

    appliance: str
    code: str
    kind: str
    site: str
    timezone: str
    operator: str
    help_phone: str
    outlet: str
    several: bool
    """Whether the appliance has other outlets beside this one."""

    @property
    def tap(self) -> str:
        """The outlet's name, where one has to be told from another; else empty."""
        return self.outlet if self.several else ""


class Own(Struct, frozen=True):
    """A session of the visitor's."""

    session: Session
    place: Place


class Past(Struct, frozen=True, kw_only=True):
    """A line of the history."""

    operator_id: OperatorId
    session_id: SessionId
    state: State
    currency: str
    created_at: datetime
    registers: str | None
    captured_minor: int | None
    arrears_minor: int
    appliance: str
    site: str
    timezone: str
    operator: str

    @property
    def live(self) -> bool:
        """Whether it is not over."""
        return self.state in LIVE


async def find_own(page: Page, session_id: str) -> Own | None:
    """A session of the visitor's own; None for another's, and for any other text whatever."""
    pool = page.services.pool
    for login in page.logins:
        found = await reading.find_session(pool, login.operator_id, session_id)
        if found is not None and found.customer == login.customer_id:
            return Own(found, await find_place(pool, found))
    return None


def not_yours(page: Page) -> Response[bytes]:
    """The one answer to whatever session is not the visitor's, or is none at all.

    Most who see it opened the link of a message in another browser than the one they logged in with: the words are
    for them, and the same for everybody.
    """
    return page.show("use/not_yours.html", status=404)


async def find_place(reader: Reader, session: Session) -> Place:
    """Where a session took place."""
    row = await reader.fetchrow(_PLACE, session.operator, session.appliance, session.terminal, session.outlet)
    assert row is not None  # an appliance is never deleted
    return one(row, Place)


async def past_sessions(
    reader: Reader, logins: Sequence[Login], *, before: str | None, limit: int = PER_PAGE
) -> list[Past]:
    """The visitor's sessions at all operators, the newest first: at most `limit` of those before `before`."""
    since = None
    if before is not None and is_id(before):
        since = await reader.fetchval(
            "SELECT created_at FROM session WHERE session_id = $1 AND operator_id = ANY($2::text[])"
            " AND customer_id = ANY($3::text[])",
            before,
            [login.operator_id for login in logins],
            [login.customer_id for login in logins],
        )
    found = await reader.fetch(
        _HISTORY,
        [login.operator_id for login in logins],
        [login.customer_id for login in logins],
        since,
        before if since is not None else None,
        limit,
    )
    return many(found, Past)
