"""How a server process is put together, where it is not by default."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from coinslot.keyring import Keyring
from coinslot.people.notices import Notifier
from coinslot.settlement.payments.worker import FindProvider
from coinslot.web.services import TerminalDoor
from coinslot.web.wall.port import WallPort
from coinslot.wire.messages import Config

if TYPE_CHECKING:
    from coinslot.app.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOptions:
    """What this process needs to collect and return money."""

    find: FindProvider
    """The adapter that has a merchant's keys; None where nothing is configured for it. Counters need none."""
    notify_base: str = ""
    """How providers reach this server; empty: as customers' phones do, or where HTTP listens."""
    pages_base: str = ""
    """How guests' phones reach their bills, whose codes appliances show; empty: as customers' phones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions:
    """How a stack is built, where it is not by default."""

    http_host: str = "127.0.0.1"
    http_port: int = 0
    """0: any free one."""
    http_tls: tuple[Path, Path] | None = None
    """Certificate and key for HTTP, PEM files; None: plain."""
    trusted_proxies: tuple[str, ...] = ()
    """Whose X-Forwarded headers are believed."""
    metrics_token: str | None = None
    """Who shows it may read /metrics; None: private addresses may."""
    pool_size: int = 12
    """Connections to the database: a batch of starts, one of records and a sweep use one each at a time."""
    config: Config = field(default_factory=Config)
    """What terminals are told in their welcome."""
    door: TerminalDoor | None = None
    """Where claimed terminals are sent; the broker's own listener by default."""
    keyring: Keyring = field(default_factory=lambda: Keyring(secrets.token_urlsafe(32)))
    """The installation's; by default one that nobody else has and that is forgotten at the end."""
    notifier: Notifier | None = None
    """How customers are told; None: there is no way."""
    webhook_networks: tuple[str, ...] = ()
    """Networks of private addresses that webhooks may call."""
    public_url: str = ""
    """How customers' phones reach the pages; empty: as each request came."""
    payments: PaymentOptions | None = None
    """None: nothing but cash at the counter."""
    demo: bool = False
    wall: Callable[[Stack], WallPort] | None = None
    """Makes the port of the demo's wall, once everything but the web is there."""
