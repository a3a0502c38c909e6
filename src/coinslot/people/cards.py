"""Cards: a number and a PIN for people who have no phone at hand, issued at the desk, typed at a kiosk or on a page.

    answer = await log_in(pool, keyring, operator, card_no, pin, source=address)

Nothing tells a wrong number from a wrong PIN: both take as long, count alike, and lock alike. A PIN is hashed with the
installation's key before it is hashed slowly, so that the database alone gives away none of a million.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from msgspec import Struct

from coinslot.addresses import source_of
from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, TakenError
from coinslot.keyring import Keyring, Purpose, mac
from coinslot.people.card_rules import (
    CARD_FREE,
    OPERATOR_WRONG,
    SOURCE_FREE,
    WINDOW,
    card_no_of,
    locked_until,
    make_card_no,
    make_pin,
    normal_card_no,
    pin_of,
)
from coinslot.people.login_rules import check_language
from coinslot.people.models import Customer
from coinslot.people.passwords import hash_password, verify_password
from coinslot.people.rules import normal_phone
from coinslot.rows import one
from coinslot.wire.ids import CustomerId, OperatorId, new_id

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

_DRAWS: Final = 8
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('coinslot card logins', 0))"
_STANDING = f"""
    SELECT clock_timestamp() AS now, c.wrong AS card_wrong, c.last_at AS card_at, s.wrong AS source_wrong,
        s.last_at AS source_at,
        (SELECT made_at FROM card_try WHERE operator_id = $1 AND right_at IS NULL AND made_at > now() - $5::interval
         ORDER BY made_at DESC OFFSET {OPERATOR_WRONG.at_most - 1} LIMIT 1) AS nth_last
    FROM (SELECT count(*) AS wrong, max(made_at) AS last_at FROM card_try
          WHERE card_hash = ANY ($2::bytea[]) AND right_at IS NULL AND made_at > now() - $4::interval) c,
         (SELECT count(*) AS wrong, max(made_at) AS last_at FROM card_try
          WHERE source_hash = ANY ($3::bytea[]) AND right_at IS NULL AND made_at > now() - $4::interval) s
"""
_TRY = "INSERT INTO card_try (operator_id, card_hash, source_hash) VALUES ($1, $2, $3) RETURNING try_id"
# Whoever mistypes and then knows the PIN has not guessed: these tries are the address's no more, and the card's still.
_RIGHT = """
    WITH slips AS (UPDATE card_try SET source_hash = card_hash WHERE card_hash = ANY ($3::bytea[])
        AND source_hash = ANY ($4::bytea[]) AND right_at IS NULL AND try_id <> $2)
    UPDATE card_try SET right_at = clock_timestamp() WHERE operator_id = $1 AND try_id = $2
"""


class CardRefusal(StrEnum):
    """Why a card and a PIN open nothing."""

    WRONG = "wrong"
    """There is no such card with this PIN; which of the two is wrong is not told."""
    LOCKED = "locked"
    """Too many wrong tries of this card or from this address: nothing was compared."""


class CardRefused(Struct, frozen=True, kw_only=True):
    """The answer no."""

    reason: CardRefusal
    again_at: datetime | None = None
    """With LOCKED: from when on a try is compared again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMade:
    """A card, with the PIN that is shown this once and never again."""

    customer_id: CustomerId
    card_no: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Hashes:
    """What a try is counted by; the first of each is by the secret in force."""

    cards: list[bytes]
    sources: list[bytes]


async def log_in(
    pool: Pool, keyring: Keyring, operator: OperatorId, card_no: str, pin: str, *, source: str
) -> CustomerId | CardRefused:
    """Whose card this is, if the PIN is its. `source`: the address somebody tries from.

    Takes about 0.3 s whether there is such a card or not. Only a try that could be right is compared and counted.
    """
    number, digits = card_no_of(card_no), pin_of(pin)
    if number is None or digits is None:
        return CardRefused(reason=CardRefusal.WRONG)
    hashes = _hashes(keyring, operator, number, source)
    async with pool.acquire() as connection:
        counted = await _count(connection, operator, hashes)
        if isinstance(counted, CardRefused):
            return counted
        row = await connection.fetchrow(
            "SELECT customer_id, pin_hash FROM customer WHERE operator_id = $1 AND card_no = $2",
            operator,
            number,
        )
    # Without a connection: a slow hash must not keep the pool from everybody else.
    stored = row["pin_hash"] if row is not None and row["pin_hash"] is not None else await _nobodys_hash()
    right = await asyncio.to_thread(_matches, keyring, operator, digits, stored)
    if not right or row is None:
        return CardRefused(reason=CardRefusal.WRONG)
    await pool.execute(_RIGHT, operator, counted, hashes.cards, hashes.sources)
    return CustomerId(row["customer_id"])


async def register(
    connection: Connection,
    keyring: Keyring,
    operator: OperatorId,
    *,
    phone: str | None,
    language: str,
    by: str,
    card_no: str | None = None,
) -> CardMade:
    """A new customer with a card, with or without a phone number. FieldError, TakenError: nothing was made then.

    Nobody has proved a number that was typed at a desk: it opens nothing until its owner has (see `login_opening`).
    """
    number = None if phone is None else normal_phone(phone)
    check_language(language)
    customer = CustomerId(new_id("cus"))
    async with connection.transaction():
        try:
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO customer (operator_id, customer_id, phone, language) VALUES ($1, $2, $3, $4)",
                    operator,
                    customer,
                    number,
                    language,
                )
        except asyncpg.UniqueViolationError:
            raise TakenError("phone", "another customer has this number already") from None
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("operator", operator) from None
        await write_audit(
            connection, operator, by=by, action="customer.add", target=customer, detail="at the desk"
        )
        return await give_card(connection, keyring, operator, customer, by=by, card_no=card_no)


async def give_card(
    connection: Connection,
    keyring: Keyring,
    operator: OperatorId,
    customer: CustomerId,
    *,
    by: str,
    card_no: str | None = None,
) -> CardMade:
    """A card for a customer who is known already, in place of an earlier one: that number opens nothing any more.

    `card_no`: of a card that was printed beforehand. MissingError; TakenError where somebody else has the number.
    """
    wanted = None if card_no is None else normal_card_no(card_no)
    pin = make_pin()
    pin_hash = await asyncio.to_thread(_hash, keyring, operator, pin)
    async with connection.transaction():
        number = await _assign(connection, operator, customer, wanted, pin_hash)
        await write_audit(connection, operator, by=by, action="customer.card", target=customer)
    return CardMade(customer_id=customer, card_no=number, pin=pin)


async def reset_pin(
    connection: Connection, keyring: Keyring, operator: OperatorId, customer: CustomerId, *, by: str
) -> CardMade:
    """Another PIN for the customer's card. Wrong tries still count: whoever made them may be standing there still.

    MissingError where there is no such customer, or no card.
    """
    pin = make_pin()
    pin_hash = await asyncio.to_thread(_hash, keyring, operator, pin)
    async with connection.transaction():
        number = await connection.fetchval(
            "UPDATE customer SET pin_hash = $3, pin_set_at = now()"
            " WHERE operator_id = $1 AND customer_id = $2 AND card_no IS NOT NULL RETURNING card_no",
            operator,
            customer,
            pin_hash,
        )
        if number is None:
            raise MissingError("card of customer", customer)
        await write_audit(connection, operator, by=by, action="customer.pin", target=customer)
    return CardMade(customer_id=customer, card_no=number, pin=pin)


async def customer_by_card(connection: Connection, operator: OperatorId, card_no: str) -> Customer | None:
    """The customer with this card, typed in any way. FieldError for what is no card's number. For staff alone."""
    row = await connection.fetchrow(
        "SELECT * FROM customer WHERE operator_id = $1 AND card_no = $2", operator, normal_card_no(card_no)
    )
    return None if row is None else one(row, Customer)


async def forget_old_tries(connection: Connection) -> None:
    """Delete what no wait counts any more."""
    await connection.execute("DELETE FROM card_try WHERE made_at < now() - $1::interval", WINDOW)


async def _count(connection: Connection, operator: OperatorId, hashes: _Hashes) -> int | CardRefused:
    """The try's id, counted as wrong until it is found right; or that nothing is compared now."""
    async with connection.transaction():
        await connection.execute(_LOCK)
        row = await connection.fetchrow(
            _STANDING, operator, hashes.cards, hashes.sources, WINDOW, OPERATOR_WRONG.within
        )
        assert row is not None  # a SELECT over two aggregates has one row
        moments = (
            locked_until(row["card_wrong"], row["card_at"], CARD_FREE),
            locked_until(row["source_wrong"], row["source_at"], SOURCE_FREE),
            OPERATOR_WRONG.open_again_at(row["nth_last"]),
        )
        again_at = max((at for at in moments if at is not None and at > row["now"]), default=None)
        if again_at is not None:
            return CardRefused(reason=CardRefusal.LOCKED, again_at=again_at)
        await forget_old_tries(connection)
        return int(await connection.fetchval(_TRY, operator, hashes.cards[0], hashes.sources[0]))


async def _assign(
    connection: Connection, operator: OperatorId, customer: CustomerId, wanted: str | None, pin_hash: str
) -> str:
    """The number the customer has from now on. A number that was drawn and is taken is drawn again."""
    for _ in range(_DRAWS):
        number = wanted or make_card_no()
        try:
            async with connection.transaction():
                found = await connection.fetchval(
                    "UPDATE customer SET card_no = $3, pin_hash = $4, pin_set_at = now()"
                    " WHERE operator_id = $1 AND customer_id = $2 RETURNING true",
                    operator,
                    customer,
                    number,
                    pin_hash,
                )
        except asyncpg.UniqueViolationError:
            if wanted is not None:
                raise TakenError("card_no", "another customer has this card") from None
            continue
        if not found:
            raise MissingError("customer", customer)
        return number
    raise TakenError("card_no", "no free number was found; try again")


def _hashes(keyring: Keyring, operator: OperatorId, card_no: str, source: str) -> _Hashes:
    keys = keyring.keys(Purpose.CARD)
    return _Hashes(
        [mac(key, "card", operator, card_no) for key in keys],
        [mac(key, "source", source_of(source)) for key in keys],
    )


def _hash(keyring: Keyring, operator: OperatorId, pin: str) -> str:
    return hash_password(mac(keyring.key(Purpose.CARD), "pin", operator, pin).hex())


def _matches(keyring: Keyring, operator: OperatorId, pin: str, stored: str) -> bool:
    return any(
        verify_password(mac(key, "pin", operator, pin).hex(), stored) for key in keyring.keys(Purpose.CARD)
    )


_nobodys: list[str] = []


async def _nobodys_hash() -> str:
    """A hash no PIN matches, made once: what an unknown card is compared with."""
    if not _nobodys:
        _nobodys.append(await asyncio.to_thread(hash_password, secrets.token_urlsafe(32)))
    return _nobodys[0]
