"""Customers and staff, as they are read from the store."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from coinslot.people.rules import Role
from coinslot.wire.ids import CustomerId, OperatorId, StaffId


class Customer(Struct, frozen=True, kw_only=True):
    """Somebody who uses one operator's appliances."""

    operator_id: OperatorId
    customer_id: CustomerId
    name: str
    phone: str | None
    card_no: str | None
    """Printed on the customer's card; None where there is none."""
    blocked_at: datetime | None
    created_at: datetime


class Staff(Struct, frozen=True, kw_only=True):
    """Somebody who works for an operator; the password's hash is never read into it."""

    operator_id: OperatorId
    staff_id: StaffId
    login: str
    name: str
    role: Role
    disabled_at: datetime | None
    created_at: datetime
