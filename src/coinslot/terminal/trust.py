"""TLS for a board whose clock may say 1970: a pinned CA, and validity judged at a moment we choose."""

from __future__ import annotations

import ssl
from pathlib import Path

NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python's ssl does not name."""


def moment_ms(clock_ms: int | None, build_ms: int, last_known_ms: int) -> int:
    """The latest of what the clock says, when this release was made, and the last time the server told:
    an expired certificate cannot be brought back by setting the clock back further than that."""
    return max(clock_ms or 0, build_ms, last_known_ms)


def tls_context(ca: Path | None, at_ms: int) -> ssl.SSLContext:
    """A context that trusts only `ca` (the system's roots where it is None), with validity checked at
    `at_ms` before the first byte of ours is sent. OSError when the file cannot be read."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    # The handshake ends inside do_handshake: a bad validity raises there, before CONNECT and its password.
    context.sslobject_class = _judged_at(at_ms)
    return context


def check_validity(not_before: str, not_after: str, at_ms: int) -> None:
    """SSLCertVerificationError when the moment lies outside the certificate's validity."""
    if not ssl.cert_time_to_seconds(not_before) * 1000 <= at_ms <= ssl.cert_time_to_seconds(not_after) * 1000:
        raise ssl.SSLCertVerificationError(
            1, f"the server's certificate is valid from {not_before} to {not_after}, not now"
        )


def _judged_at(at_ms: int) -> type[ssl.SSLObject]:
    class Judged(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert()
            if certificate is None:
                raise ssl.SSLCertVerificationError(1, "the server showed no certificate")
            check_validity(str(certificate["notBefore"]), str(certificate["notAfter"]), at_ms)

    return Judged
