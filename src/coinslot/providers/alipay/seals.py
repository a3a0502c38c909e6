"""Signatures of Alipay: over the exact text of an answer's value, and over a form. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\n\r]*")


class Garbled(Exception):
    """It is not one JSON object. Holds nothing of it."""


class Seals:
    """Judges signatures by the known keys."""

    def __init__(self, pems: Sequence[str]) -> None:
        self._keys: list[RSAPublicKey] = []
        for pem in pems:
            key = load_pem_public_key(pem.encode())
            assert isinstance(key, RSAPublicKey)
            self._keys.append(key)

    def holds(self, message: bytes, signature: str) -> bool:
        """Whether one of the keys signed this."""
        try:
            signed = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        return any(_fits(key, signed, message) for key in self._keys)


def values_of(text: str) -> Mapping[str, str]:
    """An object's names with the exact text of each value: the library counts braces instead, and one in a subject
    misleads it. Garbled, also for a name that stands twice."""
    found: dict[str, str] = {}
    try:
        at = _skip(text, _expect(text, _skip(text, 0), "{"))
        while True:
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _expect(text, _skip(text, at), ":"))
            _, end = _DECODER.raw_decode(text, at)
            if not isinstance(name, str) or name in found:
                raise Garbled
            found[name] = text[at:end]
            at = _skip(text, end)
            if text[at] == "}":
                break
            at = _skip(text, _expect(text, at, ","))
    except (json.JSONDecodeError, IndexError, RecursionError):
        raise Garbled from None
    if text[at + 1 :].strip():
        raise Garbled
    return found


def _expect(text: str, at: int, what: str) -> int:
    if text[at] != what:
        raise Garbled
    return at + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _fits(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
