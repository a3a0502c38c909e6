"""Who is connected, by the broker's own list: what a broker that died could not tell us."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec
from msgspec import Struct
from nats.aio.client import Client

from coinslot.link.nodes import ask_nodes

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

_PAGE = 1024
_ABSENT = """
    UPDATE terminal_link SET online = false, changed_at = now()
    WHERE online AND changed_at < $1 AND NOT (terminal_id = ANY($2::text[]))
"""


class _Connection(Struct, frozen=True):
    mqtt_client: str = ""


class _Page(Struct, frozen=True):
    connections: list[_Connection] = []


class _Answer(Struct, frozen=True):
    data: _Page = _Page()


async def connected(system: Client) -> set[str]:
    """The terminals that any broker node holds a connection of."""
    found: set[str] = set()
    offset = 0
    while True:
        largest = 0
        for data in await ask_nodes(system, "CONNZ", {"limit": _PAGE, "offset": offset}):
            page = msgspec.json.decode(data, type=_Answer).data
            found |= {connection.mqtt_client for connection in page.connections if connection.mqtt_client}
            largest = max(largest, len(page.connections))
        if largest < _PAGE:
            return found
        offset += _PAGE


async def mark_absent(pool: Pool, system: Client) -> int:
    """Note as offline whoever is not connected; how many. A hello that comes meanwhile wins.

    A nats.errors.Error, and nobody noted, when the broker does not say who is connected.
    """
    asked_at = await pool.fetchval("SELECT clock_timestamp()")
    present = await connected(system)
    status = await pool.execute(_ABSENT, asked_at, sorted(present))
    return int(status.rsplit(" ", 1)[1])
