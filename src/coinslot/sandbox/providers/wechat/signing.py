"""Signatures and encryption of the v3 wire, from the provider's side."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from coinslot.sandbox.providers.http import Request
from coinslot.sandbox.providers.wechat.account import WechatAccount
from coinslot.sandbox.providers.wechat.refused import Refused

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
MOST_SKEW_S: Final = 300
_FIELD: Final = re.compile(r'(mchid|nonce_str|signature|timestamp|serial_no)="([^"]*)"')
_MOST_NONCES: Final = 100_000


class Gate:
    """Lets in requests that the merchant signed, each once."""

    def __init__(self, account: WechatAccount) -> None:
        self._account = account
        self._nonces: dict[str, None] = {}

    def check(self, request: Request, now: datetime) -> None:
        """Refused (401 SIGN_ERROR) unless signed as documented, just now, and never seen before."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        told = dict(_FIELD.findall(rest))
        if scheme != SCHEME or len(told) != 5:
            raise _sign_error("authorization", "the Authorization header is not as documented")
        if told["mchid"] != self._account.mchid:
            raise _sign_error("mchid", "no such merchant")
        if told["serial_no"].upper() != self._account.serial:
            raise _sign_error("serial_no", "the merchant has no certificate with this serial number")
        if not told["timestamp"].isdecimal() or abs(int(told["timestamp"]) - now.timestamp()) > MOST_SKEW_S:
            raise _sign_error("timestamp", "the timestamp is off by more than five minutes")
        text = f"{request.method}\n{request.target}\n{told['timestamp']}\n{told['nonce_str']}\n"
        message = text.encode() + request.body + b"\n"
        try:
            signature = base64.b64decode(told["signature"], validate=True)
            self._account.public.verify(signature, message, PKCS1v15(), SHA256())
        except (binascii.Error, InvalidSignature):
            raise _sign_error("signature", "sign not match") from None
        if told["nonce_str"] in self._nonces:
            raise _sign_error("nonce_str", "the nonce was used before")
        self._nonces[told["nonce_str"]] = None
        if len(self._nonces) > _MOST_NONCES:
            del self._nonces[next(iter(self._nonces))]


def signed_headers(key_id: str, private: RSAPrivateKey, body: bytes, at: datetime) -> dict[str, str]:
    """The headers that prove a body to be the provider's."""
    timestamp, nonce = str(int(at.timestamp())), secrets.token_hex(16)
    message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signature = private.sign(message, PKCS1v15(), SHA256())
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Signature-Type": SCHEME,
        "Wechatpay-Serial": key_id,
    }


def request_id() -> str:
    """What the provider's support asks for."""
    return uuid.uuid4().hex.upper()


def encrypted(apiv3_key: str, plain: bytes, kind: str) -> Mapping[str, str]:
    """The `resource` of a notification."""
    nonce = secrets.token_hex(6)
    sealed = AESGCM(apiv3_key.encode()).encrypt(nonce.encode(), plain, kind.encode())
    return {
        "original_type": kind,
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": kind,
        "nonce": nonce,
    }


def opened_name(account: WechatAccount, key_id: str, sealed: str) -> str:
    """A person's name that the merchant encrypted. Refused (400 PARAM_ERROR) when it is not for our key."""
    key = account.platform_key(key_id)
    if key is None:
        raise Refused(400, "PARAM_ERROR", "Wechatpay-Serial names no key of ours")
    try:
        plain = key.private.decrypt(base64.b64decode(sealed, validate=True), OAEP(MGF1(SHA1()), SHA1(), None))
        return plain.decode()
    except (ValueError, binascii.Error):
        raise Refused(400, "PARAM_ERROR", "the name is not encrypted with our key") from None


def _sign_error(field: str, issue: str) -> Refused:
    detail = {"field": field, "issue": issue, "location": "authorization"}
    return Refused(401, "SIGN_ERROR", "the signature is wrong", detail)
