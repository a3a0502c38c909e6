"""Signatures of the gateway's wire, from the provider's side."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from coinslot.sandbox.providers.alipay.account import AlipayAccount
from coinslot.sandbox.providers.alipay.refused import NotLetIn

BEIJING: Final = timezone(timedelta(hours=8))
MOST_SKEW: Final = timedelta(minutes=30)
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_NEEDED: Final = ("method", "app_id", "charset", "sign_type", "sign", "timestamp", "version")


def moment(at: datetime) -> str:
    """As the wire tells time: Beijing's, to the second."""
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def signed_text(parameters: Mapping[str, str], *left_out: str) -> str:
    """What is signed: sorted, neither encoded nor quoted, without what is empty."""
    kept = {name: value for name, value in parameters.items() if value and name not in left_out}
    return "&".join(f"{name}={kept[name]}" for name in sorted(kept))


def signature_of(private: RSAPrivateKey, content: bytes) -> str:
    """RSA2, as base64."""
    return base64.b64encode(private.sign(content, PKCS1v15(), SHA256())).decode()


def check_request(account: AlipayAccount, parameters: Mapping[str, str], now: datetime) -> None:
    """NotLetIn unless the app signed it as documented, a short while ago."""
    for name in _NEEDED:
        if not parameters.get(name):
            raise NotLetIn("40001", f"isv.missing-{name.replace('_', '-')}", f"{name} is needed")
    # The real gateway looks at the app before it looks at the signature.
    if parameters["app_id"] != account.app_id:
        raise NotLetIn("40002", "isv.invalid-app-id", "no such app")
    if parameters["charset"].lower() != "utf-8":
        raise NotLetIn("40002", "isv.invalid-charset", "this sandbox takes utf-8")
    if parameters["sign_type"] != "RSA2":
        raise NotLetIn("40002", "isv.invalid-signature-type", "RSA2")
    if parameters["version"] != "1.0":
        raise NotLetIn("40002", "isv.invalid-parameter", "version")
    message = signed_text(parameters, "sign").encode()
    try:
        signature = base64.b64decode(parameters["sign"], validate=True)
        account.private.public_key().verify(signature, message, PKCS1v15(), SHA256())
    except (binascii.Error, InvalidSignature):
        raise NotLetIn("40002", "isv.invalid-signature", "the signature is wrong") from None
    _check_time(parameters["timestamp"], now)


def _check_time(text: str, now: datetime) -> None:
    if not _TIMESTAMP.fullmatch(text):
        raise NotLetIn("40002", "isv.invalid-timestamp", "yyyy-MM-dd HH:mm:ss")
    try:
        told = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise NotLetIn("40002", "isv.invalid-timestamp", "no such moment") from None
    if abs(told - now) > MOST_SKEW:
        raise NotLetIn("40002", "isv.invalid-timestamp", "off by more than half an hour")
