"""The sandbox's one server: providers, the payer's phone, and its own controls; on loopback, and elsewhere if asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.controls import Controls
from coinslot.sandbox.providers.http import Application, Route
from coinslot.sandbox.providers.phone import Phone, Till
from coinslot.sandbox.providers.retries import Retries
from coinslot.sandbox.providers.switches import Switches

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication
    from uvicorn.server import ServerState

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 256
_GRACE_S: Final = 1


class ProviderSandbox(Protocol):
    """One provider's wire, to be put into a server."""

    name: str
    till: Till
    """Its orders, for payers."""
    retries: Retries
    """Its notifications."""

    def routes(self) -> tuple[Route, ...]:
        """What it answers."""

    def change_key(self) -> dict[str, str]:
        """Sign with a new key from now on; its public half as the merchant's settings want it, by setting."""

    def attach(self, url: str, wire_url: str) -> None:
        """The server's addresses are known now: payers' phones find it at `url`, which codes and links for them hold;
        merchants' programs at `wire_url`."""


class SandboxServer:
    """`async with SandboxServer(...) as server:` serves until the block ends.

    Its parts are made first (`clock`, `switches`), handed to the providers, and those are added before the start.
    `port` 0 is any free one. It listens on loopback, where the merchant's adapters take plain HTTP, and at `host` too
    if that is elsewhere; `public_url` is where payers' phones reach it then.
    """

    def __init__(
        self,
        *,
        clock: SandboxClock,
        switches: Switches,
        host: str = LOOPBACK,
        port: int = 0,
        public_url: str = "",
    ) -> None:
        self.clock = clock
        self.switches = switches
        self.url = ""
        """On loopback; known once started."""
        self._host = host
        self._port = port
        self._public_url = public_url.rstrip("/")
        self._application = Application()
        self._phone = Phone()
        self._controls = Controls(clock, switches)
        self._providers: list[ProviderSandbox] = []
        self._application.add(self._phone.routes())
        self._application.add(self._controls.routes())

    @property
    def phones_url(self) -> str:
        """Where payers' phones find it."""
        return self._public_url or self.url

    def add(self, provider: ProviderSandbox) -> None:
        """One more provider; paths of earlier ones come first."""
        self._providers.append(provider)
        self._phone.add(provider.till)
        self._controls.add(provider.name, provider.retries, provider.change_key)
        self._application.add(provider.routes())

    async def __aenter__(self) -> Self:
        listeners = _listeners(self._host, self._port)
        self.url = f"http://{LOOPBACK}:{listeners[0].getsockname()[1]}"
        for provider in self._providers:
            provider.attach(self.phones_url, self.url)
        config = uvicorn.Config(
            # uvicorn spells the same protocol with types of its own.
            cast("ASGIApplication", self._application),
            http=_SaysNothing,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Quiet(config)
        self._tasks = [
            asyncio.create_task(self._server.serve(listeners), name="sandbox"),
            asyncio.create_task(self.clock.run(), name="sandbox clock"),
        ]
        started = asyncio.create_task(self._server.taking.wait())
        await asyncio.wait([started, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        for task in self._tasks:
            if task.done():
                task.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._application.end()
        self._server.ending.set()
        serving, clock = self._tasks
        await asyncio.wait([serving])
        clock.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await clock
        serving.result()

    async def serve(self) -> None:
        """Until cancelled; for a process of its own, after the block was entered."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)


def _listeners(host: str, port: int) -> list[socket.socket]:
    """Loopback first, and one more if `host` is not part of that. OSError when an address cannot be had."""
    if host == "0.0.0.0":
        return [socket.create_server((host, port), backlog=_BACKLOG)]
    first = socket.create_server((LOOPBACK, port), backlog=_BACKLOG)
    if host in (LOOPBACK, "localhost"):
        return [first]
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        second = socket.create_server((host, first.getsockname()[1]), family=family, backlog=_BACKLOG)
    except OSError:
        first.close()
        raise
    return [first, second]


class _SaysNothing(HttpToolsProtocol):
    """Logs no requests, whoever listens: their addresses hold secrets of the merchant's, as the real wires have it."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = False


class _Quiet(uvicorn.Server):
    """Leaves the process's signals alone, and tells when it takes requests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.taking = asyncio.Event()
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own matter."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.taking.set()

    async def main_loop(self) -> None:
        """Until the end, without looking at it ten times a second."""
        await self.ending.wait()
