"""`coinslot operator webhook`: where the operator's own systems are told of what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
from msgspec import Struct
from msgspec.structs import asdict

from coinslot.app.errors import Problem
from coinslot.app.installation import keyring
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.settings import load_settings
from coinslot.fleet.store import find_site
from coinslot.webhooks import endpoints
from coinslot.webhooks.deliveries import (
    find_delivery,
    list_deliveries,
    queue_test,
    replay,
    replay_dead,
)
from coinslot.webhooks.destinations import networks
from coinslot.webhooks.model import CHOOSABLE, Delivery, DeliveryState, Endpoint
from coinslot.webhooks.signing import secret

_COLUMNS = ("name", "endpoint_id", "url", "site_id", "kinds", "off_since", "off_why")
_DELIVERY_COLUMNS = ("made_at", "kind", "event_id", "about", "state", "tries", "status", "error")


class Told(Struct, frozen=True, kw_only=True):
    """An endpoint with its secret."""

    name: str
    endpoint_id: str
    url: str
    secret: str


@click.group("webhook", epilog="Example: coinslot operator webhook list")
def webhook() -> None:
    """Systems of the operator's own that are told when a session settles, money arrives or goes back.

    docs/webhooks.md tells their programmers what they get and how to check the signature.
    """


@webhook.command(
    "add", epilog="Example: coinslot operator webhook add 'Front office' https://pms.example.org/coinslot"
)
@click.argument("name")
@click.argument("url")
@click.option("--site", "site_key", help="Only what happens at this site.")
@click.option(
    "--event",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in CHOOSABLE]),
    help="Only these events; may be given several times.",
)
@options
def webhook_add(
    name: str, url: str, site_key: str | None, kinds: tuple[str, ...], operator: str | None, as_json: bool
) -> None:
    """Tell URL from now on. The secret that is printed checks the signatures."""
    settings = load_settings()

    async def work(desk: Desk) -> Told:
        own = desk.operator.operator_id
        site = None if site_key is None else (await find_site(desk.connection, own, site_key)).site_id
        made = await endpoints.add_endpoint(
            desk.connection,
            own,
            name=name,
            url=url,
            site_id=site,
            kinds=kinds,
            private=networks(settings.webhook_networks),
            by=desk.by,
        )
        return _told(made)

    emit_one(run(operator, work), as_json=as_json)


def _told(endpoint: Endpoint) -> Told:
    return Told(
        name=endpoint.name,
        endpoint_id=endpoint.endpoint_id,
        url=endpoint.url,
        secret=secret(keyring(load_settings()), endpoint),
    )


@webhook.command("list", epilog="Example: coinslot operator webhook list")
@options
def webhook_list(operator: str | None, as_json: bool) -> None:
    """All endpoints."""
    found = run(operator, lambda desk: endpoints.list_endpoints(desk.connection, desk.operator.operator_id))
    emit(found, _COLUMNS, as_json=as_json)


@webhook.command("secret", epilog="Example: coinslot operator webhook secret 'Front office' --rotate")
@click.argument("key", metavar="ENDPOINT")
@click.option("--rotate", is_flag=True, help="Make another one; for a day messages carry both signatures.")
@options
def webhook_secret(key: str, rotate: bool, operator: str | None, as_json: bool) -> None:
    """Print the secret that checks the signatures."""

    async def work(desk: Desk) -> Told:
        found = await _find(desk, key)
        if rotate:
            found = await endpoints.rotate_secret(
                desk.connection, found.operator_id, found.endpoint_id, by=desk.by
            )
        return _told(found)

    emit_one(run(operator, work), as_json=as_json)


@webhook.command("test", epilog="Example: coinslot operator webhook test 'Front office'")
@click.argument("key", metavar="ENDPOINT")
@options
def webhook_test(key: str, operator: str | None, as_json: bool) -> None:
    """Send a test message; `deliveries` shows what became of it."""

    async def work(desk: Desk) -> str:
        return await queue_test(desk.connection, _on(await _find(desk, key)), by=desk.by)

    emit_one({"event_id": run(operator, work)}, as_json=as_json)


@webhook.command("on", epilog="Example: coinslot operator webhook on 'Front office'")
@click.argument("key", metavar="ENDPOINT")
@options
def webhook_on(key: str, operator: str | None, as_json: bool) -> None:
    """Tell an endpoint again that was switched off. `replay --dead` sends what it has missed."""

    async def work(desk: Desk) -> Endpoint:
        found = await _find(desk, key)
        return await endpoints.switch_on(desk.connection, found.operator_id, found.endpoint_id, by=desk.by)

    emit_one(asdict(run(operator, work)), as_json=as_json)


@webhook.command("off", epilog="Example: coinslot operator webhook off 'Front office'")
@click.argument("key", metavar="ENDPOINT")
@options
def webhook_off(key: str, operator: str | None, as_json: bool) -> None:
    """Tell an endpoint nothing for now. What it misses is kept for a replay."""

    async def work(desk: Desk) -> Endpoint:
        found = await _find(desk, key)
        await endpoints.switch_off(
            desk.connection, found.operator_id, found.endpoint_id, why="by hand", by=desk.by
        )
        return await _find(desk, found.endpoint_id)

    emit_one(asdict(run(operator, work)), as_json=as_json)


@webhook.command("remove", epilog="Example: coinslot operator webhook remove 'Front office'")
@click.argument("key", metavar="ENDPOINT")
@options
def webhook_remove(key: str, operator: str | None, as_json: bool) -> None:
    """Tell an endpoint nothing any more, for good."""

    async def work(desk: Desk) -> None:
        found = await _find(desk, key)
        await endpoints.remove_endpoint(desk.connection, found.operator_id, found.endpoint_id, by=desk.by)

    run(operator, work)
    emit_one({"removed": key}, as_json=as_json)


@webhook.command("deliveries", epilog="Example: coinslot operator webhook deliveries --state dead")
@click.argument("key", metavar="[ENDPOINT]", required=False)
@click.option("--state", type=click.Choice([state.value for state in DeliveryState]))
@click.option("--event", "event_id", help="One delivery with all its tries; needs ENDPOINT.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@options
def webhook_deliveries(
    key: str | None,
    state: str | None,
    event_id: str | None,
    limit: int,
    operator: str | None,
    as_json: bool,
) -> None:
    """Messages and what became of them, the newest first."""
    if event_id is not None:
        _show_one(key, event_id, operator, as_json=as_json)
        return

    async def work(desk: Desk) -> list[Delivery]:
        own = desk.operator.operator_id
        endpoint = None if key is None else (await _find(desk, key)).endpoint_id
        wanted = None if state is None else DeliveryState(state)
        return await list_deliveries(desk.connection, own, endpoint_id=endpoint, state=wanted, limit=limit)

    emit(run(operator, work), _DELIVERY_COLUMNS, as_json=as_json)


def _show_one(key: str | None, event_id: str, operator: str | None, *, as_json: bool) -> None:
    if key is None:
        raise click.UsageError("--event needs ENDPOINT: each endpoint has a delivery of its own")

    async def work(desk: Desk) -> dict[str, object]:
        endpoint = await _find(desk, key)
        found, attempts, body = await find_delivery(
            desk.connection, endpoint.operator_id, endpoint.endpoint_id, event_id
        )
        return {
            **asdict(found),
            "body": None if body is None else body.decode(),
            "attempts": [asdict(each) for each in attempts],
        }

    emit_one(run(operator, work), as_json=as_json)


@webhook.command(
    "replay",
    epilog="Example: coinslot operator webhook replay 'Front office' evt_1f0c…\n\n"
    "Example: coinslot operator webhook replay 'Front office' --dead --hours 24",
)
@click.argument("key", metavar="ENDPOINT")
@click.argument("event_id", metavar="[EVENT]", required=False)
@click.option("--dead", is_flag=True, help="All that were given up.")
@click.option(
    "--hours", type=click.IntRange(1, 720), default=24, show_default=True, help="With --dead: since when."
)
@options
def webhook_replay(
    key: str, event_id: str | None, dead: bool, hours: int, operator: str | None, as_json: bool
) -> None:
    """Send a message again, or all that were given up: new tries under the same ids."""
    if (event_id is None) is not dead:
        raise click.UsageError("name one EVENT, or give --dead for all that were given up")

    async def work(desk: Desk) -> int:
        endpoint = _on(await _find(desk, key))
        if event_id is not None:
            return int(await replay(desk.connection, endpoint, event_id, by=desk.by))
        since = datetime.now(UTC) - timedelta(hours=hours)
        return await replay_dead(desk.connection, endpoint, since, by=desk.by)

    emit_one({"sent_again": run(operator, work)}, as_json=as_json)


async def _find(desk: Desk, key: str) -> Endpoint:
    return await endpoints.find_endpoint(desk.connection, desk.operator.operator_id, key)


def _on(endpoint: Endpoint) -> Endpoint:
    if endpoint.off_since is not None:
        raise Problem(
            f"{endpoint.name} is switched off: {endpoint.off_why}",
            "Switch it on first: coinslot operator webhook on " + endpoint.endpoint_id,
        )
    return endpoint
