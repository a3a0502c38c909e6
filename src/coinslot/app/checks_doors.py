"""The doctor's checks of what faces the network: certificates, and how many may connect."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from coinslot.app.connections import ENOUGH_FILES
from coinslot.app.findings import Finding, ok, skipped, wrong
from coinslot.app.installation import own_listener
from coinslot.app.settings import MqttTls, Settings

SOON: Final = timedelta(days=14)
_ANYWHERE: Final = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate that a listener shows, and the name under which it is reached."""

    check: str
    cert: Path
    key: Path
    host: str
    """Empty: not known, so not checked."""
    ca: Path | None = None
    """What its peers trust; None: what their systems trust."""


def check_doors(settings: Settings, now: datetime | None = None) -> Iterator[Finding]:
    """All of them; nothing of certificates that are not used."""
    if settings.demo:
        yield skipped("open files", "a demo has few visitors")
    else:
        yield judge_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    now = now or datetime.now(UTC)
    for shown in _shown(settings):
        yield check_certificate(shown, now)
    if settings.mqtt_tls is MqttTls.OWN:
        listener = own_listener(settings)
        if listener.cert.exists():
            yield check_certificate(Shown("mqtt certificate", listener.cert, listener.key, ""), now)
        else:
            yield skipped("mqtt certificate", "it is made at the first start")


def judge_files(files: int) -> Finding:
    """What a process may open at most."""
    if files == resource.RLIM_INFINITY:
        return ok("open files", "no limit")
    if files < ENOUGH_FILES:
        return wrong(
            "open files",
            f"at most {files}: few connections that say nothing would leave no room for customers",
            f"Allow {ENOUGH_FILES}: LimitNOFILE={ENOUGH_FILES} in the service, or ulimit -Hn.",
        )
    return ok("open files", f"at most {files}")


def check_certificate(shown: Shown, now: datetime) -> Finding:
    """Readable, in its time, of its key, for its host, under its CA."""
    renew = f"Put a new certificate in {shown.cert}, then start again."
    try:
        chain = x509.load_pem_x509_certificates(shown.cert.read_bytes())
        key = serialization.load_pem_private_key(shown.key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        return wrong(
            shown.check,
            f"{shown.cert} or {shown.key} cannot be read: {error}",
            "Give the certificate with its chain, and its key without a password, both PEM.",
        )
    first = chain[0]
    until = f"{first.not_valid_after_utc:%Y-%m-%d}"
    if now >= first.not_valid_after_utc:
        return wrong(shown.check, f"{shown.cert} has expired on {until}", renew)
    if now < first.not_valid_before_utc:
        return wrong(
            shown.check,
            f"{shown.cert} is valid only from {first.not_valid_before_utc:%Y-%m-%d}",
            "Correct this machine's clock, or use a certificate that is valid now.",
        )
    if key.public_key() != first.public_key():
        return wrong(
            shown.check,
            f"{shown.key} is not the key of {shown.cert}",
            "Name the key that the certificate was made for; the certificate itself stands first in its file.",
        )
    if shown.host and not names_host(first, shown.host):
        return wrong(
            shown.check,
            f"{shown.cert} is not for {shown.host}",
            f"Use a certificate with {shown.host} among its names, or correct the address in the settings.",
        )
    if shown.ca is not None and not _under(chain[-1], shown.ca):
        return wrong(
            shown.check,
            f"{shown.cert} was not issued by the CA in {shown.ca}: no terminal would connect",
            "Set `mqtt_tls_ca` to the CA of this certificate, and put CAs between them into its file.",
        )
    if now >= first.not_valid_after_utc - SOON:
        return wrong(shown.check, f"{shown.cert} expires on {until}", renew)
    return ok(shown.check, f"valid until {until}")


def names_host(certificate: x509.Certificate, host: str) -> bool:
    """Whether its subject alternative names cover this name or address; `*` stands for one whole label."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    wanted = host.lower().rstrip(".")
    covering = {wanted, f"*.{wanted.partition('.')[2]}"}
    return any(name.lower() in covering for name in names.get_values_for_type(x509.DNSName))


def _shown(settings: Settings) -> Iterator[Shown]:
    if settings.http_tls_cert is not None and settings.http_tls_key is not None:
        host = urlsplit(settings.public_url or "").hostname or ""
        yield Shown("http certificate", settings.http_tls_cert, settings.http_tls_key, host)
    if settings.mqtt_tls_cert is not None and settings.mqtt_tls_key is not None:
        host = "" if settings.mqtt_host in _ANYWHERE else settings.mqtt_host
        yield Shown(
            "mqtt certificate",
            settings.mqtt_tls_cert,
            settings.mqtt_tls_key,
            host,
            settings.mqtt_tls_ca,
        )


def _under(last: x509.Certificate, ca: Path) -> bool:
    try:
        roots = x509.load_pem_x509_certificates(ca.read_bytes())
    except (OSError, ValueError):
        return False
    return any(last == root or _issued(last, root) for root in roots)


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
