"""`coinslot operator merchant`: the accounts with payment providers that an operator's customers pay to."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from coinslot.app.demo_home import looked_at
from coinslot.app.errors import Problem
from coinslot.app.merchant_kinds import KINDS, WITHOUT_KEYS
from coinslot.app.merchants import Merchants, load_merchants
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.settings import load_settings
from coinslot.payments.model import Merchant
from coinslot.settlement.payments import merchants as store

_COLUMNS = ("name", "provider", "account", "app", "active", "keys", "merchant_id")


@click.group("merchant", epilog="Example: coinslot operator merchant list")
def merchant() -> None:
    """Accounts with payment providers. Their keys are in the merchants file, not in the database."""


@merchant.command(
    "add",
    epilog="Example: coinslot operator merchant add wechat 1900000001 --app wxd678efh567hg6787 --name 'WeChat Pay'",
)
@click.argument("provider", type=click.Choice([*KINDS, *sorted(WITHOUT_KEYS)]))
@click.argument("account")
@click.option("--app", default="", help="The provider's id of the app that is paid in.")
@click.option("--name", help="How it is called in lists; the provider's name by default.")
@options
def merchant_add(
    provider: str, account: str, app: str, name: str | None, operator: str | None, as_json: bool
) -> None:
    """A new account. It can be paid to once its keys are in the merchants file and the server was started again.

    ACCOUNT is the provider's number of the merchant: WeChat Pay's mchid, Alipay's PID (2088…).
    """
    kind = KINDS.get(provider)
    if kind is not None and kind.app and not app:
        raise Problem(
            f"--app is missing: {provider} pays within an app",
            "Add --app and its id, the same as in the merchants file.",
        )

    async def work(desk: Desk) -> dict[str, object]:
        made = await store.add_merchant(
            desk.connection,
            desk.operator.operator_id,
            provider=provider,
            account=account,
            app=app,
            name=name or provider,
            by=desk.by,
        )
        return (await _with_keys(desk, [made]))[0]

    emit_one(run(operator, work), as_json=as_json)


@merchant.command("list", epilog="Example: coinslot operator merchant list --json")
@options
def merchant_list(operator: str | None, as_json: bool) -> None:
    """All accounts, with whether their keys are in the merchants file that this command sees."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        own = desk.operator.operator_id
        return await _with_keys(desk, await store.list_merchants(desk.connection, own))

    emit(run(operator, work), _COLUMNS, as_json=as_json)


@merchant.command("open", epilog="Example: coinslot operator merchant open mer_4k2…")
@click.argument("merchant_id")
@options
def merchant_open(merchant_id: str, operator: str | None, as_json: bool) -> None:
    """Take new payments with it again."""
    _switch(merchant_id, operator, active=True, as_json=as_json)


@merchant.command("shut", epilog="Example: coinslot operator merchant shut mer_4k2…")
@click.argument("merchant_id")
@options
def merchant_shut(merchant_id: str, operator: str | None, as_json: bool) -> None:
    """Take no new payments with it. What is under way and refunds go on, for as long as its keys are there."""
    _switch(merchant_id, operator, active=False, as_json=as_json)


def _switch(merchant_id: str, operator: str | None, *, active: bool, as_json: bool) -> None:
    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        changed = await store.switch_merchant(desk.connection, own, merchant_id, active=active, by=desk.by)
        return (await _with_keys(desk, [changed]))[0]

    emit_one(run(operator, work), as_json=as_json)


async def _with_keys(desk: Desk, rows: Sequence[Merchant]) -> list[dict[str, object]]:
    known = await _known(desk)
    return [
        {**msgspec.structs.asdict(row), "keys": row.provider in WITHOUT_KEYS or _has_keys(known, row)}
        for row in rows
    ]


async def _known(desk: Desk) -> Merchants | None:
    try:
        merchants = load_merchants(looked_at(load_settings()))
    except Problem:
        return None  # the doctor says what is wrong with the file; here it is only not to be read
    await merchants.meet(desk.connection)
    return merchants


def _has_keys(known: Merchants | None, row: Merchant) -> bool | str:
    return "cannot be read" if known is None else known.find(row) is not None
