"""The digits of a code: drawn from its id by the installation's key, found again by a keyed hash. Pure.

The same id and number of draws give the same digits, so that a page can show them again though they stand nowhere.
"""

from __future__ import annotations

from typing import Final

from coinslot.keyring import Keyring, Purpose, mac
from coinslot.settlement.codes.model import CodeRow

_RANGE: Final = 1 << 64


def draw(keyring: Keyring, code_id: str, times: int, digits: int) -> str:
    """The digits of a new code, each of the 10ⁿ as likely as any other; `times`: how often some were drawn before."""
    return _draw(keyring.key(Purpose.KEYPAD_CODE), code_id, times, digits)


def hashed(keyring: Keyring, operator: str, site: str, digits: str) -> bytes:
    """What is stored of digits. Those of another site have another hash: nobody is asked about them."""
    return _hashed(keyring.key(Purpose.KEYPAD_CODE), operator, site, digits)


def hashes(keyring: Keyring, operator: str, site: str, digits: str) -> list[bytes]:
    """Under which hashes typed digits may stand: also those of a secret that was replaced minutes ago."""
    return [_hashed(key, operator, site, digits) for key in keyring.keys(Purpose.KEYPAD_CODE)]


def digits_of(keyring: Keyring, row: CodeRow) -> str:
    """The digits of a stored code. Empty where the secret they were drawn with is known no more."""
    for key in keyring.keys(Purpose.KEYPAD_CODE):
        found = _draw(key, row.code_id, row.draw, row.scope.digits)
        if _hashed(key, row.operator_id, row.site_id, found) == row.mac:
            return found
    return ""


def _draw(key: bytes, code_id: str, times: int, digits: int) -> str:
    most = 10**digits
    fair = _RANGE - _RANGE % most  # above it, low numbers would come more often
    attempt = 0
    while True:
        block = mac(key, "draw", code_id, str(times), str(attempt))
        number = int.from_bytes(block[:8], "big")
        if number < fair:
            return f"{number % most:0{digits}}"
        attempt += 1


def _hashed(key: bytes, operator: str, site: str, digits: str) -> bytes:
    return mac(key, "look up", operator, site, digits)
