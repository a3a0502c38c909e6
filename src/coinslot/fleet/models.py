"""What a fleet is made of, as it is read from the store."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from coinslot.wire.ids import ApplianceId, OperatorId, SiteId, TariffId, TerminalId


class Operator(Struct, frozen=True, kw_only=True):
    """Who runs appliances and is paid for them; everything else belongs to one operator."""

    operator_id: OperatorId
    name: str
    currency: str
    timezone: str
    help_phone: str
    created_at: datetime


class Site(Struct, frozen=True, kw_only=True):
    """A place where appliances stand."""

    operator_id: OperatorId
    site_id: SiteId
    name: str
    timezone: str
    created_at: datetime
    offline_credit_minor: int = 0
    """What a code for the time without a link is good for; 0: there are none."""


class Appliance(Struct, frozen=True, kw_only=True):
    """What people use; `code` is public and in its QR."""

    operator_id: OperatorId
    appliance_id: ApplianceId
    site_id: SiteId
    kind: str
    name: str
    code: str
    room: str
    """Where its guests are, such as 801; empty where that says nothing."""
    closed: bool
    """Taken out of service by its operator: nobody can start it."""
    keypad: bool
    """Codes can be typed there. Without one none is made for it."""
    created_at: datetime


class Outlet(Struct, frozen=True, kw_only=True):
    """One tap, shower or socket: which terminal drives it and what it costs."""

    operator_id: OperatorId
    appliance_id: ApplianceId
    terminal_id: TerminalId
    outlet: int
    name: str
    tariff_id: TariffId | None
    """None: no price, so it cannot be started. Never free by accident."""
    meter_spec: str


class Terminal(Struct, frozen=True, kw_only=True):
    """A controller and how it stands on the link."""

    operator_id: OperatorId
    terminal_id: TerminalId
    site_id: SiteId
    name: str
    claimed_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    online: bool
    firmware: str
    seen_at: datetime | None
    """When it last said something new about itself, or fell silent."""


class TariffVersion(Struct, frozen=True, kw_only=True):
    """One version of a tariff, as text; `tariffs` parses it."""

    operator_id: OperatorId
    tariff_id: TariffId
    name: str
    version: int
    body: str
    created_at: datetime


class ApiKey(Struct, frozen=True, kw_only=True):
    """A program's key without the key."""

    operator_id: OperatorId
    api_key_id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None
