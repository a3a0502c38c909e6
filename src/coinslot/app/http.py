"""The HTTP server inside our own event loop: bound before it is announced, stopped when we say so."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import uvicorn
from litestar.types import ASGIApp

from coinslot.addresses import source_of
from coinslot.app.connections import Connections, Phase, Place
from coinslot.app.errors import Problem
from coinslot.app.guarded import Acceptor, GuardedHttp
from coinslot.app.proxies import BehindProxies, Trust

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

BACKLOG: Final = 2048
_GRACE_S: Final = 1  # what was asked is answered within milliseconds; only a stalled peer takes longer


class _Quiet(uvicorn.Server):
    """uvicorn without its hands on the process's signals, behind our own door, telling when it takes requests."""

    def __init__(
        self, config: uvicorn.Config, connections: Connections, trust: Trust, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(config)
        self.taking = asyncio.Event()
        self._connections = connections
        self._trust = trust
        self._tls = tls

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own matter."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door, and say so."""
        acceptors = [
            Acceptor(listener, self._make, self._connections, self._source, self._tls)
            for listener in sockets or ()
        ]
        self.servers = cast("list[asyncio.base_events.Server]", acceptors)
        for acceptor in acceptors:
            acceptor.open()
        self.started = True
        self.taking.set()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        self._connections.sweep()
        return await super().on_tick(counter)

    def _make(self, place: Place) -> GuardedHttp:
        return GuardedHttp(self.config, self.server_state, place)

    def _source(self, address: str) -> str | None:
        """A proxy of ours brings everybody's requests."""
        return None if address in self._trust else source_of(address)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Where and how HTTP is served."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one."""
    tls: tuple[Path, Path] | None = None
    """Certificate with its chain, and key: PEM files."""
    trust: Trust = field(default_factory=Trust)
    connections: Connections = field(default_factory=Connections)
    """How many may be open, in all and for one address."""


class HttpServer:
    """Serves an application from `start` to `stop`."""

    def __init__(self, app: ASGIApp, options: HttpOptions) -> None:
        self._app = app
        self._options = options
        self.url = ""
        """Known once started, the port with it."""

    async def start(self) -> None:
        """Bind and take requests. Problem when the address cannot be had or the certificate not used."""
        options = self._options
        tls = None if options.tls is None else server_context(*options.tls)
        listener = _bind(options.host, options.port)
        port = int(listener.getsockname()[1])
        self.url = f"{'http' if tls is None else 'https'}://{_shown(options.host)}:{port}"
        config = uvicorn.Config(
            # Litestar spells the same protocol with types of its own.
            cast("ASGIApplication", BehindProxies(self._app, options.trust)),
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(Phase.KEPT.value),
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Quiet(config, options.connections, options.trust, tls)
        self.task = asyncio.create_task(self._server.serve([listener]), name="http")
        taking = asyncio.create_task(self._server.taking.wait())
        await asyncio.wait([self.task, taking], return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            taking.cancel()
            self.task.result()

    async def stop(self) -> None:
        """Take no more requests, answer those that are here, at most for a second."""
        self._server.should_exit = True
        await asyncio.wait([self.task])
        self._options.connections.cut_all()


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later with this certificate. Problem when the two files cannot be used together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A password would be asked for on a terminal that nobody sits at.
        context.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise Problem(
            f"`http_tls_cert` {cert} and `http_tls_key` {key} cannot be used: {error}",
            "Give the certificate with its chain and its own key, both PEM, the key without a password.",
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a password")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Problem(
            f"cannot listen on {_shown(host)}:{port}: {error.strerror}",
            "Choose another port with --port or COINSLOT_HTTP_PORT (0 for any free one).",
        ) from error
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
