"""One call to an operator's endpoint: to an address that was checked, within a time, believing nothing.

A name is resolved once for a call, and the connection goes to the very address that was judged; what the name leads
to a moment later does not matter. No redirect is followed, no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from coinslot.webhooks.deliveries import ANSWER_KEPT, Outcome
from coinslot.webhooks.destinations import Address, Network, literal, refused

Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host; none where its name cannot be found."""

_asking: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Future[list[str]]] = {}

TIME_S: Final = 10.0
_CONNECT_TO: Final = 3
"""A host with many addresses is tried at so many."""
_PORTS: Final = {"https": 443, "http": 80}


async def resolve(host: str, port: int) -> list[str]:
    """As the system does it, in a thread that nothing can end: so each name is asked for once at a time."""
    key = (asyncio.get_running_loop(), host, port)
    asking = _asking.get(key)
    if asking is None:
        asking = _asking[key] = asyncio.ensure_future(_look_up(host, port))
        asking.add_done_callback(lambda _: _asking.pop(key, None))
    return await asyncio.shield(asking)


async def _look_up(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class NotCalled(Exception):
    """The endpoint's address is one that is never called; the text says why."""


class Caller:
    """Calls endpoints. `private`: networks of private addresses that may be called."""

    def __init__(
        self, private: Sequence[Network] = (), resolver: Resolve = resolve, *, within_s: float = TIME_S
    ) -> None:
        self._private = tuple(private)
        self._resolve = resolver
        self._within_s = within_s
        self._tls = ssl.create_default_context()

    async def call(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Post it. What came of it is an Outcome in any case."""
        began = time.monotonic()
        heard = _Heard()
        try:
            async with asyncio.timeout(self._within_s):
                error = await self._post(url, headers, body, heard)
        except TimeoutError:
            error = f"no whole answer within {self._within_s:.0f} s"
        except NotCalled as reason:
            error = str(reason)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError, UnicodeError) as problem:
            error = _words(problem)
        if heard.status is not None:
            # An answer that stops in the middle has said what counts.
            error = "" if 200 <= heard.status < 300 else _refusal(heard)
        return Outcome(
            status=heard.status,
            error=error,
            answer=heard.text(),
            took_ms=round((time.monotonic() - began) * 1000),
        )

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, heard: _Heard) -> str:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or _PORTS[parts.scheme]
        error = ""
        for address in await self._addresses(url, host, port):
            try:
                await self._post_to(address, url, host, headers, body, heard)
            except httpx.ConnectError as problem:
                error = _words(problem)
                continue
            return ""
        return error

    async def _addresses(self, url: str, host: str, port: int) -> list[str]:
        parts = urlsplit(url)
        named = literal(parts)
        texts = [str(named)] if named is not None else await self._resolve(host, port)
        found: list[Address] = [ipaddress.ip_address(text.split("%", 1)[0]) for text in texts]
        for address in found:
            # One bad address is enough: a name that leads here and there is no honest endpoint's.
            if why := refused(address, parts.scheme, self._private):
                raise NotCalled(why)
        if not found:
            raise NotCalled(f"no address is known for {host}")
        return [str(address) for address in found[:_CONNECT_TO]]

    async def _post_to(
        self, address: str, url: str, host: str, headers: Mapping[str, str], body: bytes, heard: _Heard
    ) -> None:
        name = urlsplit(url)
        async with (
            httpx.AsyncClient(
                verify=self._tls, trust_env=False, follow_redirects=False, timeout=TIME_S
            ) as client,
            client.stream(
                "POST",
                httpx.URL(url).copy_with(host=address),
                content=body,
                headers={
                    **headers,
                    "Host": name.netloc,
                    "Content-Type": "application/json",
                    "User-Agent": "coinslot-webhooks/1",
                    "Accept-Encoding": "identity",
                },
                # The certificate must be the name's, whatever the address.
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            heard.status = answer.status_code
            heard.location = answer.headers.get("location", "")[:200]
            # As it comes: an answer that unpacks to gigabytes is not unpacked.
            async for chunk in answer.aiter_raw(ANSWER_KEPT):
                heard.body += chunk[: ANSWER_KEPT - len(heard.body)]
                if len(heard.body) >= ANSWER_KEPT:
                    break


class _Heard:
    """What has come so far."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.location = ""
        self.body = b""

    def text(self) -> str:
        """Its beginning as people may see it."""
        told = self.body.decode("utf-8", "replace")
        return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in told).strip()


def _refusal(heard: _Heard) -> str:
    assert heard.status is not None
    if 300 <= heard.status < 400:
        return f"answered {heard.status}; redirects are not followed: enter the address itself"
    return f"answered {heard.status}; only 2xx counts"


def _words(problem: Exception) -> str:
    match problem:
        case httpx.ConnectTimeout() | httpx.ReadTimeout() | httpx.WriteTimeout():
            return f"no answer within {TIME_S:.0f} s"
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(problem):
            return "its certificate is not one that we trust, or not this host's"
        case httpx.ConnectError():
            return "no connection: nothing listens there, or something is in the way"
        case httpx.RemoteProtocolError():
            return "what answered does not speak HTTP, or broke off"
        case _:
            return f"the call failed ({type(problem).__name__})"
