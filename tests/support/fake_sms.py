"""An SMS provider of our own: checks each call's signature by its documentation, and answers as it is told to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

import msgspec

KEY_ID = "LTAI-test"
SECRET = "key-of-the-test"
TAKEN = (200, {"Code": "OK", "Message": "OK", "RequestId": "R-1", "BizId": "900619746936498440^0"})


@dataclass
class FakeSms:
    """Serves on loopback while its block runs."""

    answer: tuple[int, object] = TAKEN
    """Status and body of the next answers; a body of bytes is sent as it is."""
    silent: bool = False
    """Takes calls and never answers."""
    taken: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each message that was taken."""
    refused: list[str] = field(default_factory=list)
    """Why calls were not even looked at."""
    url: str = ""

    async def __aenter__(self) -> Self:
        self._ending = asyncio.Event()
        self._nonces: set[str] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        line, *rest = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
        if self.silent:
            await self._ending.wait()
        else:
            status, body = self._answer(line, headers)
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            writer.write(f"HTTP/1.1 {status} .\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            await writer.drain()
        writer.close()

    def _answer(self, line: str, headers: dict[str, str]) -> tuple[int, object]:
        method, target, _ = line.split(" ")
        query = target.removeprefix("/?")
        wrong = self._wrong(method, query, headers)
        if wrong:
            self.refused.append(wrong)
            return 400, {"Code": "SignatureDoesNotMatch", "Message": wrong}
        if self.answer == TAKEN:
            self.taken.append(dict(parse_qsl(query, strict_parsing=True)))
        return self.answer

    def _wrong(self, method: str, query: str, headers: dict[str, str]) -> str:
        algorithm, _, fields = headers["authorization"].partition(" ")
        said = dict(each.split("=", 1) for each in fields.split(","))
        named = said["SignedHeaders"].split(";")
        must = {"host", *(name for name in headers if name.startswith("x-acs-"))}
        if algorithm != "ACS3-HMAC-SHA256" or said["Credential"] != KEY_ID or named != sorted(must):
            return "the authorization is not as documented"
        if headers["x-acs-content-sha256"] != hashlib.sha256(b"").hexdigest():
            return "the body's hash is wrong"
        if headers["x-acs-signature-nonce"] in self._nonces:
            return "the nonce was used before"
        self._nonces.add(headers["x-acs-signature-nonce"])
        parts = [method, "/", query, *(f"{name}:{headers[name]}" for name in named), "", ";".join(named)]
        canonical = "\n".join([*parts, headers["x-acs-content-sha256"]])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        expected = hmac.digest(SECRET.encode(), f"{algorithm}\n{digest}".encode(), "sha256").hex()
        return "" if said["Signature"] == expected else "the signature does not match"
