"""A merchant's account with the made-up provider: who it is, and both sides' keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

_BITS: Final = 2048
BUYER_ID: Final = "2088902485164146"
BUYER_LOGON: Final = "137****2600"
"""The sandbox's payer, as the wire tells of one."""


@dataclass(repr=False)
class AlipayAccount:
    """One merchant's app. Keys are made for it and never leave the process but to the merchant's settings."""

    app_id: str = "2021000118618236"
    seller_id: str = "2088621955702181"
    name: str = "Sandbox Water Co."
    private: RSAPrivateKey = field(default_factory=lambda: _private_key())
    """The app's."""
    signing: RSAPrivateKey = field(default_factory=lambda: _private_key())
    """The provider's, in force."""

    def change_key(self) -> None:
        """The provider signs with a new key from now on."""
        self.signing = _private_key()

    def private_pem(self) -> str:
        """The app's key as the provider's key tool writes it for others than Java: PKCS#1."""
        return self.private.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ).decode()

    def private_pkcs8_pem(self) -> str:
        """The same as it writes it for Java."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def app_public_pem(self) -> str:
        """The public half that the merchant uploads: not the one that answers are checked with."""
        return _public_pem(self.private)

    def public_pem(self) -> str:
        """The provider's public key, as the merchant finds it in the console."""
        return _public_pem(self.signing)


def _private_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=_BITS)


def _public_pem(private: RSAPrivateKey) -> str:
    public = private.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
