"""Keys and digits of offline codes: derived from the installation's secret whenever they are needed, never stored."""

from __future__ import annotations

import hmac
from typing import Final

from coinslot.access.offline import make_code
from coinslot.keyring import Keyring, Purpose, mac
from coinslot.wire.ids import OperatorId, TerminalId

_KEY_BYTES: Final = 16
_CHECK_BYTES: Final = 8


def new_key_check(keyring: Keyring, terms_id: str) -> bytes:
    """What tells later which of the installation's secrets made the key of these terms."""
    return _check(keyring.key(Purpose.OFFLINE_KEY), terms_id)


def key_hex(keyring: Keyring, terms_id: str, key_check: bytes) -> str | None:
    """The outlet's key under these terms; None where the secret that made it is gone."""
    for key in keyring.keys(Purpose.OFFLINE_KEY):
        if hmac.compare_digest(_check(key, terms_id), key_check):
            return mac(key, "key", terms_id)[:_KEY_BYTES].hex()
    return None


def digits_of(key: str, starting_code: int, value: int, count: int) -> str:
    """The digits of a code that was made at this count."""
    digits, made = make_code(key, starting_code, value, count - 1)
    assert made == count, "a code's count was good when it was made"
    return digits


def digits_mac(
    keyring: Keyring, operator: OperatorId, terminal: TerminalId, outlet: int, digits: str
) -> bytes:
    """The keyed hash of a code's digits at its keypad, to be kept."""
    return keyring.mac(Purpose.OFFLINE_CODE, operator, terminal, str(outlet), digits)


def digits_macs(
    keyring: Keyring, operator: OperatorId, terminal: TerminalId, outlet: int, digits: str
) -> list[bytes]:
    """The hashes that these digits may have been kept under."""
    return [mac(key, operator, terminal, str(outlet), digits) for key in keyring.keys(Purpose.OFFLINE_CODE)]


def _check(key: bytes, terms_id: str) -> bytes:
    return mac(key, "check", terms_id)[:_CHECK_BYTES]
