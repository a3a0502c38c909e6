"""What a browser carries for us and cannot read or change: sealed under the installation's key, bound to its use."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from coinslot.keyring import Keyring, Purpose

T = TypeVar("T", bound=Struct)

_NONCE_BYTES: Final = 12


def seal(keyring: Keyring, purpose: Purpose, value: Struct, bound: bytes) -> str:
    """A cookie's text. `bound` says to what it belongs: sealed for one thing, it opens as nothing else."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(keyring.key(purpose)).encrypt(nonce, msgspec.json.encode(value), bound)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(
    keyring: Keyring, purpose: Purpose, text: str, kind: type[T], bound: bytes, *, most_characters: int
) -> T | None:
    """What was sealed, under an earlier secret too; None for any other text, and for one that is too long to be ours."""
    if not text or len(text) > most_characters:
        return None
    try:
        raw = base64.urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        return None
    for key in keyring.keys(purpose):
        try:
            plain = AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound)
            return msgspec.json.decode(plain, type=kind)
        except (InvalidTag, ValueError):
            continue
    return None
