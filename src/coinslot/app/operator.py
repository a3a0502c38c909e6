"""`coinslot operator`: set up operators, their fleet, tariffs, staff and customers."""

from __future__ import annotations

import click

from coinslot.app.operator_agreements import agreement
from coinslot.app.operator_console import actor, emit, emit_one, run_plain
from coinslot.app.operator_counter import counter
from coinslot.app.operator_desks import desk
from coinslot.app.operator_fapiao import fapiao
from coinslot.app.operator_fleet import appliance, claim_code, outlet, terminal
from coinslot.app.operator_flush import flush_command
from coinslot.app.operator_history import alarm, readings, review
from coinslot.app.operator_hours import hours, quota
from coinslot.app.operator_import import import_customers
from coinslot.app.operator_merchants import merchant
from coinslot.app.operator_offline import offline
from coinslot.app.operator_parties import party, statement
from coinslot.app.operator_people import api_key, customer, staff
from coinslot.app.operator_provider_bills import provider_bill
from coinslot.app.operator_real_names import real_name
from coinslot.app.operator_refunds import refund
from coinslot.app.operator_rules import rules
from coinslot.app.operator_session import session
from coinslot.app.operator_sites import site
from coinslot.app.operator_stickers import sticker
from coinslot.app.operator_suspense import suspense
from coinslot.app.operator_tariffs import tariff
from coinslot.app.operator_updates import update
from coinslot.app.operator_webhooks import webhook
from coinslot.fleet.store import create_operator, list_operators


@click.group("operator", epilog="Example: coinslot operator create 'North Campus' --currency CNY")
def command() -> None:
    """Set up operators, their appliances, tariffs, staff and customers.

    Things are named by id or by name. Every change is noted in the audit trail.
    """


@command.command("create", epilog="Example: coinslot operator create 'North Campus' --timezone Asia/Shanghai")
@click.argument("name")
@click.option(
    "--currency", default="CNY", show_default=True, help="ISO 4217 code; it cannot be changed later."
)
@click.option("--timezone", default="Asia/Shanghai", show_default=True, help="Such as Europe/Paris.")
@click.option("--help-phone", default="", help="Shown to customers beside every error.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def create(name: str, currency: str, timezone: str, help_phone: str, as_json: bool) -> None:
    """A new operator, who runs appliances and is paid for them."""
    made = run_plain(
        lambda connection: create_operator(
            connection, name=name, currency=currency, timezone=timezone, help_phone=help_phone, by=actor()
        )
    )
    emit_one(made, as_json=as_json)


@command.command("list", epilog="Example: coinslot operator list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_command(as_json: bool) -> None:
    """Every operator."""
    emit(run_plain(list_operators), ("name", "operator_id", "currency", "timezone"), as_json=as_json)


for part in (
    site,
    appliance,
    outlet,
    sticker,
    terminal,
    claim_code,
    tariff,
    staff,
    api_key,
    customer,
    rules,
    merchant,
    real_name,
    party,
    agreement,
    statement,
    session,
    readings,
    review,
    alarm,
    refund,
    suspense,
    counter,
    provider_bill,
    webhook,
    update,
    desk,
    hours,
    quota,
    flush_command,
    import_customers,
    fapiao,
    offline,
):
    command.add_command(part)
