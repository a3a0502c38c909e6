"""An operator's own system: takes webhooks, checks their signatures by the specification, answers as it is told to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import msgspec

TOLERANCE_S = 300


@dataclass(frozen=True)
class Heard:
    """One message as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Its id, the same for each try."""
        return self.headers["webhook-id"]

    def json(self) -> dict[str, object]:
        """What it says."""
        return msgspec.json.decode(self.body, type=dict[str, object])


@dataclass
class Receiver:
    """Serves on loopback while its block runs."""

    answer: bytes = b"HTTP/1.1 204 None\r\n\r\n"
    """The bytes of the next answers, or of their beginning."""
    silent: bool = False
    """Takes messages and never answers."""
    unfinished: bool = False
    """Sends `answer` and then nothing, with the connection open."""
    heard: list[Heard] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        self._ending = asyncio.Event()
        self._arrived = asyncio.Condition()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks?of=hotel"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.close()
        await self._server.wait_closed()

    def answers(self, status: int, body: bytes = b"", *headers: str) -> None:
        """From now on."""
        lines = [f"HTTP/1.1 {status} .", f"Content-Length: {len(body)}", *headers]
        self.answer = ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    async def hears(self, count: int) -> list[Heard]:
        """Wait for so many messages in all."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.heard) >= count)
        return self.heard

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        line, *rest = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
        body = await reader.readexactly(int(headers["content-length"]))
        async with self._arrived:
            self.heard.append(Heard(line.split(" ")[1], headers, body))
            self._arrived.notify_all()
        if not self.silent:
            writer.write(self.answer)
            await writer.drain()
        if self.silent or self.unfinished:
            await self._ending.wait()
        writer.close()


def verified(secret: str, heard: Heard, *, now: float | None = None) -> dict[str, object]:
    """What a receiver's programmer writes after the specification: the message, or an AssertionError."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    timestamp = heard.headers["webhook-timestamp"]
    assert abs((time.time() if now is None else now) - int(timestamp)) <= TOLERANCE_S, (
        "too old, or from the future"
    )
    signed = heard.id.encode() + b"." + timestamp.encode() + b"." + heard.body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [each.partition(",")[::2] for each in heard.headers["webhook-signature"].split()]
    assert any(version == "v1" and hmac.compare_digest(signature, right) for version, signature in given), (
        "the signature is wrong"
    )
    return heard.json()
