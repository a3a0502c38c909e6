"""Staff passwords: scrypt, with its parameters in the hash so that they can be raised later."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata

from coinslot.fields import FieldError

MIN_CHARACTERS = 10
MAX_CHARACTERS = 128

# 32 MiB and 0.2 to 0.4 s: OWASP's password storage cheat sheet lists N=2^15, r=8, p=3 as equal in
# strength to its first choice, at a quarter of the memory a small server would need for each login.
_LOG_N, _R, _P = 15, 8, 3
_SALT_BYTES = 16
_HASH_BYTES = 32

_stored = re.compile(r"scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")


def check_password(password: str) -> None:
    """FieldError when a new password is too short, too long, or one character over and over."""
    length = len(unicodedata.normalize("NFKC", password))
    if length < MIN_CHARACTERS:
        raise FieldError("password", f"must be at least {MIN_CHARACTERS} characters, this is {length}")
    if length > MAX_CHARACTERS:
        raise FieldError("password", f"may be at most {MAX_CHARACTERS} characters")
    if len(set(password)) < 4:
        raise FieldError("password", "must be made of at least four different characters")


def hash_password(password: str) -> str:
    """`scrypt$ln=15,r=8,p=3$salt$hash`; takes about 0.2 s, so call it in a thread."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _scrypt(password, salt, _LOG_N, _R, _P)
    return f"scrypt$ln={_LOG_N},r={_R},p={_P}${_text(salt)}${_text(key)}"


def verify_password(password: str, stored: str) -> bool:
    """Whether `password` is the one behind `stored`. A malformed `stored` matches nothing."""
    parts = _stored.fullmatch(stored)
    if parts is None or len(password) > MAX_CHARACTERS:
        return False
    log_n, r, p = (int(parts[index]) for index in (1, 2, 3))
    if not (1 <= log_n <= 20 and 1 <= r <= 32 and 1 <= p <= 16):
        return False  # a row that was tampered with must not take the server's memory
    try:
        salt, key = base64.b64decode(parts[4], validate=True), base64.b64decode(parts[5], validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(_scrypt(password, salt, log_n, r, p), key)


def needs_rehash(stored: str) -> bool:
    """Whether `stored` was made with other parameters than today's."""
    return not stored.startswith(f"scrypt$ln={_LOG_N},r={_R},p={_P}$")


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # Composed first: keyboards differ in how they send an accented letter.
    plain = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    memory = 128 * r * ((1 << log_n) + p + 2)
    return hashlib.scrypt(plain, salt=salt, n=1 << log_n, r=r, p=p, maxmem=memory, dklen=_HASH_BYTES)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
