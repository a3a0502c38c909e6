"""The way to the gateway: POST with deadlines, a limit on sizes, no redirects, and nothing believed without signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from coinslot.payments.port import ProviderError, Unknown
from coinslot.providers.alipay.refusals import OK, Told, safe_code
from coinslot.providers.alipay.seals import Garbled, Seals, values_of
from coinslot.providers.alipay.settings import AlipayKeys
from coinslot.providers.exchange import Deadlines, Exchange, trust

_MOST_BYTES: Final = 1_000_000
_MOST_FILE_BYTES: Final = 128_000_000
_FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"


class Wire:
    """Blocks; may be used by any number of threads."""

    def __init__(self, keys: AlipayKeys, seals: Seals, deadlines: Deadlines) -> None:
        self._gateway = httpx.URL(keys.gateway)
        self._seals = seals
        self._deadlines = deadlines
        self._exchange = Exchange("Alipay", deadlines, trust())

    def close(self) -> None:
        """Give up the connections."""
        self._exchange.close()

    def send(self, query: str, body: bytes, name: str) -> bytes:
        """The exact text of the answer's value, verified. RetrySameKey when nothing was sent; Unknown when nobody can
        say, and for whatever is not signed: the gateway's own errors are not."""
        url = self._gateway.copy_with(query=query.encode("ascii"))
        headers = {"Content-Type": _FORM, "Accept": "*/*", "User-Agent": "coinslot"}
        request = httpx.Request("POST", url, headers=headers, content=body)
        status, _, content = self._exchange.send(
            request, whole_s=self._deadlines.whole_s, most_bytes=_MOST_BYTES
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
        request = httpx.Request("GET", url, headers={"User-Agent": "coinslot"})
        status, _, content = self._exchange.send(
            request, whole_s=self._deadlines.file_s, most_bytes=_MOST_FILE_BYTES
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


def _unsigned(span: bytes) -> ProviderError:
    """So the gateway refuses those whom it does not know. What it says is named, for whoever has to find a wrong key or
    app, and believed by nobody."""
    reason = "an answer that is not signed, and so not proven to be Alipay's"
    try:
        told = msgspec.json.decode(span, type=Told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unknown("UNSIGNED", reason)
    return Unknown("UNSIGNED" if told.code == OK else safe_code(told), reason)
