"""A CA of the installation's own, for the one listener that only its terminals use.

Terminals get the CA when they are claimed and trust nothing else for their link, so no public authority is
needed. The CA lasts as long as an appliance; the certificate is made anew when a third of its time is left,
or when the listener gets another name.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coinslot.app.errors import Problem

Key: TypeAlias = ec.EllipticCurvePrivateKey

CA_DAYS: Final = 20 * 365
CERTIFICATE_DAYS: Final = 3 * 365
CERTIFICATE: Final = "mqtt.pem"
KEY: Final = "mqtt-key.pem"
"""In the folder, beside ca.pem and ca-key.pem."""
_LEFT: Final = timedelta(days=CERTIFICATE_DAYS / 3)
_CLOCKS: Final = timedelta(days=1)
"""A terminal's clock may be behind ours."""
_HERE: Final = ("127.0.0.1", "::1", "localhost")
_ANYWHERE: Final = ("0.0.0.0", "::", "")


@dataclass(frozen=True, slots=True)
class OwnTls:
    """What the listener shows, and what terminals pin."""

    ca: str
    """PEM."""
    cert: Path
    key: Path


def own_tls(folder: Path, names: Iterable[str] = (), now: datetime | None = None) -> OwnTls:
    """CA and certificate in this folder, made where they are missing or not good for long. `names`: hosts and
    addresses under which terminals connect, besides this machine's own. Problem when a file is damaged."""
    now = now or datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = tuple(dict.fromkeys(name for name in (*_HERE, *names) if name not in _ANYWHERE))
    ca_cert, ca_key = _ca(folder, now)
    cert, key = folder / CERTIFICATE, folder / KEY
    if not _good(cert, key, ca_cert, wanted, now):
        made = ec.generate_private_key(ec.SECP256R1())
        _write(key, _pem_of_key(made))
        _write(cert, _pem(_certificate(made, wanted, ca_cert, ca_key, now)))
    return OwnTls(_pem(ca_cert).decode("ascii"), cert, key)


def find_ca(folder: Path) -> str | None:
    """The CA as terminals pin it; None before it was made."""
    path = folder / "ca.pem"
    return path.read_text(encoding="ascii") if path.is_file() else None


def read_ca(path: Path) -> str:
    """A CA that somebody else made, as terminals pin it. Problem when the file holds none."""
    try:
        text = path.read_text(encoding="ascii")
        x509.load_pem_x509_certificates(text.encode())
    except (OSError, ValueError) as error:
        raise Problem(
            f"`mqtt_tls_ca`: {path} holds no certificate: {error}", "Name the PEM file of the CA itself."
        ) from error
    return text


def own_names() -> Sequence[str]:
    """What other machines may call this one."""
    return (socket.gethostname(),)


def _ca(folder: Path, now: datetime) -> tuple[x509.Certificate, Key]:
    cert, key = folder / "ca.pem", folder / "ca-key.pem"
    if not cert.exists() or not key.exists():
        if cert.exists():
            raise Problem(
                f"{key} is missing: terminals trust {cert}, and nothing new can be signed with it",
                f"Bring {key} back from a backup. Or remove {cert} too, and claim every terminal again.",
            )
        made = ec.generate_private_key(ec.SECP256R1())
        _write(key, _pem_of_key(made))
        _write(cert, _pem(_ca_certificate(made, now)))
    try:
        loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
        found = x509.load_pem_x509_certificate(cert.read_bytes())
    except ValueError as error:
        raise Problem(
            f"{cert} or {key} is damaged: {error}",
            "Bring both back from a backup. Or remove both, and claim every terminal again.",
        ) from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != found.public_key():
        raise Problem(
            f"{key} is not the key of {cert}",
            "Bring both back from a backup. Or remove both, and claim every terminal again.",
        )
    return found, loaded


def _good(cert: Path, key: Path, ca: x509.Certificate, wanted: Sequence[str], now: datetime) -> bool:
    """Whether they can still be shown. Anything damaged is made anew: nobody but the listener keeps it."""
    try:
        found = x509.load_pem_x509_certificate(cert.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
        found.verify_directly_issued_by(ca)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound, x509.InvalidVersion):
        return False
    return (
        private.public_key() == found.public_key()
        and names == _names(wanted)
        and found.not_valid_before_utc <= now < found.not_valid_after_utc - _LEFT
    )


def _ca_certificate(key: Key, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coinslot terminals")])
    builder = _builder(key, name, name, now, CA_DAYS)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    key: Key, wanted: Sequence[str], ca: x509.Certificate, ca_key: Key, now: datetime
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coinslot MQTT listener")])
    builder = _builder(key, name, ca.subject, now, CERTIFICATE_DAYS)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_names(wanted), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    key: Key, subject: x509.Name, issuer: x509.Name, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _names(wanted: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_name(one) for one in wanted])


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text.encode("idna").decode("ascii"))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of_key(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and for us alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
