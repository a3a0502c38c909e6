"""What the routes work with; made once per process by whoever serves them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.keyring import Keyring
from coinslot.people.notices import Notifier
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.starter import Starter
from coinslot.web.live.board import LiveBoard
from coinslot.web.streams import Streams
from coinslot.web.wall.port import WallPort

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    BrokerCheck: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalDoor:
    """Where terminals connect, as they are told when they are claimed."""

    mqtt_host: str
    """Empty: the host under which the claim reached us."""
    mqtt_port: int
    tls: bool
    ca: str | None
    """The CA to pin, PEM; none for a public certificate or no TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The one argument of every route."""

    pool: Pool
    starter: Starter
    door: TerminalDoor
    check_broker: BrokerCheck
    """Returns when the broker has answered; OSError or TimeoutError otherwise."""
    keyring: Keyring
    notifier: Notifier
    """Sends login codes at once; what can wait goes through the outbox."""
    live: LiveBoard
    """What the terminals say about sessions that somebody watches."""
    streams: Streams
    """The open event streams of this process."""
    payments: PaymentDoor | None = None
    """Where money is collected and returned; None: only cash at the counter."""
    public_url: str = ""
    """How customers' phones reach the pages; empty: as each request came."""
    demo: bool = False
    wall: WallPort | None = None
    """The simulated appliances of a demo; none anywhere else."""
