"""A real handshake, its certificate judged at a moment of our choosing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from coinslot.terminal.trust import tls_context

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
END = datetime(2021, 1, 1, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """A certificate that was valid in 2020 only, its own CA, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / f"{name}.crt", folder / f"{name}.key"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return crt, pem


@asynccontextmanager
async def listening(crt: Path, pem: Path) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A TLS server; what it was told after the handshake."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.read(100))
        except OSError:
            heard.append(b"")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, pem)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def speak(port: int, context: ssl.SSLContext) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    writer.write(b"secret")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_the_pinned_certificate_is_believed_at_a_moment_within_its_validity(tmp_path: Path) -> None:
    crt, pem = certificate(tmp_path)
    async with listening(crt, pem) as (port, heard):
        await speak(port, tls_context(crt, ms(BEGIN + timedelta(days=30))))
    assert heard == [b"secret"]


@pytest.mark.parametrize("moment", [BEGIN - timedelta(days=1), END + timedelta(days=1)])
async def test_outside_its_validity_nothing_of_ours_is_sent(tmp_path: Path, moment: datetime) -> None:
    crt, pem = certificate(tmp_path)
    async with listening(crt, pem) as (port, heard):
        with pytest.raises(ssl.SSLCertVerificationError, match="not now"):
            await speak(port, tls_context(crt, ms(moment)))
    assert b"secret" not in heard


async def test_another_server_s_certificate_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    ours, _ = certificate(tmp_path / "other")
    crt, pem = certificate(tmp_path)
    async with listening(crt, pem) as (port, heard):
        with pytest.raises(ssl.SSLCertVerificationError):
            await speak(port, tls_context(ours, ms(BEGIN + timedelta(days=30))))
    assert b"secret" not in heard


async def test_a_pinned_certificate_for_another_name_is_not_believed(tmp_path: Path) -> None:
    crt, pem = certificate(tmp_path, "elsewhere.example")
    async with listening(crt, pem) as (port, _):
        with pytest.raises(ssl.SSLCertVerificationError):
            await speak(port, tls_context(crt, ms(BEGIN + timedelta(days=30))))
