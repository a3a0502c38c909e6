"""Our own connections to the broker: they come back by themselves, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError

log = logging.getLogger(__name__)

_RECONNECT_WAIT_S = 0.25  # a restarted broker listens again after 0.03 s
_PING_S = 5
_ANSWERED_LATE_S = 60
"""Longer than the client waits before it takes a silent broker for gone: 5 s, three times."""
_FIRST_S = 10.0  # the client would try a first connection for ever, and whoever starts a server never hear


async def connect(
    url: str,
    *,
    user: str,
    password: str,
    name: str,
    on_return: Callable[[], Awaitable[None]] | None = None,
) -> Client:
    """A connected client. `on_return` is called after every reconnection.

    nats.errors.Error or OSError when the first connection fails.
    """

    async def reconnected() -> None:
        log.info("%s: the broker is back", name)
        if on_return is not None:
            await on_return()

    async def disconnected() -> None:
        if not client.is_closed:  # told of our own leaving, too
            log.warning("%s: the broker is gone, trying again", name)

    async def failed(error: Exception) -> None:
        log.info("%s: %r", name, error)

    client = Client()
    first = client.connect(
        url,
        user=user,
        password=password,
        name=name,
        max_reconnect_attempts=-1,
        reconnect_time_wait=_RECONNECT_WAIT_S,  # type: ignore[arg-type]  # slept for, so a float will do
        ping_interval=_PING_S,
        reconnected_cb=reconnected,
        disconnected_cb=disconnected,
        error_cb=failed,
    )
    try:
        await asyncio.wait_for(first, _FIRST_S)
    except TimeoutError:
        await client.close()
        raise TimeoutError(f"no connection to the broker at {url} within {_FIRST_S:.0f} s") from None
    return client


class Answering:
    """Asks the broker for a sign of life, as often as anybody likes.

    The client stops reading for good when an answer comes after its flush has given up: the broker was slow for a
    second, and the server deaf for fifteen. So a question waits until it is answered or its connection is gone,
    whoever has lost patience meanwhile, and all who ask share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked: asyncio.Task[None] | None = None
        self._connection = 0
        """Of how many that we had, when that was asked."""

    async def within(self, seconds: float) -> None:
        """Return when the broker has answered; ConnectionError or TimeoutError when it does not."""
        if not self._client.is_connected:
            raise ConnectionError("not connected to the broker")
        connection = self._client.stats["reconnects"]
        if self._asked is None or self._asked.done() or self._connection != connection:
            self._asked, self._connection = asyncio.create_task(self._ask()), connection
            self._asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        asked = self._asked
        if not (await asyncio.wait([asked], timeout=seconds))[0]:
            raise TimeoutError(f"the broker did not answer within {seconds:g} s")
        try:
            asked.result()
        except NatsError as error:
            raise ConnectionError(str(error)) from error

    async def _ask(self) -> None:
        await self._client.flush(timeout=_ANSWERED_LATE_S)
