"""Ending a terminal's live connection at once, when its secret is revoked or changed."""

from __future__ import annotations

import logging

import msgspec
from msgspec import Struct
from nats.aio.client import Client

from coinslot.link.nodes import ask_nodes
from coinslot.wire.ids import TerminalId

log = logging.getLogger(__name__)


class _Connection(Struct, frozen=True):
    cid: int


class _Server(Struct, frozen=True):
    id: str


class _Connections(Struct, frozen=True):
    connections: list[_Connection] = []


class _Answer(Struct, frozen=True):
    server: _Server
    data: _Connections = _Connections()


_ASK_S = 2.0


async def kick(system: Client, terminal: TerminalId) -> int:
    """End this terminal's connections on every broker node; how many were ended.

    `system` is logged in to the system account.
    """
    ended = 0
    for data in await ask_nodes(system, "CONNZ", {"mqtt_client": terminal, "auth": True}):
        answer = msgspec.json.decode(data, type=_Answer)
        for connection in answer.data.connections:
            body = msgspec.json.encode({"cid": connection.cid})
            await system.request(f"$SYS.REQ.SERVER.{answer.server.id}.KICK", body, timeout=_ASK_S)
            ended += 1
            log.info("ended the connection of terminal %s", terminal)
    return ended
