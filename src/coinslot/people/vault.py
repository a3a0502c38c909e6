"""Personal data at rest: AES-256-GCM under a key of each person's own, which the installation's secret wraps.

Owns: `person_key`; the form of wrapped keys and sealed values: a version byte, a random 96-bit nonce, the
    ciphertext with its tag.
Does not decide: what is sealed, for how long, and who may open it.
Invariants: a value opens only for the operator, customer and field it was sealed for; a key made under an
    earlier secret opens and is wrapped anew under the one in force; with a person's key destroyed, what it
    sealed opens nowhere any more, copies of the sealed values included, and no new key is ever made for that
    person. A backup of the table with the key still holds it, until that backup is given up.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coinslot.audit import Connection
from coinslot.fields import InputError
from coinslot.keyring import Keyring, Purpose
from coinslot.wire.ids import CustomerId, OperatorId

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class Unopenable(Exception):
    """It was sealed for somebody or something else, was changed, or under a secret that is not known here."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} cannot be opened")


class Erased(InputError):
    """The person asked to be forgotten; nothing can be kept about them any more."""

    def __init__(self) -> None:
        super().__init__("this customer's personal data was erased; register a new customer")


class PersonKey:
    """One person's key, in the clear; it lives no longer than the work it is needed for."""

    __slots__ = ("_customer_id", "_key", "_operator_id")

    def __init__(self, key: bytes, operator_id: OperatorId, customer_id: CustomerId) -> None:
        self._key = AESGCM(key)
        self._operator_id = operator_id
        self._customer_id = customer_id

    def __repr__(self) -> str:
        return "PersonKey(…)"

    def seal(self, field: str, plain: bytes) -> bytes:
        """`plain` so that it opens only as this `field` of this person."""
        return _encrypt(self._key, plain, self._bound(field))

    def open(self, field: str, sealed: bytes) -> bytes:
        """What was sealed as this `field`. Unopenable."""
        plain = _decrypt(self._key, sealed, self._bound(field))
        if plain is None:
            raise Unopenable("a sealed value")
        return plain

    def _bound(self, field: str) -> bytes:
        return _joined("coinslot sealed 1", self._operator_id, self._customer_id, field)


async def key_for(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, customer_id: CustomerId
) -> PersonKey:
    """The person's key, made now if there was none; to be called in the transaction that uses it. Erased."""
    wrapped = _wrap(keyring, secrets.token_bytes(_KEY_BYTES), operator_id, customer_id)
    await connection.execute(
        "INSERT INTO person_key (operator_id, customer_id, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        operator_id,
        customer_id,
        wrapped,
    )
    key = await find_key(connection, keyring, operator_id, customer_id)
    if key is None:
        raise Erased
    return key


async def find_key(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, customer_id: CustomerId
) -> PersonKey | None:
    """The person's key; None when there is none or it was destroyed. Unopenable.

    Until the transaction ends nobody can destroy it: what is sealed meanwhile is not lost on arrival.
    """
    wrapped = await connection.fetchval(
        "SELECT wrapped FROM person_key WHERE operator_id = $1 AND customer_id = $2 FOR NO KEY UPDATE",
        operator_id,
        customer_id,
    )
    if wrapped is None:
        return None
    bound = _joined("coinslot person key 1", operator_id, customer_id)
    for number, wrapping in enumerate(keyring.keys(Purpose.PERSON)):
        plain = _decrypt(AESGCM(wrapping), wrapped, bound)
        if plain is not None:
            if number:  # under an earlier secret, which is to be given up one day
                await connection.execute(
                    "UPDATE person_key SET wrapped = $3"
                    " WHERE operator_id = $1 AND customer_id = $2 AND wrapped = $4",
                    operator_id,
                    customer_id,
                    _wrap(keyring, plain, operator_id, customer_id),
                    wrapped,
                )
            return PersonKey(plain, operator_id, customer_id)
    raise Unopenable("a person's key")


async def destroy(connection: Connection, operator_id: OperatorId, customer_id: CustomerId) -> None:
    """The person's key is gone for good, and no other is made."""
    await connection.execute(
        "INSERT INTO person_key (operator_id, customer_id, wrapped, destroyed_at) VALUES ($1, $2, NULL, now())"
        " ON CONFLICT (operator_id, customer_id) DO UPDATE SET wrapped = NULL,"
        " destroyed_at = COALESCE(person_key.destroyed_at, now())",
        operator_id,
        customer_id,
    )


def _wrap(keyring: Keyring, key: bytes, operator_id: OperatorId, customer_id: CustomerId) -> bytes:
    bound = _joined("coinslot person key 1", operator_id, customer_id)
    return _encrypt(AESGCM(keyring.key(Purpose.PERSON)), key, bound)


def _encrypt(key: AESGCM, plain: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + nonce + key.encrypt(nonce, plain, bound)


def _decrypt(key: AESGCM, sealed: bytes, bound: bytes) -> bytes | None:
    if sealed[:1] != _VERSION or len(sealed) <= 1 + _NONCE_BYTES:
        return None
    try:
        return key.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], bound)
    except InvalidTag:
        return None


def _joined(*parts: str) -> bytes:
    """Each with its length before it, so that none can slip into its neighbour."""
    return b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode() for part in parts))
