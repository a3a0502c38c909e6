"""HTTP as close to the wire as misbehaviour needs it: raw requests, raw answers, answers that never come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from enum import Enum, auto
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

# ASGI's own messages: dictionaries of whatever the server and we agreed on.
Message: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

MOST_BODY_BYTES: Final = 1_000_000


class Ending(Enum):
    """How an answer ends."""

    WHOLE = auto()
    SILENT = auto()
    """It never begins; the connection stays open until the other side gives up."""
    CUT = auto()
    """It stops in the middle."""


class Request(Struct, frozen=True):
    """What was asked."""

    method: str
    path: str
    """Decoded, without the query."""
    target: str
    """Path and query as they were sent: what is signed."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    matched: Mapping[str, str] = {}
    """The values of the route's placeholders."""

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters behind the question mark."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def form(self) -> Mapping[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


class Reply(Struct, frozen=True):
    """What is answered."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = {}
    ending: Ending = Ending.WHOLE


SILENCE: Final = Reply(200, ending=Ending.SILENT)
Handler: TypeAlias = Callable[[Request], Awaitable[Reply]]


class Route(Struct, frozen=True):
    """A method and a path such as `/pay/{code}`, whose placeholders match one segment each."""

    method: str
    path: str
    handler: Handler

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """The placeholders' values, or None."""
        ours, theirs = self.path.split("/"), path.split("/")
        if method != self.method or len(ours) != len(theirs):
            return None
        found: dict[str, str] = {}
        for mine, its in zip(ours, theirs, strict=True):
            if mine.startswith("{") and its:
                found[mine.strip("{}")] = its
            elif mine != its:
                return None
        return found


def json_reply(status: int, content: object, **headers: str) -> Reply:
    """Content as JSON, without any space, in UTF-8."""
    return Reply(status, msgspec.json.encode(content), "application/json; charset=utf-8", headers)


def html_reply(text: str, status: int = 200) -> Reply:
    """A page."""
    return Reply(status, text.encode(), "text/html; charset=utf-8")


def redirect(location: str) -> Reply:
    """To a page, by GET."""
    return Reply(303, headers={"location": location})


class Application:
    """The routes as an ASGI application."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self._ending = asyncio.Event()

    def add(self, routes: Iterable[Route]) -> None:
        """Earlier ones come first."""
        self._routes.extend(routes)

    def end(self) -> None:
        """Let go of those that wait for an answer that never comes."""
        self._ending.set()

    async def __call__(self, scope: Mapping[str, object], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        if request is None:
            reply = json_reply(413, {"message": "the body is too long"})
        else:
            reply = await self._answer(request)
        if reply.ending is Ending.SILENT:
            await self._wait_for_the_end(receive)
            return
        await _write(reply, send)

    async def _answer(self, request: Request) -> Reply:
        for route in self._routes:
            matched = route.match(request.method, request.path)
            if matched is not None:
                return await route.handler(msgspec.structs.replace(request, matched=matched))
        return json_reply(404, {"message": "there is nothing here"})

    async def _wait_for_the_end(self, receive: Receive) -> None:
        gone = asyncio.ensure_future(receive())
        ended = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait([gone, ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            ended.cancel()


async def _read(scope: Mapping[str, object], receive: Receive) -> Request | None:
    body, more = b"", True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        if isinstance(chunk, bytes):
            body += chunk
        more = message.get("more_body") is True
        if len(body) > MOST_BODY_BYTES:
            return None
    raw, query = scope["raw_path"], scope["query_string"]
    pairs = scope["headers"]
    assert isinstance(raw, bytes)
    assert isinstance(query, bytes)
    assert isinstance(pairs, Iterable)
    target = raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
    return Request(str(scope["method"]), str(scope["path"]), target, headers, body)


async def _write(reply: Reply, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    if reply.status != 204:
        headers.append((b"content-type", reply.media_type.encode()))
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.ending is Ending.CUT:
        # The server closes a connection whose answer is not as long as it was said to be.
        half = reply.body[: len(reply.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        return
    await send({"type": "http.response.body", "body": reply.body})
