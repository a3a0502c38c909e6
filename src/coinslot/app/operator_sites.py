"""`coinslot operator site`: places where appliances stand."""

from __future__ import annotations

import click

from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.fields import FieldError
from coinslot.fleet import store
from coinslot.fleet.models import Site
from coinslot.fleet.offline_credit import set_offline_credit
from coinslot.money import MoneyError, parse_amount


@click.group("site", epilog="Example: coinslot operator site add 'North Hall'")
def site() -> None:
    """Places where appliances stand."""


@site.command("add", epilog="Example: coinslot operator site add 'North Hall'")
@click.argument("name")
@click.option("--timezone", help="If it is not the operator's.")
@options
def site_add(name: str, timezone: str | None, operator: str | None, as_json: bool) -> None:
    """A new site."""

    async def work(desk: Desk) -> Site:
        own = desk.operator.operator_id
        return await store.add_site(desk.connection, own, name=name, timezone=timezone, by=desk.by)

    emit_one(run(operator, work), as_json=as_json)


@site.command("set", epilog="Example: coinslot operator site set 'North Hall' --offline-credit 3.00")
@click.argument("site_key", metavar="SITE")
@click.option(
    "--offline-credit",
    required=True,
    metavar="AMOUNT",
    help="What a code that is typed without the link is good for, at most 500 minor units; 0 for no such codes.",
)
@options
def site_set(site_key: str, offline_credit: str, operator: str | None, as_json: bool) -> None:
    """Whether customers can have codes for appliances that have lost their link."""

    async def work(desk: Desk) -> Site:
        own = desk.operator.operator_id
        found = await store.find_site(desk.connection, own, site_key)
        try:
            credit_minor = parse_amount(offline_credit, desk.operator.currency)
        except MoneyError as error:
            raise FieldError("offline-credit", str(error)) from None
        return await set_offline_credit(desk.connection, own, found.site_id, credit_minor, by=desk.by)

    emit_one(run(operator, work), as_json=as_json)


@site.command("list", epilog="Example: coinslot operator site list")
@options
def site_list(operator: str | None, as_json: bool) -> None:
    """All sites."""
    found = run(operator, lambda desk: store.list_sites(desk.connection, desk.operator.operator_id))
    emit(found, ("name", "site_id", "timezone", "offline_credit_minor"), as_json=as_json)
