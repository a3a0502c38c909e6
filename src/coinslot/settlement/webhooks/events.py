"""The JSON of the events. A field is never taken away or given another meaning within a version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

VERSION: Final = 1


class Named(Struct, frozen=True, kw_only=True):
    """Something with an id and a name."""

    id: str
    name: str


class ApplianceTold(Struct, frozen=True, kw_only=True):
    """Which appliance; `room` as it was entered, empty where there is none."""

    id: str
    code: str
    name: str
    kind: str
    room: str


class Package(Struct, frozen=True, kw_only=True):
    """What a guest picked on the appliance."""

    id: str
    title: str


class Share(Struct, frozen=True, kw_only=True):
    """One party's part of the charge; `party` "operator" is what is left to the operator."""

    party: str
    name: str
    amount_minor: int


class PaymentTold(Struct, frozen=True, kw_only=True):
    """A payment: our number of it, and the provider's own."""

    number: str
    provider: str
    provider_number: str
    merchant: str
    channel: str
    amount_minor: int
    paid_at: datetime | None


class SessionSettled(Struct, frozen=True, kw_only=True):
    """A use is over. Amounts are minor units of `currency`."""

    session: str
    state: str
    """settled: used and charged; released: given back unused; late: used, but told too late to be charged at once."""
    site: Named
    appliance: ApplianceTold
    outlet: int
    package: Package | None
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    settled_at: datetime
    duration_ms: int | None
    stop_reason: str | None
    usage: Mapping[str, int]
    """By register: ml, s, wh, count."""
    currency: str
    held_minor: int
    """What was paid, or set aside in a wallet, before it began."""
    charge_minor: int
    captured_minor: int
    """What was taken of it."""
    refund_minor: int
    """What goes back: to the payer by a refund of its own, or to the wallet at once."""
    owed_minor: int
    """Of usage after a release: what the customer owes now."""
    shares: tuple[Share, ...]
    payment: PaymentTold | None
    """What it was paid by on the appliance; null where a wallet paid."""


class PaymentReceived(Struct, frozen=True, kw_only=True):
    """A provider has confirmed that money arrived."""

    payment: PaymentTold
    purpose: str
    """direct_session: for one use; topup: onto a wallet."""
    mark: str
    """Empty when it is what was asked for; late, duplicate or unwanted money goes back by itself."""
    currency: str
    site: Named | None
    appliance: ApplianceTold | None
    package: Package | None
    session: str | None
    """The use it pays for, where that has begun."""


class RefundDone(Struct, frozen=True, kw_only=True):
    """A provider has confirmed that money went back to the payer."""

    refund: str
    provider_number: str | None
    why: str
    currency: str
    amount_minor: int
    requested_at: datetime
    done_at: datetime | None
    payment: PaymentTold
    site: Named | None
    appliance: ApplianceTold | None
    session: str | None


class Test(Struct, frozen=True, kw_only=True):
    """Somebody of the operator's staff wanted to see whether messages arrive."""

    endpoint: str


Told = SessionSettled | PaymentReceived | RefundDone | Test


class Message(Struct, frozen=True, kw_only=True):
    """What is sent: `type` says what `data` holds."""

    type: str
    version: int = VERSION
    id: str
    timestamp: datetime
    """When it happened, not when it was sent."""
    operator: Named
    data: Told
