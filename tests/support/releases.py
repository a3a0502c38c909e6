"""Signed releases, and a server that has them and everything wrong that a server can have."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coinslot.fleet.releases import sign
from coinslot.terminal.updating.standing import Release
from coinslot.wire.messages import Update, UpdateKind
from coinslot.wire.statements import EVERYBODY, Statement

MAKER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEY = MAKER.public_key().public_bytes_raw().hex()
OTHER_KEY = STRANGER.public_key().public_bytes_raw().hex()
CONFIG = b'language = "en"\nfirmware = "from afar"\n'


def archive(files: dict[str, bytes] | None = None, mark: str = "") -> bytes:
    """A zip; by default the smallest program that counts as a release."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in (files or small(mark)).items():
            packed.writestr(name, data)
    return held.getvalue()


def small(mark: str = "") -> dict[str, bytes]:
    """Files of a release that can say its commands and no more."""
    return {
        "coinslot/__init__.py": f"mark = {mark!r}\n".encode(),
        "coinslot/app/__init__.py": b"",
        "coinslot/app/__main__.py": b"",
    }


def update(
    artifact: bytes,
    serial: int = 7,
    *,
    kind: UpdateKind = UpdateKind.SOFTWARE,
    url: str = "https://updates.example/a",
    key: Ed25519PrivateKey = MAKER,
    audience: str = EVERYBODY,
    version: str = "",
    link: int = 1,
) -> Update:
    """What a server announces of it."""
    statement = Statement(
        kind=kind,
        serial=serial,
        version=version or f"1.{serial}",
        sha256=hashlib.sha256(artifact).hexdigest(),
        size=len(artifact),
        audience=audience,
    )
    return Update(
        link=link,
        version=statement.version,
        url=url,
        sha256=statement.sha256,
        kind=kind,
        serial=serial,
        size=statement.size,
        signature=sign(key, statement).signature,
    )


def release(announced: Update) -> Release:
    """The same as the terminal keeps it."""
    return Release(
        kind=announced.kind,
        serial=announced.serial,
        version=announced.version,
        url=announced.url,
        sha256=announced.sha256,
        size=announced.size,
        signature=announced.signature,
    )


@dataclass
class Depot:
    """Serves `files` by path, as badly as it is told to."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    most: int | None = None
    """Bytes of one answer to a range."""
    cut_after: list[int] = field(default_factory=list)
    """For the next answers: the connection ends after so many bytes of the body."""
    stalls: threading.Event | None = None
    """Set: nothing is sent until it is."""
    status: int | None = None
    moved_to: str = ""
    asked: list[str] = field(default_factory=list)
    """The ranges that were asked for."""


@contextmanager
def depot() -> Iterator[Depot]:
    """A server on loopback."""
    served = Depot()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            _answer(self, served)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, served: Depot) -> None:
    asked = handler.headers.get("Range", "")
    served.asked.append(asked)
    handler.close_connection = True
    if served.moved_to:
        handler.send_response(302)
        handler.send_header("Location", served.moved_to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if served.status is not None:
        handler.send_error(served.status)
        return
    whole = served.files[handler.path]
    body, status, content_range = whole, 200, ""
    if served.ranges and asked:
        begin = int(asked.removeprefix("bytes=").partition("-")[0])
        if begin >= len(whole):
            handler.send_error(416)
            return
        body = whole[begin:] if served.most is None else whole[begin : begin + served.most]
        status, content_range = 206, f"bytes {begin}-{begin + len(body) - 1}/{len(whole)}"
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    if content_range:
        handler.send_header("Content-Range", content_range)
    handler.end_headers()
    if served.stalls is not None:
        served.stalls.wait(10)
    end = served.cut_after.pop(0) if served.cut_after else len(body)
    handler.wfile.write(body[:end])
