"""A mail server of our own that insists on encryption, and answers as it is told to."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

USER, PASSWORD = "wash", "mail-password"


@dataclass
class FakeMail:
    """Serves on loopback while its block runs; `answers` are by command and replace the usual ones."""

    cert: Path
    key: Path
    answers: dict[str, str] = field(default_factory=dict)
    starttls: bool = True
    silent: bool = False
    taken: list[str] = field(default_factory=list)
    """Each mail as it came."""
    in_the_clear: list[str] = field(default_factory=list)
    """Commands before encryption."""
    port: int = 0

    async def __aenter__(self) -> Self:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.cert, self.key)
        self._ending = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            await self._ending.wait()
        writer.write(b"220 mail.test\r\n")
        encrypted = False
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            word = line.split(" ")[0].upper()
            if not encrypted:
                self.in_the_clear.append(word)
            answer = self.answers.get(word) or self._usual(word, line, encrypted)
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
            if word == "STARTTLS" and answer.startswith("220"):
                await writer.start_tls(self._tls)
                encrypted = True
            elif word == "DATA" and answer.startswith("354"):
                self.taken.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 taken\r\n")
            elif word == "QUIT":
                break
        writer.close()

    def _usual(self, word: str, line: str, encrypted: bool) -> str:
        match word:
            case "EHLO":
                more = "AUTH PLAIN" if encrypted else "STARTTLS" if self.starttls else "8BITMIME"
                return f"250-mail.test\r\n250 {more}"
            case "STARTTLS":
                return "220 go ahead"
            case "AUTH":
                good = b64decode(line.split(" ")[-1]) == f"\0{USER}\0{PASSWORD}".encode()
                return "235 welcome" if good else "535 no"
            case "DATA":
                return "354 go on"
            case "QUIT":
                return "221 bye"
            case _:
                return "250 ok"
