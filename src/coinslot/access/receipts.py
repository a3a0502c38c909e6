"""The address of a guest's bill: whoever paid has no account, so the address itself is what opens it."""

from __future__ import annotations

import hmac
import re

from coinslot.keyring import Keyring, Purpose, mac

_SIGNATURE_CHARACTERS = 20
"""100 bits."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_token = re.compile(rf"([A-Za-z0-9_-]{{4,40}})\.([{_ALPHABET}]{{{_SIGNATURE_CHARACTERS}}})")


def sign(keyring: Keyring, intent_id: str) -> str:
    """What stands in the bill's address: `INTENT.signature`."""
    return f"{intent_id}.{_signature(keyring.key(Purpose.RECEIPT), intent_id)}"


def read(keyring: Keyring, token: str) -> str | None:
    """The payment intent of an address of ours, also of one made under an earlier secret; None for any other text."""
    found = _token.fullmatch(token)
    if found is None:
        return None
    intent_id, signature = found[1], found[2]
    known = [
        hmac.compare_digest(signature, _signature(key, intent_id)) for key in keyring.keys(Purpose.RECEIPT)
    ]
    return intent_id if any(known) else None


def _signature(key: bytes, intent_id: str) -> str:
    number = int.from_bytes(mac(key, intent_id)[:13], "big") >> 4
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))
