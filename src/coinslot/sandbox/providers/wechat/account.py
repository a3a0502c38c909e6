"""A merchant's account with the made-up provider: who it is, and both sides' keys."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

_BITS: Final = 2048
_LETTERS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, repr=False)
class PlatformKey:
    """One key with which the provider signs, and to which names are encrypted."""

    id: str
    """PUB_KEY_ID_ and digits."""
    private: RSAPrivateKey

    def pem(self) -> str:
        """The public half, as a merchant downloads it."""
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(repr=False)
class WechatAccount:
    """One merchant. Keys are made for it and never leave the process but to the merchant's settings."""

    mchid: str = "1900000001"
    appid: str = "wxd678efh567hg6787"
    app_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    name: str = "Sandbox Water Co."
    apiv3_key: str = field(default_factory=lambda: _letters(32))
    private: RSAPrivateKey = field(default_factory=lambda: _private_key())
    platform_keys: list[PlatformKey] = field(default_factory=lambda: [_platform_key()])
    """The one that signs notifications is the last; the others still answer who asks for them."""
    certificate: x509.Certificate | None = None
    """Of `private`; None: one is made."""

    def __post_init__(self) -> None:
        self._certificate = self.certificate or _certificate(self.private, self.mchid)

    @property
    def serial(self) -> str:
        """Of the merchant's certificate, in capitals."""
        return f"{self._certificate.serial_number:X}"

    @property
    def public(self) -> RSAPublicKey:
        """What the merchant's signatures are checked with."""
        return self.private.public_key()

    @property
    def signing_key(self) -> PlatformKey:
        """The provider's key in force."""
        return self.platform_keys[-1]

    def platform_key(self, key_id: str) -> PlatformKey | None:
        """The provider's key of this id, unless it was withdrawn."""
        return next((key for key in self.platform_keys if key.id == key_id), None)

    def change_key(self) -> PlatformKey:
        """A new key signs notifications from now on; the earlier ones stay known until `withdraw_keys`."""
        self.platform_keys.append(_platform_key())
        return self.signing_key

    def withdraw_keys(self) -> None:
        """Only the key in force is left."""
        del self.platform_keys[:-1]

    def private_pem(self) -> str:
        """`apiclient_key.pem`."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def certificate_pem(self) -> str:
        """`apiclient_cert.pem`."""
        return self._certificate.public_bytes(Encoding.PEM).decode()


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _private_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=_BITS)


def _platform_key() -> PlatformKey:
    digits = "".join(secrets.choice(string.digits) for _ in range(34))
    return PlatformKey(f"PUB_KEY_ID_{digits}", _private_key())


def _certificate(private: RSAPrivateKey, mchid: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, mchid)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        # As long as theirs: 40 hexadecimal digits, the first not a zero.
        .serial_number(secrets.randbits(158) | 1 << 158)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=5 * 365))
        .sign(private, SHA256())
    )
