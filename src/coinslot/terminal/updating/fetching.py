"""Loading an artifact, over as many tries as it takes: what came stays, and is gone on with."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from coinslot.terminal.trust import NO_CHECK_TIME
from coinslot.terminal.updating.job import STALL_S
from coinslot.terminal.updating.shelf import Point, nothing

CHUNK_BYTES: Final = 64 * 1024
SYNC_BYTES: Final = 1024 * 1024
RESERVE_BYTES: Final = 16 * 1024 * 1024
"""Left free for the journal: a disk filled by an update would close the appliance."""
_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_PARTIAL: Final = 206
_NO_SUCH_RANGE: Final = 416


class Refused(Exception):
    """It is not what was signed, or may not be asked for; the text says why."""


class Later(Exception):
    """It cannot be had now; the text says why."""


def check_address(url: str) -> None:
    """Refused unless it is https, or http on this very machine."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise Refused("its address cannot be read") from None
    if not host or (parts.scheme != "https" and not (parts.scheme == "http" and host in _HERE)):
        raise Refused("its address is not https")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener(url: str, ca: str | None) -> urllib.request.OpenerDirector:
    """What asks servers. Certificates must be the system's or the terminal's own CA's; their dates are not looked at,
    since a board's clock may say 1970 and it is the signature that proves the artifact."""
    if not url.startswith("https:"):
        return urllib.request.build_opener(urllib.request.ProxyHandler({}), _SafeRedirects())
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    if ca is not None:
        context.load_verify_locations(cadata=ca)
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _SafeRedirects()
    )


def fetch(
    part: Path,
    url: str,
    size: int,
    free_bytes: Callable[[], int],
    ca: str | None = None,
    stall_s: float = STALL_S,
    point: Point = nothing,
) -> None:
    """Have `part` hold `size` bytes from there. Later keeps what came; Refused when there is more than was announced."""
    check_address(url)
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    if have == size:
        return
    if free_bytes() < size - have + RESERVE_BYTES:
        raise Later("the disk has no room for it")
    asking = opener(url, ca)
    while have < size:
        now = _more(asking, part, url, have, size, stall_s, point)
        if now <= have:
            raise Later("the connection was cut")
        have = now


def _more(
    asking: urllib.request.OpenerDirector,
    part: Path,
    url: str,
    have: int,
    size: int,
    stall_s: float,
    point: Point,
) -> int:
    """One answer's worth; how much there is then. A server may send less than was asked for."""
    headers = {
        "Accept-Encoding": "identity",
        "Range": f"bytes={have}-",
        "User-Agent": "coinslot-terminal",
    }
    try:
        with asking.open(urllib.request.Request(url, headers=headers), timeout=stall_s) as answer:
            if have and (answer.status != _PARTIAL or not _begins_at(answer, have)):
                if answer.status == _PARTIAL:
                    raise Later("the server sent another part than was asked for")
                have = 0  # it knows no ranges, and sends all of it
            _take(answer, part, have, size, point)
    except urllib.error.HTTPError as error:
        if error.code == _NO_SUCH_RANGE:
            part.unlink(missing_ok=True)
        raise Later(f"its server answered {error.code}") from None
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        ssl.SSLError,
        ConnectionError,
    ) as error:
        raise Later(f"its server cannot be reached: {type(error).__name__}") from None
    return part.stat().st_size


def _begins_at(answer: http.client.HTTPResponse, have: int) -> bool:
    return (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")


def _take(answer: http.client.HTTPResponse, part: Path, have: int, size: int, point: Point) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if have else os.O_TRUNC)
    with os.fdopen(os.open(part, flags, 0o600), "ab" if have else "wb") as file:
        unsynced = 0
        while have < size:
            data = answer.read(min(CHUNK_BYTES, size - have))
            if not data:
                break
            point("chunk")
            file.write(data)
            have += len(data)
            unsynced += len(data)
            if unsynced >= SYNC_BYTES:
                file.flush()
                os.fsync(file.fileno())
                unsynced = 0
        file.flush()
        os.fsync(file.fileno())
        if have == size and answer.read(1):
            raise Refused("longer than announced")
    point("fetched")


def check_digest(part: Path, sha256: str) -> None:
    """Refused, and the part gone, when it holds something else."""
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
    if digest.hexdigest() != sha256:
        part.unlink()
        raise Refused("what was loaded is not what was signed")
