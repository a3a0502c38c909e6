"""Who this terminal is: asked for once with a claim code, then kept in one private file."""

from __future__ import annotations

import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from coinslot.wire.ids import Id

ANSWER_BYTES = 65_536
TIMEOUT_S = 20


class IdentityError(Exception):
    """No identity; the text says what to do next."""


class Identity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server gave: once, over TLS."""

    terminal_id: Id
    secret: Annotated[str, Meta(min_length=1, max_length=256)]
    mqtt_host: Annotated[str, Meta(min_length=1, max_length=253)]
    mqtt_port: Annotated[int, Meta(ge=1, le=65535)]
    ca: str | None = None
    """The CA to pin, in PEM; with it the link uses TLS and trusts nothing else."""
    tls: bool = False
    """TLS with the system's roots, for a broker with a public certificate."""
    operator_id: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{1,40})?$(?!\n)")] = ""
    """For whom releases are signed that this terminal takes, beside those for everybody."""
    update_keys: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    """Ed25519 public keys, in hex: only what one of them signed is ever put in place."""


def load(path: Path) -> Identity:
    """The identity kept by an earlier claim. IdentityError when there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        raise IdentityError(
            f"this terminal has no identity yet ({path} does not exist).\n"
            "Ask the operator for a claim code, then run:\n"
            "  coinslot terminal --claim CODE --server https://your.server"
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise IdentityError(
            f"{path} cannot be read: {error}.\nMove it away and claim this terminal again."
        ) from None


def save(path: Path, identity: Identity) -> None:
    """Keep it, readable by its owner alone, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(identity))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def claim(server: str, code: str) -> Identity:
    """Trade a claim code for an identity. IdentityError with the server's own words on a refusal."""
    url = f"{server.rstrip('/')}/api/v1/terminals/claim"
    parts = urllib.parse.urlsplit(url)
    here = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if parts.scheme != "https" and not here:
        raise IdentityError(f"the secret must not cross a network in the clear: use https, not {server}")
    request = urllib.request.Request(
        url,
        data=msgspec.json.encode({"code": code}),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return msgspec.json.decode(answer.read(ANSWER_BYTES), type=Identity)
    except urllib.error.HTTPError as error:
        text = error.read(2_000).decode("utf-8", "replace").strip()
        raise IdentityError(
            f"the server refused the claim code ({error.code}): {text[:300]}\n"
            "A code works once and not for long; ask the operator for a new one."
        ) from None
    except msgspec.MsgspecError as error:
        raise IdentityError(f"{url} did not answer as a coinslot server: {error}") from None
    except OSError as error:
        raise IdentityError(f"no answer from {url}: {error}\nCheck the address and the network.") from None
