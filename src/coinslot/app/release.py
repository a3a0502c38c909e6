"""`coinslot release`: make a key, sign an artifact, check one. Where the private key is, no server needs to be."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import click
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coinslot.app.errors import Problem
from coinslot.fleet.releases import SignedRelease, is_of, is_signed, sign
from coinslot.wire.parts import UpdateKind
from coinslot.wire.statements import EVERYBODY, Statement, most_bytes

SUFFIX = ".signed.json"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(
    "release",
    epilog="Example: coinslot release sign agent-1.2.0.zip --key maker.pem --serial 7 --version 1.2.0",
)
def command() -> None:
    """Sign software and configurations for terminals.

    Keep the private key off servers: what it signs, terminals put in place.
    """


@command.command("keygen", epilog="Example: coinslot release keygen maker.pem")
@click.argument("path", metavar="FILE", type=_FILE)
def keygen(path: Path) -> None:
    """A new private key in FILE, which must not exist yet; prints the public key, for terminals."""
    private = Ed25519PrivateKey.generate()
    data = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise Problem(
            f"{path} is there already", "Choose another name: a key that is lost cannot be made again."
        ) from None
    except OSError as error:
        raise Problem(
            f"{path} cannot be written: {error.strerror}", "Choose a directory of your own."
        ) from None
    click.echo(private.public_key().public_bytes_raw().hex())


@command.command(
    "sign",
    epilog="Example: coinslot release sign agent-1.2.0.zip --key maker.pem --serial 7 --version 1.2.0",
)
@click.argument("path", metavar="ARTIFACT", type=_FILE)
@click.option("--key", "key_path", type=_FILE, required=True, help="The private key, as `keygen` made it.")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in UpdateKind]), default="software", show_default=True
)
@click.option(
    "--serial", type=click.IntRange(min=1), required=True, help="Higher than any before it of its kind."
)
@click.option("--version", required=True, help="For people: at most 64 characters.")
@click.option("--audience", default=EVERYBODY, show_default=True, help="An operator's id; * for any.")
def sign_command(path: Path, key_path: Path, kind: str, serial: int, version: str, audience: str) -> None:
    """Sign ARTIFACT: writes ARTIFACT.signed.json beside it."""
    artifact = read(path)
    if len(artifact) > (most := most_bytes(UpdateKind(kind))):
        raise Problem(f"{path} is larger than {most} bytes", "No terminal takes it.")
    about = {
        "kind": kind,
        "serial": serial,
        "version": version,
        "sha256": hashlib.sha256(artifact).hexdigest(),
        "size": len(artifact),
        "audience": audience,
    }
    try:
        statement = msgspec.convert(about, Statement)
    except msgspec.ValidationError as error:
        raise Problem(str(error), "Correct it and sign again.") from None
    signed = sign(private_key(key_path), statement)
    beside = signed_path(path)
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(signed), indent=2) + b"\n")
    click.echo(str(beside))


@command.command("verify", epilog="Example: coinslot release verify agent-1.2.0.zip --key 3b6a27bc…")
@click.argument("path", metavar="ARTIFACT", type=_FILE)
@click.option(
    "--key", "keys", multiple=True, required=True, help="A public key that is trusted; may be given again."
)
def verify(path: Path, keys: tuple[str, ...]) -> None:
    """Check ARTIFACT against its ARTIFACT.signed.json."""
    signed = read_signed(path)
    if not is_of(signed.statement, read(path)):
        raise Problem(f"{path} is not what was signed", "Sign it again, or get the right file.")
    if not is_signed(signed, keys):
        raise Problem("None of these keys signed it", "Put nothing in place; ask whoever gave it to you.")
    about = signed.statement
    click.echo(
        f"{about.kind} {about.version}, serial {about.serial}, for {about.audience}: signed by {signed.key[:16]}…"
    )


def signed_path(path: Path) -> Path:
    """Where the signature of an artifact stands."""
    return path.with_name(path.name + SUFFIX)


def read(path: Path) -> bytes:
    """A file's bytes. Problem where there are none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}", "Check the path.") from None


def read_signed(path: Path) -> SignedRelease:
    """The signature of an artifact. Problem where there is none."""
    beside = signed_path(path)
    try:
        return msgspec.json.decode(read(beside), type=SignedRelease)
    except msgspec.MsgspecError as error:
        raise Problem(f"{beside}: {error}", "Sign it again: coinslot release sign") from None


def private_key(path: Path) -> Ed25519PrivateKey:
    """The private key of a file that nobody else may read. Problem otherwise."""
    data = read(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Problem(
            f"{path} may be read by others", f"Run: chmod 600 {path}; if others had it, make a new key."
        )
    try:
        found = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise Problem(f"{path} is no key of ours", "Make one: coinslot release keygen")
    return found
