"""Customers log in by phone and code. This module is the way in for pages; what it calls stands beside it:
`login_rules` (every number and its reason), `login_codes`, `login_opening` (when a right code is not enough),
`login_proofs`, `browsers`.

Whether a number is known is told to nobody before the code for it was right. Numbers, codes, tokens and proofs
are in no log, error, audit row or `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coinslot.audit import Connection, write_audit
from coinslot.keyring import Keyring
from coinslot.people.browsers import Login, delete_old_logins, find_logins, log_out
from coinslot.people.login_codes import (
    AskedCode,
    CodeOver,
    RightCode,
    WrongCode,
    delete_old_codes,
    make_code,
    use_code,
)
from coinslot.people.login_limits import TooManyCodes
from coinslot.people.login_opening import LoggedIn, StillYours, let_in, open_customer, register_customer
from coinslot.people.login_proofs import (
    count_try,
    delete_old_proofs,
    end_proofs,
    hold_proof,
    tries_left,
)
from coinslot.people.login_rules import check_language, tail_of
from coinslot.people.real_names import matches_tail
from coinslot.wire.ids import OperatorId

__all__ = [
    "AskedCode",
    "CodeOver",
    "LoggedIn",
    "Login",
    "StillYours",
    "TooManyCodes",
    "WrongCode",
    "WrongTail",
    "ask_code",
    "begin_anew",
    "find_logins",
    "forget_old_codes",
    "log_out",
    "prove_still_yours",
    "try_code",
]


@dataclass(frozen=True, slots=True)
class WrongTail:
    """Not the tail of this customer's ID number.

    At 0 tries left nothing is compared any more, now or (for this customer) today; the proof still begins anew.
    """

    tries_left: int


Tried: TypeAlias = LoggedIn | StillYours | WrongCode | CodeOver


async def ask_code(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, *, phone: str, source: str
) -> AskedCode:
    """A new code, to be sent to the number in the answer; older ones for it at this operator are over.

    `source` is the address that asks. FieldError for a bad number; TooManyCodes when a limit is reached, also
    the one on wrong tries, since a message would be sent in vain. Known and unknown numbers get the same answer.
    """
    return await make_code(connection, keyring, operator_id, phone=phone, source=source)


async def try_code(
    connection: Connection,
    keyring: Keyring,
    operator_id: OperatorId,
    *,
    login_code_id: str,
    phone: str,
    code: str,
    language: str,
    token: str | None,
) -> Tried:
    """Log in with a code; a number new to this operator becomes a customer.

    `token` is what the browser has in its cookie. `language` (zh or en) is kept at the first proof of a number;
    later it is the customer's own to change. CodeOver also while too many wrong codes were tried lately.
    """
    check_language(language)
    used = await use_code(
        connection, keyring, operator_id, login_code_id=login_code_id, phone=phone, code=code
    )
    if not isinstance(used, RightCode):
        return used
    async with connection.transaction():
        while True:
            opened = await open_customer(connection, keyring, operator_id, used.phone, language, token)
            if opened is None:
                opened = await register_customer(connection, operator_id, used.phone, language, token)
            # None: the desk has registered the number in between, so now it is there to be opened.
            if opened is not None:
                return opened


async def prove_still_yours(
    connection: Connection,
    keyring: Keyring,
    operator_id: OperatorId,
    *,
    proof: str,
    id_tail: str,
    language: str,
    token: str | None,
) -> LoggedIn | WrongTail | CodeOver:
    """Open the customer with the last four characters of the ID number on the approved real name.

    At most 3 tries a proof and 5 a day for one customer. What cannot be a tail is not counted.
    """
    check_language(language)
    tail = tail_of(id_tail)
    # Kept before it is judged, and in a transaction of its own: no failure gives a try back.
    async with connection.transaction():
        held = await hold_proof(connection, keyring, operator_id, proof)
        if held is None:
            return CodeOver()
        left = await tries_left(connection, operator_id, held)
        if tail is None or left == 0:
            return WrongTail(left)
        await count_try(connection, operator_id, proof)
    if not await matches_tail(connection, keyring, operator_id, held.customer_id, tail):
        return WrongTail(left - 1)
    async with connection.transaction():
        held = await hold_proof(connection, keyring, operator_id, proof)
        if held is None:
            return CodeOver()
        await write_audit(
            connection,
            operator_id,
            by=held.customer_id,
            action="customer.phone_proved",
            target=held.customer_id,
            detail="by the ID number",
        )
        return await let_in(connection, operator_id, held.customer_id, language, token)


async def begin_anew(
    connection: Connection,
    keyring: Keyring,
    operator_id: OperatorId,
    *,
    proof: str,
    language: str,
    token: str | None,
) -> LoggedIn | CodeOver:
    """Give the number to a new customer. The earlier one keeps everything but the number."""
    check_language(language)
    async with connection.transaction():
        held = await hold_proof(connection, keyring, operator_id, proof)
        if held is None:
            return CodeOver()
        await end_proofs(connection, operator_id, held.customer_id)
        await connection.execute(
            "UPDATE customer SET phone = NULL, phone_proved_at = NULL"
            " WHERE operator_id = $1 AND customer_id = $2",
            operator_id,
            held.customer_id,
        )
        logged_in = await register_customer(connection, operator_id, held.phone, language, token)
        # Until this transaction ends, the earlier row keeps the number from everybody else.
        assert logged_in is not None
        await write_audit(
            connection,
            operator_id,
            by=logged_in.customer_id,
            action="customer.phone_moved",
            target=held.customer_id,
            detail=f"to {logged_in.customer_id}",
        )
        return logged_in


async def forget_old_codes(connection: Connection) -> int:
    """Delete codes, proofs and ended logins of more than a day ago; how many codes that were."""
    async with connection.transaction():
        await delete_old_proofs(connection)
        await delete_old_logins(connection)
        return await delete_old_codes(connection)
