"""The QR on an appliance: its public code, signed, so that nobody can print one of their own."""

from __future__ import annotations

import hmac
import re

from coinslot.keyring import Keyring, Purpose, mac

_SIGNATURE_CHARACTERS = 12
"""60 bits: at a million guesses a second, half of them are tried in 18,000 years."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # as in ids: nothing to misread when it is typed
_token = re.compile(rf"([A-Za-z0-9_-]{{4,40}})\.([{_ALPHABET}]{{{_SIGNATURE_CHARACTERS}}})")


def sign(keyring: Keyring, code: str) -> str:
    """What stands in the appliance's address: `CODE.signature`."""
    return f"{code}.{_signature(keyring.key(Purpose.STICKER), code)}"


def read(keyring: Keyring, token: str) -> str | None:
    """The code of a sticker of ours, also of one made under an earlier secret; None for any other text."""
    found = _token.fullmatch(token)
    if found is None:
        return None
    code, signature = found[1], found[2]
    known = [hmac.compare_digest(signature, _signature(key, code)) for key in keyring.keys(Purpose.STICKER)]
    return code if any(known) else None


def _signature(key: bytes, code: str) -> str:
    number = int.from_bytes(mac(key, code)[:8], "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(59 - 4, -1, -5))
