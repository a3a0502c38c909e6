"""Secrets that machines keep: made of 32 random bytes, stored as a hash, compared in constant time.

SHA-256 without salt or stretching is enough for them, and only for them: nobody can guess 256 bits
(60 for a claim code, which works once and expires). People's passwords are in `people.passwords`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

CLAIM_CODE_LENGTH = 12
API_KEY_PREFIX = "csk_"
"""Lets secret scanners recognize a key that was committed somewhere by mistake."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_MISREAD = str.maketrans("OIL", "011", " -\t")


def new_secret() -> str:
    """A terminal's secret: 32 random bytes as 43 characters of URL-safe base 64."""
    return secrets.token_urlsafe(32)


def new_api_key() -> str:
    """A key for the HTTP API: 32 random bytes behind a recognizable prefix."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def new_claim_code() -> str:
    """A code that a technician can type: `7K2M-0QX9-B4ZC`, 60 random bits."""
    digits = "".join(secrets.choice(_ALPHABET) for _ in range(CLAIM_CODE_LENGTH))
    return "-".join(digits[start : start + 4] for start in range(0, CLAIM_CODE_LENGTH, 4))


def normal_claim_code(text: str) -> str | None:
    """The code without groups, in upper case, O, I and L read as the digits they look like.

    None when it cannot be a claim code at all.
    """
    code = text.upper().translate(_MISREAD)
    if len(code) != CLAIM_CODE_LENGTH or any(character not in _ALPHABET for character in code):
        return None
    return code


def hash_secret(secret: str) -> bytes:
    """The 32 bytes that are stored in a secret's place."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def secret_matches(secret: str, stored: bytes) -> bool:
    """Whether `secret` is the one behind `stored`; the time it takes tells nothing."""
    return hmac.compare_digest(hash_secret(secret), stored)


def new_appliance_code() -> str:
    """The short public code of an appliance (printed under its QR): 8 characters, not a secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))
