"""What the routes work with; made once per process by whoever serves them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.settlement.starter import Starter
from coinslot.web.streams import Streams

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
    streams: Streams = field(default_factory=Streams)
    """The live views of this process."""
