"""One terminal that is followed: its messages as they pass, and the wish that it reads its meter quickly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from coinslot.wire import codec
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Ack, Config, Configure, Readings, Start, Stop
from coinslot.wire.topics import Channel, subject

log = logging.getLogger(__name__)

WATCH_S: Final = 45
"""How long a terminal reads quickly when asked to."""
ASK_EVERY_S: Final = 30.0
"""Then it is asked again: each time costs some hundred bytes of a SIM card's month."""

OnReadings: TypeAlias = Callable[[TerminalId, Readings], None]
OnChange: TypeAlias = Callable[[TerminalId], None]


class Following:
    """Subscribed to one terminal from `open` to `close`."""

    def __init__(
        self, client: Client, terminal: TerminalId, on_readings: OnReadings, on_change: OnChange
    ) -> None:
        self._client = client
        self._terminal = terminal
        self._on_readings = on_readings
        self._on_change = on_change
        self._subscriptions: list[Subscription] = []

    @property
    def opened(self) -> int:
        """Subscriptions held."""
        return len(self._subscriptions)

    async def open(self) -> None:
        """Subscribe to what the terminal says and to what it is told; again what failed before."""
        calls = ((Channel.UP, self._up), (Channel.DOWN, self._down))
        for channel, call in calls[len(self._subscriptions) :]:
            try:
                made = await self._client.subscribe(subject(self._terminal, channel), cb=call)
            except NatsError as error:
                log.warning("terminal %s is not followed now: %s", self._terminal, error)
                return
            self._subscriptions.append(made)

    async def close(self) -> None:
        """Let go. A broker that is away is no error: it forgets by itself."""
        taken, self._subscriptions = self._subscriptions, []
        for subscription in taken:
            try:
                await subscription.unsubscribe()
            except NatsError as error:
                log.info("terminal %s: left without a word to the broker: %s", self._terminal, error)

    async def _up(self, message: Msg) -> None:
        if b'"readings"' not in message.data:
            return  # records and the rest: what they come to is in the database before their ack
        try:
            said = codec.decode_up(message.data)
        except codec.WireError as error:
            log.info("terminal %s: %s", self._terminal, error)
            return
        if isinstance(said, Readings):
            self._on_readings(self._terminal, said)

    async def _down(self, message: Msg) -> None:
        try:
            said = codec.decode_down(message.data)
        except codec.WireError as error:
            log.info("to terminal %s: %s", self._terminal, error)
            return
        if isinstance(said, Ack | Start | Stop):
            self._on_change(self._terminal)


class Asking:
    """Asks terminals to read quickly, each at most every `ASK_EVERY_S` on one link, however many watch it."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client = client
        self._config = config
        self._asked: dict[TerminalId, tuple[int, float]] = {}

    async def ask(self, terminal: TerminalId, link: int, now_s: float) -> None:
        """Ask, unless it has been asked on this link lately. `now_s` is the loop's time."""
        asked = self._asked.get(terminal)
        if asked is not None and asked[0] >= link and now_s < asked[1] + ASK_EVERY_S:
            return
        if not self._client.is_connected:
            return  # what waited for the broker would be for a link that is over by then
        # The whole of the settings goes along, so they are those of the welcome.
        message = Configure(link=link, config=self._config, watch_s=WATCH_S)
        try:
            await self._client.publish(subject(terminal, Channel.DOWN), codec.encode(message))
        except NatsError as error:
            log.warning("terminal %s is not asked for quick readings now: %s", terminal, error)
            return
        self._asked[terminal] = (link, now_s)

    def forget(self, now_s: float) -> None:
        """Drop what says nothing any more."""
        self._asked = {
            terminal: asked for terminal, asked in self._asked.items() if now_s < asked[1] + ASK_EVERY_S
        }
