"""Connections that come in, each with its place: how they are accepted, and when their phases change."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coinslot.app.connections import Connections, Phase, Place
from coinslot.web.streams import CONNECTION

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

log = logging.getLogger(__name__)

MOST_HEAD_BYTES: Final = 32 * 1024
MOST_PIPELINED: Final = 16
"""Requests sent before the first is answered; browsers send none so."""
_PROGRESS_BYTES: Final = 64 * 1024
_AT_ONCE: Final = 64
"""Accepted before anything else gets its turn."""
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BREATH_S: Final = 0.1


class GuardedHttp(HttpToolsProtocol):
    """HTTP/1.1 that tells its place what it is waiting for."""

    def __init__(self, config: Config, state: ServerState, place: Place) -> None:
        super().__init__(config, state, {})
        self._place = place
        self._bytes = 0
        """Since the last head was complete."""
        self._body_bytes = 0
        """Since the last progress."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The place is ours from now on."""
        super().connection_made(transport)
        self._place.taken(transport.abort)
        self._place.enter(Phase.HEAD)
        if self._place.phase is None:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The place is free."""
        self._place.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A head has an end, in bytes as in time."""
        if self.transport.is_closing():
            return
        self._bytes += len(data)
        super().data_received(data)
        # Looked at afterwards: one chunk may hold the whole head and much of a body.
        if self._place.phase in (Phase.HEAD, Phase.KEPT) and self._bytes > MOST_HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: {"held": self._place}}
        if self._place.phase is Phase.KEPT:
            self._place.enter(Phase.HEAD)

    def on_headers_complete(self) -> None:
        """Its head is here."""
        if len(self.pipeline) >= MOST_PIPELINED:
            self._place.cut()
            return
        self._bytes = self._body_bytes = 0
        if self._place.phase in (Phase.HEAD, Phase.KEPT):
            self._place.enter(Phase.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body is here."""
        if self._place.phase is Phase.BODY:
            self._body_bytes += len(body)
            if self._body_bytes > _PROGRESS_BYTES:
                self._body_bytes = 0
                self._place.enter(Phase.BODY)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._bytes = 0
        if self._place.phase is Phase.BODY:
            self._place.enter(Phase.WORKING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is answered."""
        waiting = bool(self.pipeline)
        super().on_response_complete()
        if self.transport.is_closing():
            self._place.enter(Phase.ENDING)
        elif waiting:
            self._place.enter(Phase.BODY if self.cycle.more_body else Phase.WORKING)
        else:
            self._place.enter(Phase.KEPT)

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        super().send_400_response(msg)
        self._place.enter(Phase.ENDING)

    def shutdown(self) -> None:
        """The server stops."""
        super().shutdown()
        if self.transport.is_closing():
            self._place.enter(Phase.ENDING)

    def timeout_keep_alive_handler(self) -> None:
        """No further request has come."""
        super().timeout_keep_alive_handler()
        self._place.enter(Phase.ENDING)

    def _unsupported_upgrade_warning(self) -> None:
        """Any scanner asks for upgrades; the request is answered without."""

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            self.transport.close()
            self._place.enter(Phase.ENDING)


class Acceptor:
    """Takes connections from a listening socket while there are places; looks to uvicorn like its own server."""

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[Place], asyncio.Protocol],
        connections: Connections,
        source: Callable[[str], str | None],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._make = make
        self._connections = connections
        self._source = source
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[None]] = set()
        self._closed = False

    def open(self) -> None:
        """Begin."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Take no more, and nobody who has not shaken hands."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener)
            self._listener.close()
            for task in self._coming:
                task.cancel()

    async def wait_closed(self) -> None:
        """Until the last handshake is over."""
        if self._coming:
            await asyncio.wait(self._coming)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._breathe(error)
                    return
                continue  # the peer has left the queue
            place = self._connections.admit(self._source(str(address[0])))
            if place is None:
                connection.close()
                continue
            task = self._loop.create_task(self._take(connection, place))
            place.taken(task.cancel)
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)

    def _breathe(self, error: OSError) -> None:
        log.warning("no room for another connection (%s); those that wait longest are cut", error.strerror)
        self._connections.shed(_AT_ONCE)
        self._loop.remove_reader(self._listener)
        self._loop.call_later(_BREATH_S, self._again)

    def _again(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept)

    async def _take(self, connection: socket.socket, place: Place) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                lambda: self._make(place),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else Phase.HANDSHAKE.value,
            )
        except OSError:
            # Whoever hangs up or speaks no TLS is no news: every scanner does.
            place.leave()
            connection.close()
        except asyncio.CancelledError:
            place.cut()
            connection.close()
            raise
