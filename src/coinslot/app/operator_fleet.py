"""`coinslot operator` appliance, outlet, claim-code and terminal."""

from __future__ import annotations

import click
import msgspec

from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.fleet import outlets as outlet_store
from coinslot.fleet import provisioning, store
from coinslot.fleet.models import Appliance, Outlet
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.tariff_store import find_tariff
from coinslot.metering import MeterSpec


@click.group("appliance", epilog="Example: coinslot operator appliance list")
def appliance() -> None:
    """Showers, dispensers, dryers: what people use."""


@appliance.command("add", epilog="Example: coinslot operator appliance add 'North Hall' shower 'Shower 3'")
@click.argument("site_key", metavar="SITE")
@click.argument("kind", type=click.Choice([kind.value for kind in ApplianceKind]))
@click.argument("name")
@click.option("--code", help="What its QR carries; made up if not given.")
@click.option("--room", default="", help="Whose guests use it, such as 801: what a front desk reads.")
@options
def appliance_add(
    site_key: str, kind: str, name: str, code: str | None, room: str, operator: str | None, as_json: bool
) -> None:
    """A new appliance at a site."""

    async def work(desk: Desk) -> Appliance:
        own = desk.operator.operator_id
        at = await store.find_site(desk.connection, own, site_key)
        return await store.add_appliance(
            desk.connection, own, at.site_id, kind=kind, name=name, code=code, room=room, by=desk.by
        )

    emit_one(run(operator, work), as_json=as_json)


@appliance.command("list", epilog="Example: coinslot operator appliance list --site 'North Hall'")
@click.option("--site", "site_key", help="Only those of one site.")
@options
def appliance_list(site_key: str | None, operator: str | None, as_json: bool) -> None:
    """All appliances."""

    async def work(desk: Desk) -> list[Appliance]:
        own = desk.operator.operator_id
        at = None if site_key is None else (await store.find_site(desk.connection, own, site_key)).site_id
        return await store.list_appliances(desk.connection, own, at)

    columns = ("name", "room", "kind", "keypad", "code", "closed", "appliance_id", "site_id")
    emit(run(operator, work), columns, as_json=as_json)


@appliance.command("set-room", epilog="Example: coinslot operator appliance set-room 'Dryer 3' 801")
@click.argument("key", metavar="APPLIANCE")
@click.argument("room")
@options
def appliance_set_room(key: str, room: str, operator: str | None, as_json: bool) -> None:
    """Say which ROOM an appliance belongs to; '' for none."""

    async def work(desk: Desk) -> Appliance:
        own = desk.operator.operator_id
        found = await store.find_appliance(desk.connection, own, key)
        await store.set_room(desk.connection, own, found.appliance_id, room, by=desk.by)
        return await store.find_appliance(desk.connection, own, found.appliance_id)

    emit_one(run(operator, work), as_json=as_json)


@appliance.command("set", epilog="Example: coinslot operator appliance set 'Dispenser 1' --keypad")
@click.argument("key", metavar="APPLIANCE")
@click.option(
    "--keypad/--no-keypad",
    required=True,
    default=None,
    help="Whether codes can be typed there: a shower has a keypad, others have none, unless said otherwise.",
)
@options
def appliance_set(key: str, keypad: bool, operator: str | None, as_json: bool) -> None:
    """Say how an appliance is built."""

    async def work(desk: Desk) -> Appliance:
        own = desk.operator.operator_id
        found = await store.find_appliance(desk.connection, own, key)
        await store.set_keypad(desk.connection, own, found.appliance_id, keypad=keypad, by=desk.by)
        return await store.find_appliance(desk.connection, own, found.appliance_id)

    emit_one(run(operator, work), as_json=as_json)


@appliance.command("close", epilog="Example: coinslot operator appliance close 'Shower 3'")
@click.argument("key", metavar="APPLIANCE")
@options
def appliance_close(key: str, operator: str | None, as_json: bool) -> None:
    """Take an appliance out of service. Sessions under way run on."""

    async def work(desk: Desk) -> Appliance:
        own = desk.operator.operator_id
        found = await store.find_appliance(desk.connection, own, key)
        await store.close_appliance(desk.connection, own, found.appliance_id, by=desk.by)
        return await store.find_appliance(desk.connection, own, found.appliance_id)

    emit_one(run(operator, work), as_json=as_json)


@appliance.command("open", epilog="Example: coinslot operator appliance open 'Shower 3'")
@click.argument("key", metavar="APPLIANCE")
@options
def appliance_open(key: str, operator: str | None, as_json: bool) -> None:
    """Put an appliance back into service."""

    async def work(desk: Desk) -> Appliance:
        own = desk.operator.operator_id
        found = await store.find_appliance(desk.connection, own, key)
        await store.open_appliance(desk.connection, own, found.appliance_id, by=desk.by)
        return await store.find_appliance(desk.connection, own, found.appliance_id)

    emit_one(run(operator, work), as_json=as_json)


@click.group("outlet", epilog="Example: coinslot operator outlet list --appliance 'Dispenser 1'")
def outlet() -> None:
    """The taps, showers and sockets of an appliance, and what they cost."""


@outlet.command(
    "add", epilog="Example: coinslot operator outlet add 'Dispenser 1' trm_1hv3… 0 Cold --tariff Cold"
)
@click.argument("appliance_key", metavar="APPLIANCE")
@click.argument("terminal_key", metavar="TERMINAL")
@click.argument("number", type=int)
@click.argument("name")
@click.option("--tariff", "tariff_key", help="Without one it cannot be started.")
@click.option("--meter", default="{}", help="What is plausible of its meter, as JSON.")
@options
def outlet_add(
    appliance_key: str,
    terminal_key: str,
    number: int,
    name: str,
    tariff_key: str | None,
    meter: str,
    operator: str | None,
    as_json: bool,
) -> None:
    """Say which outlet NUMBER of a terminal is a tap of an appliance."""
    try:
        msgspec.json.decode(meter, type=MeterSpec)
    except msgspec.MsgspecError as error:
        raise click.BadParameter(str(error), param_hint="--meter") from error

    async def work(desk: Desk) -> Outlet:
        connection, own = desk.connection, desk.operator.operator_id
        price = None if tariff_key is None else (await find_tariff(connection, own, tariff_key)).tariff_id
        return await outlet_store.add_outlet(
            connection,
            own,
            appliance_id=(await store.find_appliance(connection, own, appliance_key)).appliance_id,
            terminal_id=(await store.find_terminal(connection, own, terminal_key)).terminal_id,
            outlet=number,
            name=name,
            tariff_id=price,
            meter_spec=meter,
            by=desk.by,
        )

    emit_one(run(operator, work), as_json=as_json)


@outlet.command("set-tariff", epilog="Example: coinslot operator outlet set-tariff 'Terminal 1' 0 Evening")
@click.argument("terminal_key", metavar="TERMINAL")
@click.argument("number", type=int)
@click.argument("tariff_key", metavar="TARIFF")
@options
def outlet_set_tariff(
    terminal_key: str, number: int, tariff_key: str, operator: str | None, as_json: bool
) -> None:
    """Price an outlet from its next session on."""

    async def work(desk: Desk) -> list[Outlet]:
        connection, own = desk.connection, desk.operator.operator_id
        driver = await store.find_terminal(connection, own, terminal_key)
        price = await find_tariff(connection, own, tariff_key)
        await outlet_store.set_tariff(
            connection, own, driver.terminal_id, number, price.tariff_id, by=desk.by
        )
        every = await outlet_store.list_outlets(connection, own)
        return [one for one in every if (one.terminal_id, one.outlet) == (driver.terminal_id, number)]

    emit(run(operator, work), _OUTLET_COLUMNS, as_json=as_json)


_OUTLET_COLUMNS = ("name", "terminal_id", "outlet", "appliance_id", "tariff_id")


@outlet.command("list", epilog="Example: coinslot operator outlet list --appliance 'Dispenser 1'")
@click.option("--appliance", "appliance_key", help="Only those of one appliance.")
@options
def outlet_list(appliance_key: str | None, operator: str | None, as_json: bool) -> None:
    """All outlets. One without a tariff cannot be started."""

    async def work(desk: Desk) -> list[Outlet]:
        own = desk.operator.operator_id
        if appliance_key is None:
            return await outlet_store.list_outlets(desk.connection, own)
        of = await store.find_appliance(desk.connection, own, appliance_key)
        return await outlet_store.list_outlets(desk.connection, own, of.appliance_id)

    emit(run(operator, work), _OUTLET_COLUMNS, as_json=as_json)


@click.group("claim-code", epilog="Example: coinslot operator claim-code new 'North Hall' 'Terminal 7'")
def claim_code() -> None:
    """One-time codes with which new terminals join."""


@claim_code.command(
    "new", epilog="Example: coinslot operator claim-code new 'North Hall' 'Terminal 7' --hours 24"
)
@click.argument("site_key", metavar="SITE")
@click.argument("name")
@click.option("--hours", type=int, default=72, show_default=True, help="How long it is good for.")
@options
def claim_code_new(site_key: str, name: str, hours: int, operator: str | None, as_json: bool) -> None:
    """Print a code for a terminal to be called NAME. It is shown now and never again."""

    async def work(desk: Desk) -> str:
        own = desk.operator.operator_id
        at = await store.find_site(desk.connection, own, site_key)
        return await provisioning.issue_claim_code(
            desk.connection, own, at.site_id, name=name, hours=hours, by=desk.by
        )

    emit_one({"claim_code": run(operator, work), "hours": hours}, as_json=as_json)


@click.group("terminal", epilog="Example: coinslot operator terminal list")
def terminal() -> None:
    """The controllers inside appliances. A new one joins with a claim code."""


@terminal.command("list", epilog="Example: coinslot operator terminal list")
@options
def terminal_list(operator: str | None, as_json: bool) -> None:
    """All terminals, revoked ones too."""
    found = run(operator, lambda desk: store.list_terminals(desk.connection, desk.operator.operator_id))
    emit(found, ("name", "terminal_id", "online", "firmware", "seen_at", "revoked_at"), as_json=as_json)


@terminal.command("rotate", epilog="Example: coinslot operator terminal rotate 'Terminal 7'")
@click.argument("key", metavar="TERMINAL")
@options
def terminal_rotate(key: str, operator: str | None, as_json: bool) -> None:
    """Give a terminal a new secret, printed once. The old one ends now."""

    async def work(desk: Desk) -> provisioning.Claimed:
        own = desk.operator.operator_id
        found = await store.find_terminal(desk.connection, own, key)
        return await provisioning.rotate(desk.connection, own, found.terminal_id, by=desk.by)

    emit_one(run(operator, work), as_json=as_json)


@terminal.command("revoke", epilog="Example: coinslot operator terminal revoke 'Terminal 7' --yes")
@click.argument("key", metavar="TERMINAL")
@click.confirmation_option(prompt="This shuts the terminal out for good. Go on?")
@options
def terminal_revoke(key: str, operator: str | None, as_json: bool) -> None:
    """Shut a terminal out for good. Its sessions and records stay."""

    async def work(desk: Desk) -> None:
        own = desk.operator.operator_id
        found = await store.find_terminal(desk.connection, own, key)
        await provisioning.revoke(desk.connection, own, found.terminal_id, by=desk.by)

    run(operator, work)
    emit_one({"revoked": key}, as_json=as_json)
