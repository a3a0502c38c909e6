"""The guard around the client library `wechatpayv3`.

The library builds requests, signs, verifies and decrypts; what it leaves open is closed here: its one way to the
network is replaced by ours, with deadlines, a limit on sizes and no redirects; errors are verified too, which it
leaves alone; and a signature is only looked at when its key is one of ours, since the library would ask the
network about each serial number it has never heard of.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import httpx
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.type import RequestType
from wechatpayv3.utils import build_authorization

from coinslot.payments.port import Unknown
from coinslot.providers.exchange import Deadlines, Exchange
from coinslot.providers.wechat.settings import WechatKeys

MOST_SKEW_S: Final = 300
"""How far the time of a signature may be from ours, either way. The library accepts any."""
SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
PROBE: Final = "WECHATPAY/SIGNTEST/"
"""So begin the signatures of probes: whether a forged notification would be refused."""

_PREFIX: Final = "wechatpay-"
_PARTS: Final = ("timestamp", "nonce", "signature", "serial", "signature-type")
_MOST_BYTES: Final = 1_000_000
_MOST_FILE_BYTES: Final = 64_000_000


class Refusal(Exception):
    """An answer that is not 2xx, its body, and why it is not proven to be the provider's, if it is not."""

    def __init__(self, status: int, body: bytes, doubt: str = "") -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.doubt = doubt


class NotTheirs(Exception):
    """A signature that does not hold. The words are for operators: they hold nothing of the message."""


def signature_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The five that prove a body, and no others: the library would take their doubles from elsewhere first."""
    return {_PREFIX + name: headers.get(_PREFIX + name, "") for name in _PARTS}


class Seals:
    """Judges signatures by the known keys, and opens what is encrypted. Never asks the network."""

    def __init__(self, keys: WechatKeys) -> None:
        self._by_serial = {
            serial: [_library(keys, serial, pem, apiv3_key) for apiv3_key in keys.apiv3_keys]
            for serial, pem in keys.public_keys
        }

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[WeChatPay]:
        """The library's clients whose key signed this, recently. NotTheirs otherwise."""
        signed = signature_headers(headers)
        if not signed["wechatpay-signature"] or not signed["wechatpay-nonce"]:
            raise NotTheirs("it is not signed")
        if signed["wechatpay-signature"].startswith(PROBE):
            raise NotTheirs("it is a probe")
        if signed["wechatpay-signature-type"] != SCHEME:
            raise NotTheirs("its signature is of another kind")
        clients = self._by_serial.get(signed["wechatpay-serial"])
        if clients is None:
            raise NotTheirs("it is signed with a key that is not among `public_keys`")
        timestamp = signed["wechatpay-timestamp"]
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
            raise NotTheirs("its time is no number")
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise NotTheirs("it is not UTF-8") from None
        if not clients[0]._core._verify_signature(signed, text):
            raise NotTheirs("its signature does not fit")
        off_s = round(now.timestamp()) - int(timestamp)
        if abs(off_s) > MOST_SKEW_S:
            raise NotTheirs(f"its time is {off_s} s from ours: it is old, or a clock is wrong")
        return clients


class Wire:
    """Takes the place of the library's own `request`: see `attach`. Blocks; may be used by any number of threads."""

    def __init__(
        self, keys: WechatKeys, seals: Seals, deadlines: Deadlines, trust: ssl.SSLContext | bool
    ) -> None:
        self._keys = keys
        self._seals = seals
        self._deadlines = deadlines
        self._gateway = httpx.URL(keys.gateway)
        self._exchange = Exchange("WeChat Pay", deadlines, trust)

    def attach(self) -> WeChatPay:
        """The library's client, on this wire."""
        serial, pem = self._keys.public_keys[0]
        client = _library(self._keys, serial, pem, self._keys.apiv3_keys[0])
        client._core._gate_way = self._keys.gateway
        client._core._private_key = self._keys.private
        client._core.request = self.request
        return client

    def close(self) -> None:
        """Give up the connections."""
        self._exchange.close()

    def request(
        self,
        path: str,
        method: RequestType = RequestType.GET,
        data: Mapping[str, object] | None = None,
        skip_verify: bool = False,
        cipher_data: bool = False,
    ) -> tuple[int, str | bytes]:
        """As the library's: status and body of a 2xx whose signature holds. Refusal for other statuses, RetrySameKey
        when nothing was sent, Unknown when nobody can say. `skip_verify` is for files, whose hash was signed."""
        content = b"" if data is None else json.dumps(data).encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "coinslot",
            "Wechatpay-Serial": self._keys.public_keys[0][0],
            "Authorization": build_authorization(
                path, method.value, self._keys.mchid, self._keys.serial, self._keys.private, content.decode()
            ),
        }
        url = self._gateway.copy_with(raw_path=path.encode())
        is_file = skip_verify
        status, answered, body = self._exchange.send(
            httpx.Request(method.value, url, headers=headers, content=content),
            whole_s=self._deadlines.file_s if is_file else self._deadlines.whole_s,
            most_bytes=_MOST_FILE_BYTES if is_file else _MOST_BYTES,
        )
        if is_file and status == 200:
            return status, body
        try:
            self._seals.verify(answered, body, datetime.now(UTC))
        except NotTheirs as doubt:
            if 200 <= status < 300:
                raise Unknown("UNVERIFIED", f"the answer is not proven to be WeChat Pay's: {doubt}") from None
            raise Refusal(status, body, str(doubt)) from None
        if not 200 <= status < 300:
            raise Refusal(status, body)
        return status, body.decode()


def _library(keys: WechatKeys, serial: str, pem: str, apiv3_key: str) -> WeChatPay:
    """A client of the library, in public-key mode: it fetches nothing when made. Without our key: to verify."""
    return WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=keys.mchid,
        private_key=None,
        cert_serial_no=keys.serial,
        appid=keys.appid,
        apiv3_key=apiv3_key,
        public_key=pem,
        public_key_id=serial,
        logger=None,
        timeout=(3, 6),
    )
