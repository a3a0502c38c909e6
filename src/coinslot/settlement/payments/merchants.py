"""Operators' accounts with providers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import asyncpg

from coinslot.audit import write_audit
from coinslot.fields import FieldError, MissingError, TakenError, clean_name
from coinslot.fleet.offers import offers_changed
from coinslot.payments.model import Merchant
from coinslot.rows import many, one
from coinslot.settlement.payments.rows import MERCHANT_COLUMNS, Access
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import OperatorId, new_id

_PROVIDER = re.compile(r"[a-z][a-z0-9_]{0,19}")
_ACCOUNT = re.compile(r"[!-~]{1,64}")
_ADD = f"""
    INSERT INTO merchant AS m (operator_id, merchant_id, provider, account, app, name) VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING {MERCHANT_COLUMNS}
"""
_SWITCH = f"""
    UPDATE merchant m SET active = $3 WHERE m.operator_id = $1 AND m.merchant_id = $2 RETURNING {MERCHANT_COLUMNS}
"""
_EVERY = f"SELECT {MERCHANT_COLUMNS} FROM merchant m ORDER BY m.created_at, m.merchant_id"
_ALL = (
    f"SELECT {MERCHANT_COLUMNS} FROM merchant m WHERE m.operator_id = $1 ORDER BY m.created_at, m.merchant_id"
)


async def add_merchant(
    connection: Connection,
    operator: OperatorId,
    *,
    provider: str,
    account: str,
    app: str = "",
    name: str,
    by: str,
) -> Merchant:
    """An account to collect with; its keys stay where the adapters have them. FieldError, TakenError."""
    if not _PROVIDER.fullmatch(provider):
        raise FieldError("provider", "must be a short lower-case name such as wechat")
    if not _ACCOUNT.fullmatch(account):
        raise FieldError("account", "must be the provider's id of the merchant, without spaces")
    if app and not _ACCOUNT.fullmatch(app):
        raise FieldError("app", "must be the provider's id of the app, without spaces")
    values = (operator, new_id("mer"), provider, account, app, clean_name("name", name))
    async with connection.transaction():
        try:
            async with connection.transaction():
                row = await connection.fetchrow(_ADD, *values)
        except asyncpg.UniqueViolationError:
            raise TakenError("account", "this account of the provider is in use already") from None
        assert row is not None
        merchant = one(row, Merchant)
        await write_audit(
            connection, operator, by=by, action="merchant.add", target=merchant.merchant_id, detail=provider
        )
        await offers_changed(connection, operator)
    return merchant


async def switch_merchant(
    connection: Connection, operator: OperatorId, merchant_id: str, *, active: bool, by: str
) -> Merchant:
    """Take new payments with it, or none any more; what is under way is looked after all the same. MissingError."""
    async with connection.transaction():
        row = await connection.fetchrow(_SWITCH, operator, merchant_id, active)
        if row is None:
            raise MissingError("merchant", merchant_id)
        action = "merchant.open" if active else "merchant.shut"
        await write_audit(connection, operator, by=by, action=action, target=merchant_id)
        await offers_changed(connection, operator)
    return one(row, Merchant)


async def list_merchants(connection: Connection, operator: OperatorId) -> Sequence[Merchant]:
    """An operator's, oldest first."""
    return many(await connection.fetch(_ALL, operator), Merchant)


async def every_merchant(access: Access) -> Sequence[Merchant]:
    """Of every operator: for the process that holds all their keys, and for nobody's eyes."""
    return many(await access.fetch(_EVERY), Merchant)
