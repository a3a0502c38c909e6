"""Offline codes as their customers see them, and the places they are for. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from coinslot.keyring import Keyring
from coinslot.rows import many
from coinslot.sessions.decide import PROMISE_LIFE
from coinslot.sessions.states import State
from coinslot.settlement.offline import keys
from coinslot.settlement.offline.model import OfflineCode, OfflineState
from coinslot.settlement.payments.rows import Access
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, SiteId, TerminalId

# Pinned to its keys, see settlement/store.py.
_PLACE: Final = """
    SELECT x.terminal_id, a.closed, coalesce(l.online, false) AS online,
           si.offline_credit_minor > 0 AND a.keypad AND x.tariff_id IS NOT NULL AS sold
    FROM (SELECT * FROM appliance y WHERE y.operator_id = $1 AND y.appliance_id = $2 OFFSET 0) a
    CROSS JOIN LATERAL (SELECT * FROM outlet y
        WHERE y.operator_id = a.operator_id AND y.appliance_id = a.appliance_id AND y.outlet = $3 OFFSET 0) x
    CROSS JOIN LATERAL (SELECT * FROM site y
        WHERE y.operator_id = a.operator_id AND y.site_id = a.site_id OFFSET 0) si
    CROSS JOIN LATERAL (SELECT true FROM terminal y
        WHERE y.operator_id = x.operator_id AND y.terminal_id = x.terminal_id AND y.revoked_at IS NULL OFFSET 0) t
    LEFT JOIN LATERAL (SELECT y.online FROM terminal_link y WHERE y.terminal_id = x.terminal_id OFFSET 0) l ON true
    ORDER BY x.terminal_id LIMIT 1
"""
_CODES: Final = """
    SELECT c.session_id, c.count, s.created_at AS made_at, c.terminal_id, c.outlet, c.terms_id,
           o.key_check, o.starting_code, o.value,
           s.state, s.started_at, s.stop_asked_at, s.appliance_id, s.currency,
           s.hold_principal_minor + s.hold_bonus_minor AS credit_minor,
           coalesce(a.site_id, '') AS site_id, coalesce(l.online, false) AS online, c.burnt_at, clock_timestamp() AS now
    FROM (SELECT * FROM offline_code x
          WHERE x.customer_id = $2 AND x.operator_id || '' = $1 AND ($3::text IS NULL OR x.session_id = $3)
          ORDER BY x.made_at DESC LIMIT 50) c
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.operator_id = c.operator_id AND x.session_id = c.session_id OFFSET 0) s
    CROSS JOIN LATERAL (SELECT * FROM offline_terms x
        WHERE x.operator_id = c.operator_id AND x.terms_id = c.terms_id OFFSET 0) o
    LEFT JOIN LATERAL (SELECT x.site_id FROM appliance x
        WHERE x.operator_id = s.operator_id AND x.appliance_id = s.appliance_id OFFSET 0) a ON true
    LEFT JOIN LATERAL (SELECT x.online FROM terminal_link x WHERE x.terminal_id = c.terminal_id OFFSET 0) l ON true
    WHERE $3::text IS NOT NULL OR s.state = 'promised' OR c.made_at > clock_timestamp() - interval '1 day'
    ORDER BY c.made_at DESC, c.count DESC
"""


class OfflinePlace(Struct, frozen=True, kw_only=True):
    """The keypad of an appliance's outlet."""

    terminal_id: TerminalId
    closed: bool
    online: bool
    sold: bool
    """Whether the operator wants such codes here, there is a keypad, and the outlet has a price. Terms may outlive all
    three while their terminal is away."""


class _Row(Struct, frozen=True, kw_only=True):
    session_id: SessionId
    count: int
    made_at: datetime
    terminal_id: TerminalId
    outlet: int
    terms_id: str
    key_check: bytes
    starting_code: int
    value: int
    state: State
    started_at: datetime | None
    stop_asked_at: datetime | None
    appliance_id: ApplianceId
    currency: str
    credit_minor: int
    site_id: SiteId
    online: bool
    burnt_at: datetime | None
    now: datetime

    @property
    def taken_back(self) -> bool:
        """Whether its end was asked for before its time was over."""
        return self.stop_asked_at is not None and self.stop_asked_at < self.made_at + PROMISE_LIFE

    def standing(self) -> OfflineState:
        """What became of the code so far."""
        if self.state is State.RELEASED:
            return OfflineState.RETURNED
        if self.state is not State.PROMISED or self.burnt_at is not None:
            return OfflineState.USED
        over = self.stop_asked_at is not None or self.now >= self.made_at + PROMISE_LIFE
        return OfflineState.ENDING if over else OfflineState.LIVE


async def place_of(
    access: Access, operator: OperatorId, appliance: ApplianceId, outlet: int
) -> OfflinePlace | None:
    """Which terminal drives this outlet; None where the operator has none such."""
    found = many(await access.fetch(_PLACE, operator, appliance, outlet), OfflinePlace)
    return found[0] if found else None


async def codes_of(
    access: Access, keyring: Keyring, operator: OperatorId, customer: CustomerId
) -> list[OfflineCode]:
    """A customer's codes that hold money, and those of the last day; the newest first."""
    return await _codes(access, keyring, operator, customer, None)


async def code_of(
    access: Access, keyring: Keyring, operator: OperatorId, customer: CustomerId, session: SessionId
) -> OfflineCode | None:
    """One of a customer's codes, however old; None where there is none such, or it is another's."""
    return next(iter(await _codes(access, keyring, operator, customer, session)), None)


async def _codes(
    access: Access, keyring: Keyring, operator: OperatorId, customer: CustomerId, session: SessionId | None
) -> list[OfflineCode]:
    rows = many(await access.fetch(_CODES, operator, customer, session), _Row)
    return [_code(keyring, operator, customer, row) for row in rows]


def _code(keyring: Keyring, operator: OperatorId, customer: CustomerId, row: _Row) -> OfflineCode:
    state, digits = row.standing(), ""
    if state is OfflineState.LIVE:
        secret = keys.key_hex(keyring, row.terms_id, row.key_check)
        digits = "" if secret is None else keys.digits_of(secret, row.starting_code, row.value, row.count)
    return OfflineCode(
        session=row.session_id,
        digits=digits,
        state=state,
        operator=operator,
        customer=customer,
        appliance=row.appliance_id,
        terminal=row.terminal_id,
        outlet=row.outlet,
        site=row.site_id,
        credit_minor=row.credit_minor,
        currency=row.currency,
        link_down=not row.online,
        made_at=row.made_at,
        expires_at=row.made_at + PROMISE_LIFE,
        taken_back=row.taken_back,
    )
