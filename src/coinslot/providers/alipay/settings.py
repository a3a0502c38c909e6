"""What an operator sets for Alipay, and what may be wrong with it, before the first customer finds out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct

from coinslot.providers.findings import Finding, WrongSettings, is_loopback

GATEWAY: Final = "https://openapi.alipay.com/gateway.do"

_APP_ID: Final = re.compile(r"[0-9]{16}")
_SELLER_ID: Final = re.compile(r"2088[0-9]{12}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]+")
_BITS: Final = 2048
_CONSOLE: Final = "the open platform's console (the app's page, interface signing)"


class AlipaySettings(Struct, frozen=True, kw_only=True):
    """As the operator wrote it. A key is PEM text (line ends may be written as \\n), the bare base64 that Alipay's key
    tool shows, or the path of a file with either."""

    app_id: str
    seller_id: str
    """The merchant's account: 16 digits, 2088 first."""
    private_key: str
    """The app's own."""
    public_key: str
    """Alipay's: what its answers and notifications are verified with. Not the public half of `private_key`."""
    earlier_public_keys: tuple[str, ...] = ()
    """Alipay's, from before a change-over."""
    qr_product: str = "QR_CODE_OFFLINE"
    """The product that was signed up for with codes on a screen; FACE_TO_FACE_PAYMENT in older contracts."""
    gateway: str = GATEWAY

    def __repr__(self) -> str:
        return f"AlipaySettings(app_id={self.app_id!r})"


class AlipayKeys(Struct, frozen=True, kw_only=True):
    """The same, read and found right. Keys are PEM."""

    app_id: str
    seller_id: str
    private_pem: str
    public_pems: tuple[str, ...]
    """The first is in force."""
    qr_product: str
    gateway: str

    def __repr__(self) -> str:
        return f"AlipayKeys(app_id={self.app_id!r})"

    @property
    def is_sandbox(self) -> bool:
        """Whether the gateway is on this machine: links may be plain HTTP there."""
        return is_loopback(self.gateway)


def check(settings: AlipaySettings) -> list[Finding]:
    """Everything that is wrong, each with what to do; empty when all is well. Reads files, asks nobody."""
    return [*_check_names(settings), *_check_keys(settings), *_check_gateway(settings)]


def read_keys(settings: AlipaySettings) -> AlipayKeys:
    """Keys to work with. WrongSettings when `check` finds anything."""
    findings = check(settings)
    if findings:
        raise WrongSettings(findings)
    private = _private_key(settings.private_key)
    assert isinstance(private, RSAPrivateKey)
    return AlipayKeys(
        app_id=settings.app_id,
        seller_id=settings.seller_id,
        private_pem=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        public_pems=tuple(_public_pem(text) for text in (settings.public_key, *settings.earlier_public_keys)),
        qr_product=settings.qr_product,
        gateway=settings.gateway,
    )


def _check_names(settings: AlipaySettings) -> Iterator[Finding]:
    if settings.app_id.startswith("2088") or not _APP_ID.fullmatch(settings.app_id):
        yield Finding("app_id", "is not the 16 digits of an app", f"Copy the APPID from {_CONSOLE}.")
    if not _SELLER_ID.fullmatch(settings.seller_id):
        yield Finding(
            "seller_id",
            "is not the 16 digits of an account, 2088 first",
            "Copy the account's PID from the open platform's console (account centre).",
        )
    if settings.qr_product not in ("QR_CODE_OFFLINE", "FACE_TO_FACE_PAYMENT"):
        yield Finding(
            "qr_product", "is none that Alipay has", "Write QR_CODE_OFFLINE or FACE_TO_FACE_PAYMENT."
        )


def _check_keys(settings: AlipaySettings) -> Iterator[Finding]:
    private = _private_key(settings.private_key)
    if isinstance(private, str):
        yield Finding(
            "private_key",
            private,
            "Set the app's private key as Alipay's key tool made it, PKCS#1 or PKCS#8, with or without BEGIN line.",
        )
    named = [("public_key", settings.public_key)]
    named += [("earlier_public_keys", text) for text in settings.earlier_public_keys]
    for setting, text in named:
        public = _public_key(text)
        if isinstance(public, str):
            yield Finding(setting, public, f"Copy Alipay's public key from {_CONSOLE}.")
        elif isinstance(private, RSAPrivateKey) and _numbers(public) == _numbers(private.public_key()):
            yield Finding(
                setting,
                "is the app's own public key",
                f"Set Alipay's public key, which {_CONSOLE} shows once yours is uploaded.",
            )


def _check_gateway(settings: AlipaySettings) -> Iterator[Finding]:
    parts = urlsplit(settings.gateway)
    here = is_loopback(settings.gateway)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        yield Finding("gateway", "is not an https address", "Leave it out, but for a sandbox.")
    elif parts.query or parts.fragment or not parts.path.strip("/"):
        yield Finding("gateway", "is not a bare address with a path", "Write it as https://…/gateway.do.")


def _private_key(text: str) -> RSAPrivateKey | str:
    """The key, or what is wrong with it."""
    content = _read(text)
    if content is None:
        return "cannot be read"
    if "CERTIFICATE" in content or "PUBLIC KEY" in content:
        return "is no private key"
    try:
        if "-----BEGIN" in content:
            key = load_pem_private_key(content.encode(), password=None)
        else:
            key = load_der_private_key(base64.b64decode(content), password=None)
    except TypeError:
        return "is protected by a password"
    except (ValueError, UnsupportedAlgorithm):
        return "is not a private key in PEM or base64"
    return key if isinstance(key, RSAPrivateKey) and key.key_size >= _BITS else "is not RSA of 2048 bits"


def _public_key(text: str) -> RSAPublicKey | str:
    content = _read(text)
    if content is None:
        return "cannot be read"
    if "CERTIFICATE" in content:
        return "is a certificate: this app is set to certificates, and keys are needed"
    if "PRIVATE KEY" in content:
        return "is a private key"
    try:
        is_pem = "-----BEGIN" in content
        key = (
            load_pem_public_key(content.encode())
            if is_pem
            else load_der_public_key(base64.b64decode(content))
        )
    except (ValueError, UnsupportedAlgorithm):
        return "is not a public key in PEM or base64"
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _BITS else "is not RSA of 2048 bits"


def _public_pem(text: str) -> str:
    key = _public_key(text)
    assert isinstance(key, RSAPublicKey)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _numbers(key: RSAPublicKey) -> tuple[int, int]:
    numbers = key.public_numbers()
    return numbers.n, numbers.e


def _read(text: str) -> str | None:
    """A key's text, of the setting itself or of the file that it names; None when there is no such file."""
    if not text or _is_key(text):
        return _tidy(text) if text else None
    try:
        return _tidy(Path(text).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _is_key(text: str) -> bool:
    """A key of 2048 bits is some 390 characters at least: longer than the path of any file that we are pointed to."""
    if "-----BEGIN" in text:
        return True
    if len(text) < 300 or not _BASE64.fullmatch(text):
        return False
    try:
        return base64.b64decode(text).startswith(b"\x30")
    except binascii.Error:
        return False


def _tidy(text: str) -> str:
    return text.replace("\\n", "\n").strip() + "\n"
