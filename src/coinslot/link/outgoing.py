"""Commands on their way out. Nothing leaves before the commit that owes it; what is lost on the way is
sent again from the session's state, so nothing has to be kept here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from nats.aio.client import Client
from nats.errors import Error as NatsError

from coinslot.settlement.changes import Batch, Send
from coinslot.settlement.points import is_chosen, point
from coinslot.wire import codec
from coinslot.wire.topics import Channel, subject

log = logging.getLogger(__name__)


class Outgoing:
    """Publishes messages for terminals."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send_all(self, batches: Iterable[Batch]) -> None:
        """Send what these committed batches owe."""
        for batch in batches:
            for send in batch.sends:
                await self.send(send)

    async def send(self, send: Send) -> None:
        """Send one message; a broker that is away is no error here, the sweep sends again."""
        try:
            data = codec.encode(send.message)
        except codec.WireError as error:
            log.error("terminal %s: not sent: %s", send.terminal, error)
            return
        kind = type(send.message).__name__.lower()
        try:
            point(f"send.{kind}.before")
            await self._client.publish(subject(send.terminal, Channel.DOWN), data)
            if is_chosen(after := f"send.{kind}.after"):
                await (
                    self._client.flush()
                )  # the client writes a moment later; a kill here would be one before
            point(after)
        except NatsError as error:
            log.warning("terminal %s: not sent now: %s", send.terminal, error)
