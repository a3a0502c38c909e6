"""API keys at the door: whose they are, looked up at most once in five seconds each."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from coinslot.fleet.api_keys import key_owner
from coinslot.fleet.secrets import API_KEY_PREFIX, hash_secret
from coinslot.web.problems import Problem
from coinslot.wire.ids import OperatorId

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = ASGIConnection[BaseRouteHandler, OperatorId, str, State]

KEPT_S: Final = 5.0
"""A revoked key works for at most this long; a lookup for every request costs a round trip on the hot path."""
_MOST_KEPT: Final = 4096
_BEARER = re.compile(rf"[Bb]earer +({API_KEY_PREFIX}[A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True, slots=True)
class _Known:
    operator: OperatorId
    until_s: float


class ApiKeys:
    """Finds the operator of a key.

    Kept and compared by the key's hash alone: what a lookup's time could tell is about hashes that the
    caller cannot steer. An unknown key is not remembered, so that one just made works at once.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[bytes, _Known] = {}
        self._asking: dict[bytes, asyncio.Task[OperatorId | None]] = {}

    async def operator_of(self, secret: str) -> OperatorId | None:
        """The operator whose live key this is; None when it is nobody's."""
        digest = hash_secret(secret)
        now_s = asyncio.get_running_loop().time()
        known = self._known.get(digest)
        if known is not None and now_s < known.until_s:
            return known.operator
        # A thousand requests that find the answer too old ask once.
        asking = self._asking.get(digest)
        if asking is None:
            asking = asyncio.create_task(self._ask(secret, digest, now_s))
            self._asking[digest] = asking
            asking.add_done_callback(lambda _: self._asking.pop(digest, None))
        return await asyncio.shield(asking)

    async def _ask(self, secret: str, digest: bytes, now_s: float) -> OperatorId | None:
        self._known.pop(digest, None)
        async with self._pool.acquire() as connection:
            key = await key_owner(connection, secret)
        if key is None:
            return None
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[digest] = _Known(key.operator_id, now_s + KEPT_S)
        return key.operator_id


def key_guard(keys: ApiKeys) -> Guard:
    """A guard that lets in live keys only, and puts their operator into the request's `user`."""

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        match = _BEARER.fullmatch(connection.headers.get("authorization", ""))
        operator = None if match is None else await keys.operator_of(match[1])
        if operator is None:
            raise no_key()
        connection.scope["user"] = operator

    return guard


def no_key() -> Problem:
    """401: which of the reasons it is, is not told."""
    return Problem(
        401,
        "no_key",
        "A key is needed",
        "Send `Authorization: Bearer csk_…` with a live key of your operator.",
        headers={"WWW-Authenticate": "Bearer"},
    )
