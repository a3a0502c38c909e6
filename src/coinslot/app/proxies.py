"""Proxies in front of us: what they say of the customer's address is believed, and nobody else's word."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from coinslot.web.metrics import FORWARDED
from coinslot.web.tracing import REQUEST_ID

log = logging.getLogger(__name__)

Headers: TypeAlias = list[tuple[bytes, bytes]]
Network: TypeAlias = IPv4Network | IPv6Network

_FORWARDED: Final = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-real-ip",
        b"x-request-id",
    }
)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_V4_PORT: Final = re.compile(r"([0-9.]+):[0-9]{1,5}")
_V6_PORT: Final = re.compile(r"\[([^\]]+)\](?::[0-9]{1,5})?")
_MOST_HOPS: Final = 16


class Trust:
    """Which addresses are proxies of ours."""

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        self._networks: tuple[Network, ...] = tuple(ip_network(one, strict=False) for one in proxies)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        parsed = _address(address)
        return parsed is not None and any(ip_address(parsed) in network for network in self._networks)


class BehindProxies:
    """Gives the application the customer's address, scheme and host; hides the headers that told them."""

    def __init__(self, app: ASGIApp, trust: Trust) -> None:
        self._app = app
        self._trust = trust
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == ScopeType.HTTP:
            client = scope["client"]
            told = {name for name, _ in scope["headers"]} & _FORWARDED
            if told or (client is not None and client[0] in self._trust):
                self._hear(scope)
        await self._app(scope, receive, send)

    def _hear(self, scope: HTTPScope) -> None:
        headers = list(scope["headers"])
        scope["headers"] = kept = [(name, value) for name, value in headers if name not in _FORWARDED]
        client = scope["client"]
        if client is None:
            return
        if client[0] not in self._trust:
            self._warn(client[0], headers)
            scope["extensions"] = {**(scope.get("extensions") or {}), FORWARDED: {}}
            return
        chain = _texts(headers, b"x-forwarded-for")
        address = customer(chain, client[0], self._trust)
        scope["client"] = (address, 0)
        if address in self._trust:
            # Nobody's but the proxy's: it came for somebody of whom we know nothing.
            scope["extensions"] = {**(scope.get("extensions") or {}), FORWARDED: {}}
        if (scheme := _last(headers, b"x-forwarded-proto").lower()) in ("http", "https"):
            scope["scheme"] = scheme
        if _HOST.fullmatch(host := _last(headers, b"x-forwarded-host")):
            scope["headers"] = [
                *((name, value) for name, value in kept if name != b"host"),
                (b"host", host.encode()),
            ]
        if request_id := _last(headers, b"x-request-id"):
            scope["extensions"] = {**(scope.get("extensions") or {}), REQUEST_ID: {"told": request_id}}

    def _warn(self, peer: str, headers: Headers) -> None:
        """A proxy that is not named makes all customers one, who then share one customer's limits."""
        address = _address(peer)
        if self._warned or address is None or not ip_address(address).is_private:
            return
        if not _texts(headers, b"x-forwarded-for"):
            return
        self._warned = True
        log.warning(
            "%s sends X-Forwarded-For and is not in `trusted_proxies`: if it is your proxy, add it there; "
            "until then everybody behind it shares one customer's limits",
            peer,
        )


def customer(chain: Sequence[str], peer: str, trust: Trust) -> str:
    """The right-most address of an X-Forwarded-For that is no proxy of ours: what stands left of it, anybody
    may have written. The peer when the chain is unreadable before that point."""
    found = peer
    for text in reversed(chain[-_MOST_HOPS:]):
        address = _address(text)
        if address is None:
            return peer
        found = address
        if address not in trust:
            break
    return found


def _address(text: str) -> str | None:
    match = _V6_PORT.fullmatch(text) or _V4_PORT.fullmatch(text)
    try:
        parsed = ip_address(match[1] if match else text)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def _texts(headers: Headers, wanted: bytes) -> list[str]:
    """All parts of all headers of this name, in their order."""
    joined = ",".join(value.decode("latin-1") for name, value in headers if name == wanted)
    return [part.strip() for part in joined.split(",")] if joined else []


def _last(headers: Headers, wanted: bytes) -> str:
    texts = _texts(headers, wanted)
    return texts[-1] if texts else ""
