"""The HTTP server inside our own event loop: bound before it is announced, stopped when we say so."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from litestar import Litestar

from coinslot.app.errors import Problem

BACKLOG: Final = 2048
_GRACE_S: Final = 1  # what was asked is answered within milliseconds; only a stalled peer takes longer
_KEEP_ALIVE_S: Final = 30


class _Quiet(uvicorn.Server):
    """uvicorn without its hands on the process's signals, telling when it takes requests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.taking = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own matter."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.taking.set()


class HttpServer:
    """Serves an application from `start` to `stop`."""

    def __init__(self, app: Litestar, host: str, port: int) -> None:
        self._app = app
        self._address = (host, port)
        self.url = ""
        """Known once started, the port with it."""

    async def start(self) -> None:
        """Bind and take requests. Problem when the address cannot be had."""
        host, port = self._address
        listener = _bind(host, port)
        port = int(listener.getsockname()[1])
        self.url = f"http://{_shown(host)}:{port}"
        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Quiet(config)
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


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, every event loop sets TCP_NODELAY on what it accepts here.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Problem(
            f"cannot listen on {_shown(host)}:{port}: {error.strerror}",
            "Choose another port with --port or COINSLOT_HTTP_PORT (0 for any free one).",
        ) from error
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
