"""The client library `python-alipay-sdk`, with what it leaves open closed.

It builds requests and what is signed of them. It would send each in the address of a GET, date it by this machine's
time zone, look for the end of the signed text by counting braces, and sign ten times slower than the library that we
use for it anyway: all of that goes another way here.
"""

from __future__ import annotations

import base64
import logging
import sys
import types
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from coinslot.providers.alipay.settings import AlipayKeys


def _import_quietly() -> types.ModuleType:
    """The library, without the part of it that sets up logging on import and closes every handler there is."""
    if "alipay" not in sys.modules:
        quiet = types.ModuleType("alipay.loggers")
        vars(quiet)["logger"] = logging.getLogger("python-alipay-sdk")
        sys.modules.setdefault("alipay.loggers", quiet)
    import alipay

    return cast("types.ModuleType", alipay)


_alipay: Final = _import_quietly()
BEIJING: Final = timezone(timedelta(hours=8))
"""Alipay's time zone, whatever this machine's is."""

Send = Callable[[str, bytes, str], bytes]
"""The query, the body, and the name of the value that is wanted; its exact text, verified."""


def moment(at: datetime) -> str:
    """As the wire tells time, rounded down to the second."""
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


class Client(_alipay.AliPay):  # type: ignore[misc,name-defined]
    """The library's client on our wire. Its calls return the exact text of the answer's value. Blocks."""

    def __init__(self, keys: AlipayKeys, send: Send, now: Callable[[], datetime]) -> None:
        super().__init__(
            appid=keys.app_id,
            app_private_key_string=keys.private_pem,
            alipay_public_key_string=keys.public_pems[0],
        )
        self._gateway = keys.gateway
        self._send = send
        self._now = now
        # Judged when the settings were read, which takes 50 ms.
        key = load_pem_private_key(
            keys.private_pem.encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(key, RSAPrivateKey)
        self._key = key

    def _load_key(self) -> None:
        """Called by the library's constructor: it needs none."""

    def _sign(self, unsigned_string: str) -> str:
        """In place of the library's: RSA2, as base64."""
        return base64.b64encode(self._key.sign(unsigned_string.encode(), PKCS1v15(), SHA256())).decode()

    def build_body(
        self, method: str, biz_content: Mapping[str, object] | None = None, **common: object
    ) -> dict[str, object]:
        """As the library's, with Beijing's time."""
        data: dict[str, object] = super().build_body(method, biz_content, **common)
        return {**data, "format": "JSON", "timestamp": moment(self._now())}

    def verified_sync_response(self, data: dict[str, object], response_type: str) -> bytes:
        """In place of the library's: what is about business goes into a body, the rest as the official client does."""
        query: list[str] = []
        body: list[str] = []
        for pair in self.sign_data(data).split("&"):
            (body if pair.startswith("biz_content=") else query).append(pair)
        return self._send("&".join(query), "&".join(body).encode("ascii"), response_type)

    def address(self, signed: str) -> str:
        """What a browser opens for the calls that are pages."""
        return f"{self._gateway}?{signed}"
