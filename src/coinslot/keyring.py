"""The installation's secret, one key for each purpose.

Owns: how a key is derived from the secret; that older secrets still verify what they made.
Does not decide: what a key is used for.
Invariants: no I/O; keys of two purposes tell nothing of each other (HKDF, RFC 5869, SHA-256); neither the
    secret nor a key is ever shown.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

_SALT = b"coinslot keyring 1"


class Purpose(StrEnum):
    """What a key is for."""

    STICKER = "sticker"
    """Signs the code in an appliance's QR."""
    FORM = "form"
    """Binds a form to the browser that asked for it."""
    LOGIN_CODE = "login-code"
    """Hashes codes, phone numbers and addresses, so that the database alone tells none of them."""
    PENDING_LOGIN = "pending-login"
    """Seals what a browser keeps between asking for a code and typing it."""
    PERSON = "person"
    """Wraps the keys of persons."""
    ID_NUMBER = "id-number"
    """Hashes ID numbers to find the same one twice."""
    STAFF_LOGIN = "staff-login"
    """Hashes who tries to log in to the console and from where, so that the database alone tells neither."""
    RECEIPT = "receipt"
    """Signs the address of a guest's bill: whoever has it may see that one."""
    WEBHOOK = "webhook"
    """Makes each webhook endpoint's secret."""
    PAYER = "payer"
    """Seals a payer's id with a provider while it is kept in the payer's own browser."""
    REQUEST = "request"
    """Hashes what was asked under a key of the caller's: phone numbers could be guessed from a bare hash."""
    CARD = "card"
    """Hashes card numbers and PINs, and from where they are tried."""
    FAPIAO = "fapiao"
    """Seals what somebody gave for a fapiao: who has no account has no key of their own."""
    KEYPAD_CODE = "keypad-code"
    """Draws the digits of codes for keypads, and hashes them: the database alone tells none."""
    OFFLINE_KEY = "offline-key"
    """Makes the key of each outlet's offline codes from the id of their terms."""
    OFFLINE_CODE = "offline-code"
    """Hashes the digits of offline codes."""


class Keyring:
    """Keys from the secret in force; what was made with an earlier one is still recognised."""

    def __init__(self, secret: str, earlier: Sequence[str] = ()) -> None:
        self._secrets = (secret, *earlier)

    def __repr__(self) -> str:
        return "Keyring(…)"

    def key(self, purpose: Purpose) -> bytes:
        """32 bytes for making something new."""
        return _derive(self._secrets[0], purpose)

    def keys(self, purpose: Purpose) -> tuple[bytes, ...]:
        """The key in force, then those of earlier secrets, for recognising what was made before."""
        return tuple(_derive(secret, purpose) for secret in self._secrets)

    def mac(self, purpose: Purpose, *parts: str) -> bytes:
        """A keyed hash of these parts, none of which can slip into its neighbour."""
        return mac(self.key(purpose), *parts)


def mac(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA256 over parts, each with its length before it."""
    body = b"".join(
        len(raw).to_bytes(4, "big") + raw for raw in (part.encode("utf-8", "surrogatepass") for part in parts)
    )
    return hmac.digest(key, body, hashlib.sha256)


@lru_cache(maxsize=64)
def _derive(secret: str, purpose: Purpose) -> bytes:
    base = hmac.digest(_SALT, secret.encode(), hashlib.sha256)
    return hmac.digest(base, purpose.value.encode() + b"\x01", hashlib.sha256)
