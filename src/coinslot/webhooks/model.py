"""Endpoints, deliveries and attempts as they are stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from coinslot.wire.ids import OperatorId, SiteId


class EventKind(StrEnum):
    """What can be told."""

    SESSION_SETTLED = "session.settled"
    """A use is over: charged, or given back."""
    PAYMENT_RECEIVED = "payment.received"
    """A provider has confirmed that money arrived."""
    REFUND_DONE = "refund.done"
    """A provider has confirmed that money went back."""
    TEST = "test"
    """Somebody wanted to see whether messages arrive."""


CHOOSABLE = (EventKind.SESSION_SETTLED, EventKind.PAYMENT_RECEIVED, EventKind.REFUND_DONE)
"""What an endpoint can be told of by itself."""


class DeliveryState(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    """Not sent yet, or to be sent again."""
    DELIVERED = "delivered"
    """The endpoint answered 2xx."""
    DEAD = "dead"
    """Given up, until somebody has it sent again."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where an operator's system listens."""

    operator_id: OperatorId
    endpoint_id: str
    name: str
    url: str
    site_id: SiteId | None
    """Told only of what happened there; None: of everything."""
    kinds: tuple[EventKind, ...]
    generation: int
    """Of its secret: each rotation makes another."""
    rotated_at: datetime | None
    off_since: datetime | None
    off_why: str
    created_at: datetime


class Delivery(Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint."""

    operator_id: OperatorId
    endpoint_id: str
    event_id: str
    kind: EventKind
    about: str
    """The id of the session, payment or refund."""
    state: DeliveryState
    tries: int
    next_at: datetime | None
    status: int | None
    """The last answer's."""
    error: str
    """Why the last try did not count; empty when it did."""
    made_at: datetime
    ended_at: datetime | None


class Attempt(Struct, frozen=True, kw_only=True):
    """One try. `took_ms` None: the sender ended before it knew the outcome."""

    attempt: int
    at: datetime
    took_ms: int | None
    status: int | None
    error: str
    answer: str
    """The beginning of what the endpoint said."""
