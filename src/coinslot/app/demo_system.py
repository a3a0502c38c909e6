"""The hotel's own system in the demo: takes webhooks as docs/webhooks.md asks, and keeps what it was told."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections import deque
from types import TracebackType
from typing import Final, Self

import msgspec
from litestar import Litestar, Request, Response, post
from litestar.datastructures import State
from msgspec import Struct

from coinslot.app.demo_address import free_port
from coinslot.app.errors import Problem
from coinslot.app.http import HttpOptions, HttpServer
from coinslot.web.wall.rooms import ToldShown

HOST: Final = "127.0.0.1"
USUAL_PORT: Final = 8095
PATH: Final = "/coinslot"
_KEPT: Final = 30
_TOLERANCE_S: Final = 300
_MOST_BYTES: Final = 256 * 1024


class _Where(Struct, frozen=True):
    room: str = ""


class _Money(Struct, frozen=True):
    amount_minor: int = 0


class _Data(Struct, frozen=True):
    """What it reads of a message; everything else is skipped, whatever is added later."""

    appliance: _Where | None = None
    currency: str = ""
    charge_minor: int | None = None
    amount_minor: int | None = None
    payment: _Money | None = None


class _Message(Struct, frozen=True):
    type: str
    data: _Data


class HotelSystem:
    """`async with HotelSystem()`: it listens at `url`; `secret` is its operator's to enter."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        """As the endpoint's owner wrote it down; while it is empty no message is believed."""
        self._told: deque[ToldShown] = deque(maxlen=_KEPT)
        self._ids: deque[str] = deque(maxlen=1000)
        self._count = 0
        self._server: HttpServer

    def told(self) -> tuple[ToldShown, ...]:
        """The latest messages, the newest last."""
        return tuple(self._told)

    async def __aenter__(self) -> Self:
        try:
            await self._listen(free_port(HOST, USUAL_PORT))
        except Problem:
            await self._listen(0)  # somebody was quicker
        self.url = f"{self._server.url}{PATH}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()

    async def _listen(self, port: int) -> None:
        @post(PATH, status_code=204, request_max_body_size=_MOST_BYTES)
        async def take(request: Request[object, object, State]) -> Response[None]:
            body = await request.body()
            right = self.take(dict(request.headers), body, time.time())
            return Response(None, status_code=204 if right else 401)

        app = Litestar([take], openapi_config=None, logging_config=None)
        self._server = HttpServer(app, HttpOptions(host=HOST, port=port))
        await self._server.start()

    def take(self, headers: dict[str, str], body: bytes, now_s: float) -> bool:
        """Note a message; whether it is ours. One that is not is shown too: somebody should know of it."""
        right = verified(self.secret, headers, body, now_s)
        try:
            message = msgspec.json.decode(body, type=_Message)
        except msgspec.DecodeError:
            message, right = _Message("", _Data()), False
        key, data = headers.get("webhook-id", ""), message.data if right else _Data()
        paid = None if data.payment is None else data.payment.amount_minor
        amounts = (data.charge_minor, data.amount_minor, paid)
        self._count += 1
        self._told.append(
            ToldShown(
                number=self._count,
                at_ms=int(now_s * 1000),
                right=right,
                kind=message.type if right else "",
                room="" if data.appliance is None else data.appliance.room,
                amount_minor=next((one for one in amounts if one is not None), None),
                currency=data.currency,
                again=right and key in self._ids,
            )
        )
        if right:
            self._ids.append(key)
        return right


def verified(secret: str, headers: dict[str, str], body: bytes, now_s: float) -> bool:
    """Whether one of the message's signatures is right and its time is near."""
    sent = headers.get("webhook-timestamp", "")
    if not secret or not (sent.isascii() and sent.isdecimal()) or abs(now_s - int(sent)) > _TOLERANCE_S:
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    signatures = (each.partition(",") for each in headers.get("webhook-signature", "").split())
    return any(
        version == "v1" and hmac.compare_digest(signature.encode(), wanted)
        for version, _, signature in signatures
    )
