"""The counter: cash received and paid out by a person, each against the code that the customer shows, and the till.

What changes hands is written down here by whoever handles it; `providers/counter` tells it to the cashier as any other
provider tells of its payments, so that books, refunds and withdrawals know no difference.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from coinslot.audit import write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.ledger import accounts, events
from coinslot.ledger.store import post
from coinslot.money import MAX_MINOR, format_amount
from coinslot.people.rules import Role
from coinslot.rows import many, one
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.errors import Barred, KeyReused, NotAllowed
from coinslot.settlement.payments.rows import Access, find_merchant
from coinslot.settlement.payments.two_people import hold_person
from coinslot.settlement.payments.unit import Connection, clock, transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import OperatorId, StaffId, new_id

PROVIDER: Final = "counter"
"""The provider's name of a merchant whose money is in a drawer."""
HANDLE_CASH: Final = frozenset({Role.OWNER, Role.MANAGER, Role.DESK})
_TWICE: Final = timedelta(minutes=10)
"""How long pressing the same button again is the same receipt."""
_KEY: Final = 100

# The one that waits; else the last that had the code, for who presses twice.
_PAYMENT: Final = """
    SELECT p.number, p.merchant_id, p.code, p.currency, p.amount_minor, p.made_at, p.expires_at, p.state, p.receipt_id,
        p.received_by AS by, p.received_at AS at
    FROM counter_payment p
"""
_REFUND: Final = """
    SELECT r.number, r.merchant_id, r.code, r.currency, r.amount_minor, r.asked_at AS made_at, NULL AS expires_at,
        CASE WHEN r.receipt_id IS NULL THEN 'waiting' ELSE 'paid' END AS state, r.receipt_id, r.paid_by AS by, r.paid_at AS at
    FROM counter_refund r
"""
_BY_CODE_PAYMENT = f"""
    {_PAYMENT} WHERE p.operator_id = $1 AND p.code = $2 ORDER BY p.state = 'waiting' DESC, p.made_at DESC LIMIT 1 FOR UPDATE
"""
_BY_CODE_REFUND = f"""
    {_REFUND} WHERE r.operator_id = $1 AND r.code = $2 ORDER BY r.receipt_id IS NULL DESC, r.asked_at DESC LIMIT 1 FOR UPDATE
"""
_WAITING_PAYMENTS = f"""
    {_PAYMENT} WHERE p.operator_id = $1 AND p.state = 'waiting' AND p.expires_at > now() ORDER BY p.made_at, p.number
"""
_WAITING_REFUNDS = f"""
    {_REFUND} WHERE r.operator_id = $1 AND r.receipt_id IS NULL ORDER BY r.asked_at, r.number
"""
_RECEIVED = """
    UPDATE counter_payment SET state = 'paid', receipt_id = $3, received_by = $4, received_at = $5
    WHERE operator_id = $1 AND number = $2 RETURNING true
"""
_PAID = """
    UPDATE counter_refund SET receipt_id = $3, paid_by = $4, paid_at = $5
    WHERE operator_id = $1 AND number = $2 RETURNING true
"""
# The cashier looks at once; without it the next poll would find it.
_LOOK_PAYMENT = """
    UPDATE payment_attempt SET next_poll_at = now() WHERE operator_id = $1 AND number = $2 AND next_poll_at IS NOT NULL
    RETURNING true
"""
_LOOK_REFUND = """
    UPDATE refund SET next_at = now() WHERE operator_id = $1 AND number = $2 AND next_at IS NOT NULL RETURNING true
"""
_BANK = """
    INSERT INTO counter_banked (operator_id, banked_id, request_key, merchant_id, bank, currency, amount_minor, by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (request_key, operator_id) DO NOTHING RETURNING true
"""
_BANKED = """
    SELECT (merchant_id, bank, amount_minor) = ($3, $4, $5) FROM counter_banked WHERE operator_id = $1 AND request_key = $2
"""
_DRAWER = """
    SELECT coalesce((SELECT sum(amount_minor) FROM counter_payment WHERE operator_id = $1 AND merchant_id = $2
                     AND receipt_id IS NOT NULL), 0)
         - coalesce((SELECT sum(amount_minor) FROM counter_refund WHERE operator_id = $1 AND merchant_id = $2
                     AND receipt_id IS NOT NULL), 0)
         - coalesce((SELECT sum(amount_minor) FROM counter_banked WHERE operator_id = $1 AND merchant_id = $2), 0)
"""
_LOCK = "SELECT FROM merchant WHERE operator_id = $1 AND merchant_id = $2 FOR NO KEY UPDATE"


class CashSlip(Struct, frozen=True, kw_only=True):
    """Cash that is to change hands at the counter, or has."""

    number: str
    """Of the attempt, or of the refund."""
    merchant_id: str
    code: str
    """Six digits, which the customer shows."""
    currency: str
    amount_minor: int
    made_at: datetime
    expires_at: datetime | None
    state: str
    """`waiting`, `paid` or `closed`."""
    receipt_id: str | None
    by: StaffId | None
    """Who has handled it."""
    at: datetime | None


class WaitingCash(Struct, frozen=True, kw_only=True):
    """What the desk may be asked for now."""

    receive: tuple[CashSlip, ...]
    pay_out: tuple[CashSlip, ...]


async def waiting_cash(access: Access, operator: OperatorId) -> WaitingCash:
    """Everything that waits, oldest first."""
    return WaitingCash(
        receive=tuple(many(await access.fetch(_WAITING_PAYMENTS, operator), CashSlip)),
        pay_out=tuple(many(await access.fetch(_WAITING_REFUNDS, operator), CashSlip)),
    )


async def receive(
    door: PaymentDoor, operator: OperatorId, staff: StaffId, *, code: str, amount_minor: int
) -> CashSlip:
    """The customer has put down exactly this. Twice within minutes is once. MissingError, FieldError, NotAllowed."""
    async with transaction(door.pool, Purpose.CASH) as connection:
        slip, now = await _hold(connection, operator, staff, _BY_CODE_PAYMENT, code, amount_minor)
        if slip.state == "paid":
            return slip
        if slip.expires_at is not None and slip.expires_at <= now:
            raise FieldError("code", "its time is over; let the customer ask for a new one")
        receipt = new_id("rcv")
        await connection.fetchval(_RECEIVED, operator, slip.number, receipt, staff, now)
        await connection.fetchval(_LOOK_PAYMENT, operator, slip.number)
        await _note(connection, operator, slip, staff, "counter.receive")
    door.nudge()
    return replace(slip, state="paid", receipt_id=receipt, by=staff, at=now)


async def pay_out(
    door: PaymentDoor, operator: OperatorId, staff: StaffId, *, code: str, amount_minor: int
) -> CashSlip:
    """The customer has been given exactly this. Twice within minutes is once. MissingError, FieldError, NotAllowed."""
    async with transaction(door.pool, Purpose.CASH) as connection:
        slip, now = await _hold(connection, operator, staff, _BY_CODE_REFUND, code, amount_minor)
        if slip.state == "paid":
            return slip
        # One drawer, one at a time: nobody takes out what another is taking to the bank.
        await connection.fetchrow(_LOCK, operator, slip.merchant_id)
        await _refuse_empty(connection, operator, slip.merchant_id, amount_minor)
        receipt = new_id("out")
        await connection.fetchval(_PAID, operator, slip.number, receipt, staff, now)
        await connection.fetchval(_LOOK_REFUND, operator, slip.number)
        await _note(connection, operator, slip, staff, "counter.pay_out")
    door.nudge()
    return replace(slip, state="paid", receipt_id=receipt, by=staff, at=now)


async def bank_cash(
    door: PaymentDoor,
    operator: OperatorId,
    staff: StaffId,
    *,
    key: str,
    merchant_id: str,
    bank: str,
    amount_minor: int,
) -> bool:
    """Cash was taken out of the drawer to a bank account; False where that was noted before under this key.

    MissingError, FieldError, NotAllowed, KeyReused; LedgerError for a bank that is no account.
    """
    if not 1 <= len(key) <= _KEY or not key.isascii() or not key.isprintable():
        raise FieldError("key", f"must be 1 to {_KEY} plain characters")
    if not 0 < amount_minor <= MAX_MINOR:
        raise FieldError("amount", "must be more than nothing")
    async with transaction(door.pool, Purpose.CASH) as connection:
        await _hold_cashier(connection, operator, staff)
        merchant = await find_merchant(connection, operator, merchant_id)
        if merchant is None or merchant.provider != PROVIDER:
            raise MissingError("counter", merchant_id)
        await connection.fetchrow(_LOCK, operator, merchant_id)
        earlier = await connection.fetchval(_BANKED, operator, key, merchant_id, bank, amount_minor)
        if earlier is not None:
            if not earlier:
                raise KeyReused(key)
            return False
        await _refuse_empty(connection, operator, merchant_id, amount_minor)
        currency = await connection.fetchval("SELECT currency FROM operator WHERE operator_id = $1", operator)
        banked = new_id("bkd")
        await connection.fetchval(
            _BANK, operator, banked, key, merchant_id, bank, currency, amount_minor, staff
        )
        entry = events.provider_settled(
            operator,
            banked,
            currency,
            merchant=merchant_id,
            bank=bank,
            gross_minor=amount_minor,
            fees_minor=0,
        )
        await post(connection, [entry])
        detail = f"{format_amount(amount_minor, currency)} {currency} to {accounts.bank(bank)}"
        await write_audit(connection, operator, by=staff, action="counter.bank", target=banked, detail=detail)
    return True


async def _hold_cashier(connection: Connection, operator: OperatorId, staff: StaffId) -> None:
    person = await hold_person(connection, operator, staff)
    if person.disabled_at is not None:
        raise NotAllowed(Barred.DISABLED)
    if person.role not in HANDLE_CASH:
        raise NotAllowed(Barred.CASH)


async def _hold(
    connection: Connection, operator: OperatorId, staff: StaffId, query: str, code: str, amount_minor: int
) -> tuple[CashSlip, datetime]:
    """The slip with this code, held; one that this person handled a moment ago counts as well."""
    await _hold_cashier(connection, operator, staff)
    digits = "".join(code.split())
    row = (
        await connection.fetchrow(query, operator, digits) if digits.isascii() and digits.isdigit() else None
    )
    now = await clock(connection)
    slip = None if row is None else one(row, CashSlip)
    same = slip is not None and slip.by == staff and slip.at is not None and now - slip.at < _TWICE
    if slip is None or (slip.state != "waiting" and not same):
        raise MissingError("cash with the code", digits)
    if slip.amount_minor != amount_minor:
        agreed = f"{format_amount(slip.amount_minor, slip.currency)} {slip.currency}"
        raise FieldError("amount", f"{agreed} was agreed; exactly that changes hands, or nothing")
    return slip, now


async def _refuse_empty(
    connection: Connection, operator: OperatorId, merchant_id: str, amount_minor: int
) -> None:
    left_minor = int(await connection.fetchval(_DRAWER, operator, merchant_id))
    if amount_minor > left_minor:
        raise FieldError(
            "amount", f"by what was written down, only {left_minor} minor units can be in the drawer"
        )


async def _note(
    connection: Connection, operator: OperatorId, slip: CashSlip, staff: StaffId, action: str
) -> None:
    detail = f"{format_amount(slip.amount_minor, slip.currency)} {slip.currency}"
    await write_audit(connection, operator, by=staff, action=action, target=slip.number, detail=detail)
