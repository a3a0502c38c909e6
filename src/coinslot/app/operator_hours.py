"""`coinslot operator hours` and `quota`: when appliances may be used, and how much by one customer."""

from __future__ import annotations

from decimal import Decimal

import click

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.fields import MissingError
from coinslot.fleet.hours_store import list_hours, set_appliance_hours, set_site_hours
from coinslot.fleet.quotas import Period, Quota, list_quotas, remove_quota, set_quota
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import find_appliance, find_site
from coinslot.money import format_amount, parse_amount


@click.group(
    "hours", epilog="Example: coinslot operator hours set Baths 'mon-sun 06:00-22:00; closed 2027-01-01'"
)
def hours() -> None:
    """Opening hours of sites and appliances, by the clock where they stand."""


@hours.command(
    "set",
    epilog="Example: coinslot operator hours set Baths 'mon-fri 06:00-09:00 17:00-22:00; sat,sun 06:00-02:00'",
)
@click.argument("where", metavar="SITE_OR_APPLIANCE")
@click.argument("text", metavar="HOURS")
@options
def hours_set(where: str, text: str, operator: str | None, as_json: bool) -> None:
    """Set a site's or an appliance's hours; an empty text for none: always open, or an appliance as its site.

    What runs, runs on.
    """

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        try:
            site = await find_site(desk.connection, own, where)
        except MissingError:
            appliance = await find_appliance(desk.connection, own, where)
            kept = await set_appliance_hours(desk.connection, own, appliance.appliance_id, text, by=desk.by)
            return {"appliance": appliance.name, "hours": kept or "as its site"}
        kept = await set_site_hours(desk.connection, own, site.site_id, text, by=desk.by)
        return {"site": site.name, "hours": kept or "always open"}

    emit_one(run(operator, work), as_json=as_json)


@hours.command("list", epilog="Example: coinslot operator hours list")
@options
def hours_list(operator: str | None, as_json: bool) -> None:
    """Every appliance, with its own hours and its site's."""
    rows = run(operator, lambda desk: list_hours(desk.connection, desk.operator.operator_id))
    emit(rows, ("site", "site_hours", "appliance", "hours", "timezone"), as_json=as_json)


@click.group(
    "quota", epilog="Example: coinslot operator quota set --kind shower --per day --uses 2 --litres 80"
)
def quota() -> None:
    """What one customer may use at most in a day, or in a week from Monday."""


@quota.command("set", epilog="Example: coinslot operator quota set --site Baths --per week --amount 30.00")
@click.option("--site", "site_key", help="Only there; by id or name. Without it everywhere.")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in ApplianceKind]), help="Only appliances of this kind."
)
@click.option(
    "--per", type=click.Choice([period.value for period in Period]), default="day", show_default=True
)
@click.option("--uses", type=click.IntRange(1), help="At most so many uses.")
@click.option("--litres", type=click.IntRange(1), help="At most so many litres.")
@click.option("--minutes", type=click.IntRange(1), help="At most so many minutes.")
@click.option("--amount", help="At most so much money, such as 30.00.")
@options
def quota_set(
    site_key: str | None,
    kind: str | None,
    per: str,
    uses: int | None,
    litres: int | None,
    minutes: int | None,
    amount: str | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """Set a quota, in place of the one for the same site, kind and period."""

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        site = None if site_key is None else await find_site(desk.connection, own, site_key)
        made = await set_quota(
            desk.connection,
            own,
            site_id=None if site is None else site.site_id,
            kind=kind,
            period=Period(per),
            uses=uses,
            ml=None if litres is None else litres * 1_000,
            s=None if minutes is None else minutes * 60,
            amount_minor=None if amount is None else parse_amount(amount, desk.operator.currency),
            by=desk.by,
        )
        return _row(made, desk.operator.currency)

    emit_one(run(operator, work), as_json=as_json)


@quota.command("list", epilog="Example: coinslot operator quota list")
@options
def quota_list(operator: str | None, as_json: bool) -> None:
    """The quotas there are."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        found = await list_quotas(desk.connection, desk.operator.operator_id)
        return [_row(each, desk.operator.currency) for each in found]

    columns = ("quota_id", "site_id", "kind", "per", "uses", "litres", "minutes", "amount")
    emit(run(operator, work), columns, as_json=as_json)


@quota.command("remove", epilog="Example: coinslot operator quota remove quo_1hv3…")
@click.argument("quota_id")
@options
def quota_remove(quota_id: str, operator: str | None, as_json: bool) -> None:
    """Lift a quota."""

    async def work(desk: Desk) -> dict[str, object]:
        try:
            await remove_quota(desk.connection, desk.operator.operator_id, quota_id, by=desk.by)
        except MissingError as error:
            raise Problem(
                f"There is {error}", "`coinslot operator quota list` shows what there is."
            ) from error
        return {"quota_id": quota_id, "removed": True}

    emit_one(run(operator, work), as_json=as_json)


def _row(found: Quota, currency: str) -> dict[str, object]:
    return {
        "quota_id": found.quota_id,
        "site_id": found.site_id,
        "kind": found.kind,
        "per": found.period.value,
        "uses": found.uses,
        "litres": None if found.ml is None else f"{Decimal(found.ml) / 1000:f}",
        "minutes": None if found.s is None else f"{Decimal(found.s) / 60:f}",
        "amount": None if found.amount_minor is None else format_amount(found.amount_minor, currency),
    }
