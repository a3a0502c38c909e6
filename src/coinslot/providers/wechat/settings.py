"""What an operator sets for WeChat Pay, and what may be wrong with it, before the first customer finds out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct

from coinslot.providers.findings import Finding, WrongSettings

GATEWAY: Final = "https://api.mch.weixin.qq.com"
API_HOST: Final = "https://api.weixin.qq.com"
OPEN_HOST: Final = "https://open.weixin.qq.com"

_MCHID: Final = re.compile(r"[0-9]{8,10}")
_APPID: Final = re.compile(r"wx[0-9A-Za-z]{16}")
_SERIAL: Final = re.compile(r"[0-9A-F]{32,40}")
_PUBLIC_KEY_ID: Final = re.compile(r"PUB_KEY_ID_[0-9]{20,60}")
_APIV3_BYTES: Final = 32
_SCENE: Final = re.compile(r"[0-9]{4,16}")
_MOST_REPORT_NAME: Final = 15
_MOST_REPORT: Final = 32
_BITS: Final = 2048
_PLATFORM: Final = "the merchant platform (Account centre, API security)"


class WechatSettings(Struct, frozen=True, kw_only=True):
    """As the operator wrote it. A key is PEM text (line ends may be written as \\n) or the path of a file."""

    mchid: str
    appid: str
    private_key: str
    """The merchant's own: apiclient_key.pem."""
    apiv3_key: str
    public_keys: tuple[tuple[str, str], ...]
    """The provider's: PUB_KEY_ID_… and key. The first is named in requests; the others are for a change-over. A
    platform certificate may stand here too, under its serial number."""
    serial: str = ""
    """Of the merchant's certificate; may be left out when `certificate` is given."""
    certificate: str = ""
    """apiclient_cert.pem: only to check that the key and the serial number belong to it."""
    earlier_apiv3_keys: tuple[str, ...] = ()
    """In force before: notifications on their way may still be encrypted with them."""
    app_secret: str = ""
    """Of the app `appid`: needed to pay inside WeChat."""
    transfer_scene: str = ""
    """The scene that transfers to people were applied for, such as 1009: without it none are sent."""
    transfer_reports: tuple[tuple[str, str], ...] = ()
    """What that scene has to report of each: the kind of information, and what it says."""
    gateway: str = GATEWAY
    api_host: str = API_HOST
    open_host: str = OPEN_HOST

    def __repr__(self) -> str:
        return f"WechatSettings(mchid={self.mchid!r})"


class WechatKeys(Struct, frozen=True, kw_only=True):
    """The same, read and found right."""

    mchid: str
    appid: str
    serial: str
    private: RSAPrivateKey
    apiv3_keys: tuple[str, ...]
    """The first is in force."""
    public_keys: tuple[tuple[str, str], ...]
    """Id and PEM; the first is named in requests."""
    app_secret: str
    transfer_scene: str
    transfer_reports: tuple[tuple[str, str], ...]
    gateway: str
    api_host: str
    open_host: str

    def __repr__(self) -> str:
        return f"WechatKeys(mchid={self.mchid!r})"


def check(settings: WechatSettings) -> list[Finding]:
    """Everything that is wrong, each with what to do; empty when all is well. Reads files, asks nobody."""
    return _check(settings, _private_key(settings), _certificate(settings))


def read_keys(settings: WechatSettings) -> WechatKeys:
    """Keys to work with. WrongSettings when `check` finds anything."""
    private, certificate = _private_key(settings), _certificate(settings)
    findings = _check(settings, private, certificate)
    if findings or isinstance(private, str):
        raise WrongSettings(findings)
    serial = settings.serial.upper()
    if not serial and isinstance(certificate, x509.Certificate):
        serial = f"{certificate.serial_number:X}"
    return WechatKeys(
        mchid=settings.mchid,
        appid=settings.appid,
        serial=serial,
        private=private,
        apiv3_keys=(settings.apiv3_key, *settings.earlier_apiv3_keys),
        public_keys=tuple((name, _public_pem(key)) for name, key in settings.public_keys),
        app_secret=settings.app_secret,
        transfer_scene=settings.transfer_scene,
        transfer_reports=settings.transfer_reports,
        gateway=settings.gateway.rstrip("/"),
        api_host=settings.api_host.rstrip("/"),
        open_host=settings.open_host.rstrip("/"),
    )


def _check(
    settings: WechatSettings, private: RSAPrivateKey | str, certificate: x509.Certificate | str
) -> list[Finding]:
    return [
        *_check_names(settings),
        *_check_merchant(settings, private, certificate),
        *_check_apiv3(settings),
        *_check_public_keys(settings),
        *_check_transfers(settings),
        *_check_addresses(settings),
    ]


def _check_names(settings: WechatSettings) -> Iterator[Finding]:
    if not _MCHID.fullmatch(settings.mchid):
        yield Finding("mchid", "is not 8 to 10 digits", f"Copy the merchant number from {_PLATFORM}.")
    if not _APPID.fullmatch(settings.appid):
        yield Finding("appid", "is not `wx` and 16 letters or digits", "Copy it from the app's own page.")


def _check_merchant(
    settings: WechatSettings, private: RSAPrivateKey | str, certificate: x509.Certificate | str
) -> Iterator[Finding]:
    if isinstance(private, str):
        yield Finding("private_key", private, "Point it to apiclient_key.pem of the merchant's certificate.")
    serial = settings.serial.upper()
    if serial and not _SERIAL.fullmatch(serial):
        yield Finding("serial", "is not 40 hexadecimal digits", f"Copy the certificate's from {_PLATFORM}.")
    if not settings.certificate:
        if not serial:
            yield Finding("serial", "is missing", "Set it, or `certificate` to apiclient_cert.pem.")
        return
    if isinstance(certificate, str):
        yield Finding("certificate", certificate, "Point it to apiclient_cert.pem, or leave it out.")
        return
    if serial and int(serial, 16) != certificate.serial_number:
        yield Finding(
            "serial",
            "is not the serial number of `certificate`",
            f"The certificate's is {certificate.serial_number:X}; set that, or the other certificate.",
        )
    if isinstance(private, RSAPrivateKey) and certificate.public_key() != private.public_key():
        yield Finding(
            "private_key", "does not belong to `certificate`", "Set key and certificate from the same zip."
        )


def _check_apiv3(settings: WechatSettings) -> Iterator[Finding]:
    keys = {"apiv3_key": (settings.apiv3_key,), "earlier_apiv3_keys": settings.earlier_apiv3_keys}
    for setting, values in keys.items():
        for value in values:
            length = len(value.encode())
            if length != _APIV3_BYTES or not value.isascii():
                yield Finding(
                    setting,
                    f"has to be {_APIV3_BYTES} letters and digits, not {length} bytes",
                    f"Set the APIv3 key as you chose it on {_PLATFORM}; the older APIv2 key does not do.",
                )


def _check_public_keys(settings: WechatSettings) -> Iterator[Finding]:
    if not settings.public_keys:
        yield Finding("public_keys", "is missing", f"Download the WeChat Pay public key from {_PLATFORM}.")
    seen: set[str] = set()
    for name, key in settings.public_keys:
        if name in seen:
            yield Finding("public_keys", f"names {name} twice", "Leave one of them out.")
        seen.add(name)
        if not _PUBLIC_KEY_ID.fullmatch(name) and not _SERIAL.fullmatch(name):
            yield Finding(
                "public_keys",
                "holds an id that is not PUB_KEY_ID_ and digits",
                f"Copy the id that stands beside the public key on {_PLATFORM}.",
            )
        public = _public_key(key)
        if isinstance(public, str):
            yield Finding("public_keys", f"{name}: {public}", "Point it to pub_key.pem as downloaded.")


def _check_transfers(settings: WechatSettings) -> Iterator[Finding]:
    if settings.transfer_scene and not _SCENE.fullmatch(settings.transfer_scene):
        yield Finding("transfer_scene", "is not 4 to 16 digits", f"Copy it from {_PLATFORM}.")
    for name, text in settings.transfer_reports:
        if not 1 <= len(name) <= _MOST_REPORT_NAME or not 1 <= len(text) <= _MOST_REPORT:
            yield Finding(
                "transfer_reports",
                f"has a name longer than {_MOST_REPORT_NAME}, a text longer than {_MOST_REPORT}, or none",
                "Write what the scene asks for, as the merchant platform lists it.",
            )


def _check_addresses(settings: WechatSettings) -> Iterator[Finding]:
    for setting in ("gateway", "api_host", "open_host"):
        parts = urlsplit(str(getattr(settings, setting)))
        is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
            yield Finding(
                setting, "is not an https address", "Leave it out, but for a sandbox on this machine."
            )


def _read(text: str) -> str | None:
    """PEM text, of the setting itself or of the file that it names; None when there is no such file."""
    if "-----BEGIN" in text:
        return text.replace("\\n", "\n").strip() + "\n"
    try:
        return Path(text).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None


def _private_key(settings: WechatSettings) -> RSAPrivateKey | str:
    """The key, or what is wrong with it."""
    text = _read(settings.private_key) if settings.private_key else None
    if text is None:
        return "cannot be read"
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        return "is protected by a password"
    except (ValueError, UnsupportedAlgorithm):
        return "is not a private key in PEM"
    return key if isinstance(key, RSAPrivateKey) and key.key_size == _BITS else "is not RSA of 2048 bits"


def _certificate(settings: WechatSettings) -> x509.Certificate | str:
    text = _read(settings.certificate)
    if text is None:
        return "cannot be read"
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        return "is not a certificate in PEM"


def _public_key(text: str) -> RSAPublicKey | str:
    pem = _read(text) if text else None
    if pem is None:
        return "cannot be read"
    try:
        if "BEGIN CERTIFICATE" in pem:
            key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        else:
            key = load_pem_public_key(pem.encode())  # type: ignore[assignment]
    except (ValueError, UnsupportedAlgorithm):
        return "is not a public key in PEM"
    return key if isinstance(key, RSAPublicKey) and key.key_size == _BITS else "is not RSA of 2048 bits"


def _public_pem(text: str) -> str:
    key = _public_key(text)
    assert isinstance(key, RSAPublicKey)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
