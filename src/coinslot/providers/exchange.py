"""One HTTP exchange with a payment provider: deadlines, a limit on sizes, no redirects, nothing of the environment."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Mapping
from typing import Final, NamedTuple

import httpx

from coinslot.payments.port import RetrySameKey, Unknown

_MOST_CONNECTIONS: Final = 32
_IDLE_S: Final = 20.0


class Deadlines:
    """In seconds. A connection takes 0.1 s and an answer 0.3 s on a usual day; providers name no limit."""

    def __init__(
        self, *, connect_s: float = 3.0, silence_s: float = 6.0, whole_s: float = 10.0, file_s: float = 60.0
    ) -> None:
        self.connect_s = connect_s
        self.silence_s = silence_s
        self.whole_s = whole_s
        self.file_s = file_s


class Answered(NamedTuple):
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Exchange:
    """Blocks; may be used by any number of threads. `whose` is named in errors."""

    def __init__(self, whose: str, deadlines: Deadlines, trust: ssl.SSLContext | bool) -> None:
        self._whose = whose
        self._deadlines = deadlines
        # The transport and not a client: no proxies or passwords of the environment, no log line for each URL.
        self._transport = httpx.HTTPTransport(
            verify=trust, limits=httpx.Limits(max_connections=_MOST_CONNECTIONS, keepalive_expiry=_IDLE_S)
        )

    def close(self) -> None:
        """Give up the connections."""
        self._transport.close()

    def send(self, request: httpx.Request, *, whole_s: float, most_bytes: int) -> Answered:
        """Whatever the status. RetrySameKey when nothing was sent; Unknown when nobody can say what came of it."""
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
                body = self._read(response, until, most_bytes)
            finally:
                response.close()
        # Without their causes, which hold the request.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise RetrySameKey("UNREACHABLE", f"{self._whose} cannot be reached: nothing was sent") from None
        except httpx.TimeoutException:
            raise Unknown("TIMEOUT", f"{self._whose} did not answer in time") from None
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise Unknown("CUT", f"the connection broke ({type(error).__name__})") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answered(response.status_code, headers, body)

    def _read(self, response: httpx.Response, until: float, most_bytes: int) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > most_bytes:
                raise Unknown("TOO_LONG", f"the answer is longer than any that {self._whose} gives")
            if time.monotonic() > until:
                raise Unknown("TIMEOUT", "the answer did not end in time")
        return bytes(body)


@functools.cache
def trust() -> ssl.SSLContext:
    """The usual authorities. Some 50 ms and a megabyte: once a process, not for each merchant."""
    return httpx.create_ssl_context(trust_env=False)
