"""Our own connections to the broker: they come back by themselves, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client

log = logging.getLogger(__name__)

_RECONNECT_WAIT_S = 0.25  # a restarted broker listens again after 0.03 s
_PING_S = 5
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
