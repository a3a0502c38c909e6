"""MQTT 3.1.1 for one terminal: QoS 0, clean session, a will that carries the link's number.

The policy is the core's: when to connect, under which number, when to give up. The library's own
reconnecting is switched off.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Protocol

import gmqtt
from gmqtt.mqtt.constants import MQTTv311
from msgspec import Struct

from coinslot.wire.codec import WireError, encode
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Gone, Up
from coinslot.wire.topics import Channel, topic

if TYPE_CHECKING:
    from coinslot.terminal.agent import Agent

log = logging.getLogger(__name__)
logging.getLogger("gmqtt").setLevel(logging.ERROR)

KEEP_ALIVE_S = 60
CONNECT_S = 20
"""TCP, TLS and CONNACK over 2G took up to 12 s in carriers' own figures; a dead broker is silent for ever."""


class Account(Struct, frozen=True, kw_only=True):
    """Where the broker is and who we are to it."""

    terminal: TerminalId
    secret: str
    host: str
    port: int


class MakeTls(Protocol):
    """Makes the TLS context anew for each connection, with the moment validity is checked at."""

    def __call__(self) -> ssl.SSLContext | None:
        """The context, None for a connection without TLS."""


class MqttConnection:
    """One connection at a time."""

    def __init__(self, account: Account, tls: MakeTls | None = None) -> None:
        self._account = account
        self._tls = tls
        self._agent: Agent | None = None
        self._client: gmqtt.Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._link = 0
        self._up = topic(account.terminal, Channel.UP)
        self._down = topic(account.terminal, Channel.DOWN)
        self._gone = topic(account.terminal, Channel.GONE)
        self._closing: set[asyncio.Task[None]] = set()

    def listen(self, listener: Agent) -> None:
        """Tell this agent what happens."""
        self._agent = listener

    def connect(self, link: int) -> None:
        """Begin to connect under this number; the agent hears `link_up` or `link_down`."""
        self.disconnect()
        self._link = link
        self._task = asyncio.get_running_loop().create_task(self._connect(link))

    def send(self, message: Up) -> None:
        """Publish on our own topic, if there is a connection."""
        client = self._client
        if client is None or not client.is_connected:
            return
        try:
            data = encode(message)
        except WireError as error:
            log.error("a message was too long to send: %s", error)
            return
        client.publish(self._gone if isinstance(message, Gone) else self._up, data, qos=0)

    def disconnect(self) -> None:
        """Drop whatever connection there is; nothing is heard of it any more."""
        self._link = 0
        if self._task is not None:
            self._task.cancel()
            self._task = None
        client, self._client = self._client, None
        if client is not None:
            self._discard(client)

    async def close(self) -> None:
        """Drop it and wait until it is gone."""
        self.disconnect()
        if self._closing:
            await asyncio.wait(self._closing, timeout=2)

    async def _connect(self, link: int) -> None:
        client = self._make(link)
        try:
            async with asyncio.timeout(CONNECT_S):
                await client.connect(
                    self._account.host,
                    self._account.port,
                    ssl=self._tls() or False if self._tls is not None else False,
                    keepalive=KEEP_ALIVE_S,
                    version=MQTTv311,
                )
        except asyncio.CancelledError:
            self._discard(client)
            raise
        except (OSError, ValueError, gmqtt.mqtt.handler.MQTTConnectError) as error:
            # TimeoutError and every ssl.SSLError are OSErrors; ValueError is a broken certificate file.
            log.info("link %d: no connection: %s", link, error or type(error).__name__)
            self._discard(client)
            self._ended(link)
            return
        self._client = client
        client.subscribe(self._down, qos=0)

    def _make(self, link: int) -> gmqtt.Client:
        will = gmqtt.Message(self._gone, encode(Gone(link=link)), qos=0)
        client = gmqtt.Client(self._account.terminal, clean_session=True, will_message=will)
        client.set_auth_credentials(self._account.terminal, self._account.secret)
        client.set_config({"reconnect_retries": 0, "reconnect_delay": 0})

        def subscribed(_client: gmqtt.Client, _mid: int, _qos: object, _properties: object) -> None:
            if link == self._link and self._agent is not None:
                self._agent.link_up(link)

        def received(
            _client: gmqtt.Client, _topic: str, payload: bytes, _qos: int, _properties: object
        ) -> int:
            if link == self._link and self._agent is not None:
                self._agent.received(bytes(payload))
            return 0

        def disconnected(_client: gmqtt.Client, _packet: object, _error: object = None) -> None:
            self._ended(link)

        client.on_subscribe = subscribed
        client.on_message = received
        client.on_disconnect = disconnected
        return client

    def _ended(self, link: int) -> None:
        if link != self._link:
            return
        self.disconnect()
        if self._agent is not None:
            self._agent.link_down(link)

    def _discard(self, client: gmqtt.Client) -> None:
        task = asyncio.get_running_loop().create_task(_drop(client))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _drop(client: gmqtt.Client) -> None:
    try:
        async with asyncio.timeout(2):
            await client.disconnect()
    except (OSError, AttributeError) as error:
        # A client that never got its socket has no connection to drop and says so with AttributeError.
        log.debug("dropping a connection: %s", error)
