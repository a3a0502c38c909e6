"""The way to the gateway: POST with deadlines, a limit on sizes, no redirects, and nothing believed without signature."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from coinslot.payments.port import ProviderError, RetrySameKey, Unknown
from coinslot.providers.alipay.refusals import OK, Told, safe_code
from coinslot.providers.alipay.seals import Garbled, Seals, values_of
from coinslot.providers.alipay.settings import AlipayKeys

_MOST_BYTES: Final = 1_000_000
_MOST_FILE_BYTES: Final = 128_000_000
_FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"


class Deadlines:
    """In seconds. A connection takes 0.1 s and an answer 0.3 s on a usual day; the provider names no limit."""

    def __init__(
        self, *, connect_s: float = 3.0, silence_s: float = 6.0, whole_s: float = 10.0, file_s: float = 60.0
    ) -> None:
        self.connect_s = connect_s
        self.silence_s = silence_s
        self.whole_s = whole_s
        self.file_s = file_s


class Wire:
    """Blocks; may be used by any number of threads."""

    def __init__(self, keys: AlipayKeys, seals: Seals, deadlines: Deadlines) -> None:
        self._gateway = httpx.URL(keys.gateway)
        self._seals = seals
        self._deadlines = deadlines
        # The transport and not a client: no proxies or passwords of the environment, no log line for each URL.
        limits = httpx.Limits(max_connections=32, keepalive_expiry=20.0)
        self._transport = httpx.HTTPTransport(verify=_trust(), limits=limits)

    def close(self) -> None:
        """Give up the connections."""
        self._transport.close()

    def send(self, query: str, body: bytes, name: str) -> bytes:
        """The exact text of the answer's value, verified. RetrySameKey when nothing was sent; Unknown when nobody can
        say, and for whatever is not signed: the gateway's own errors are not."""
        url = self._gateway.copy_with(query=query.encode("ascii"))
        headers = {"Content-Type": _FORM, "Accept": "*/*", "User-Agent": "coinslot"}
        status, content = self._exchange(
            httpx.Request("POST", url, headers=headers, content=body), self._deadlines.whole_s, _MOST_BYTES
        )
        if status != 200:
            raise Unknown(f"HTTP {status}", "the gateway had an error of its own, or it was not the gateway")
        try:
            values = values_of(content.decode())
        except (Garbled, UnicodeDecodeError):
            raise Unknown("CONTENT", "the answer is not as documented") from None
        return self._verified(values, name)

    def fetch(self, url: str) -> bytes | None:
        """A file that nobody signs; None when there is none behind the address any more."""
        status, content = self._exchange(
            httpx.Request("GET", url, headers={"User-Agent": "coinslot"}),
            self._deadlines.file_s,
            _MOST_FILE_BYTES,
        )
        if status >= 500:
            raise Unknown(f"HTTP {status}", "the file could not be fetched")
        return content if status == 200 else None

    def _verified(self, values: Mapping[str, str], name: str) -> bytes:
        text = values.get(name, values.get("error_response"))
        if text is None:
            raise Unknown("CONTENT", "the answer is to another call")
        span = text.encode()
        try:
            signature = msgspec.json.decode(values.get("sign", '""'), type=str)
        except msgspec.DecodeError:
            signature = ""
        if not signature:
            raise _unsigned(span)
        if not self._seals.holds(span, signature):
            raise Unknown("UNVERIFIED", "the answer's signature is not by a key among Alipay's public keys")
        return span

    def _exchange(self, request: httpx.Request, whole_s: float, most_bytes: int) -> tuple[int, bytes]:
        deadlines = self._deadlines
        until = time.monotonic() + whole_s
        request.extensions["timeout"] = {
            "connect": deadlines.connect_s,
            "pool": deadlines.connect_s,
            "read": deadlines.silence_s,
            "write": deadlines.silence_s,
        }
        try:
            response = self._transport.handle_request(request)
            try:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > most_bytes:
                        raise Unknown("TOO_LONG", "the answer is longer than any that Alipay gives")
                    if time.monotonic() > until:
                        raise Unknown("TIMEOUT", "the answer did not end in time")
            finally:
                response.close()
        # Without their causes, which hold the request.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise RetrySameKey("UNREACHABLE", "Alipay cannot be reached: nothing was sent") from None
        except httpx.TimeoutException:
            raise Unknown("TIMEOUT", "Alipay did not answer in time") from None
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise Unknown("CUT", f"the connection broke ({type(error).__name__})") from None
        return response.status_code, bytes(body)


@functools.cache
def _trust() -> ssl.SSLContext:
    # Some 50 ms and a megabyte: once a process, not for each merchant.
    return httpx.create_ssl_context(trust_env=False)


def _unsigned(span: bytes) -> ProviderError:
    """So the gateway refuses those whom it does not know. What it says is named, for whoever has to find a wrong key or
    app, and believed by nobody."""
    reason = "an answer that is not signed, and so not proven to be Alipay's"
    try:
        told = msgspec.json.decode(span, type=Told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unknown("UNSIGNED", reason)
    return Unknown("UNSIGNED" if told.code == OK else safe_code(told), reason)
