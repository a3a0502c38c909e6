"""What somebody gave for a fapiao, at rest: AES-256-GCM under a key of the installation's, bound to its bill.

Guests have no account, so no key of a person's that could be destroyed: what is to be forgotten is deleted.
"""

from __future__ import annotations

import secrets
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coinslot.fields import InputError
from coinslot.keyring import Keyring, Purpose
from coinslot.settlement.fapiao.rules import Wish
from coinslot.wire.ids import OperatorId

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_decoder = msgspec.json.Decoder(Wish)


class Unopenable(InputError):
    """It was sealed for another bill, was changed, or under a secret that is not known here."""

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"what was given with {request_id} cannot be opened: name the secret it was sealed under among the "
            "earlier ones"
        )


def seal(keyring: Keyring, operator: OperatorId, session: str, wish: Wish) -> bytes:
    """So that it opens for this bill alone."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    key = AESGCM(keyring.key(Purpose.FAPIAO))
    return _VERSION + nonce + key.encrypt(nonce, msgspec.json.encode(wish), _bound(operator, session))


def opened(keyring: Keyring, operator: OperatorId, session: str, sealed: bytes) -> Wish | None:
    """What was sealed for this bill, also under an earlier secret; None where it does not open."""
    if sealed[:1] != _VERSION:
        return None
    nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    for key in keyring.keys(Purpose.FAPIAO):
        try:
            return _decoder.decode(AESGCM(key).decrypt(nonce, text, _bound(operator, session)))
        except (InvalidTag, ValueError):
            continue
    return None


def _bound(operator: OperatorId, session: str) -> bytes:
    # Each with its length before it, so that none can slip into its neighbour.
    parts = ("coinslot fapiao 1", operator, session)
    return b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode() for part in parts))
