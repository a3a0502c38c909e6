"""`coinslot operator desk`: browsers in lobbies that see what is used and paid at a site."""

from __future__ import annotations

import click
from msgspec import Struct

from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.settings import load_settings
from coinslot.fleet import front_desks
from coinslot.fleet.front_desks import FrontDesk
from coinslot.fleet.store import find_site


class Link(Struct, frozen=True, kw_only=True):
    """A desk and the link that opens it, once."""

    name: str
    site: str
    desk_id: str
    link: str
    good_until: str


@click.group("desk", epilog="Example: coinslot operator desk list")
def desk() -> None:
    """Front desks: browsers in a lobby, with a bell. Each sees its own site and nothing of customers."""


@desk.command("add", epilog="Example: coinslot operator desk add 'Hotel am See' Reception")
@click.argument("site_key", metavar="SITE")
@click.argument("name")
@options
def desk_add(site_key: str, name: str, operator: str | None, as_json: bool) -> None:
    """A new desk. The link that is printed opens it in one browser, once, within a day."""

    async def work(here: Desk) -> tuple[FrontDesk, str]:
        own = here.operator.operator_id
        site = await find_site(here.connection, own, site_key)
        return await front_desks.add_desk(here.connection, own, site.site_id, name=name, by=here.by)

    emit_one(_link(*run(operator, work)), as_json=as_json)


@desk.command("link", epilog="Example: coinslot operator desk link Reception")
@click.argument("key", metavar="DESK")
@options
def desk_link(key: str, operator: str | None, as_json: bool) -> None:
    """Another link for a desk, for a new browser. The old browser sees nothing from now on."""

    async def work(here: Desk) -> tuple[FrontDesk, str]:
        own = here.operator.operator_id
        found = await front_desks.find_desk(here.connection, own, key)
        return await front_desks.new_link(here.connection, own, found.desk_id, by=here.by)

    emit_one(_link(*run(operator, work)), as_json=as_json)


@desk.command("list", epilog="Example: coinslot operator desk list")
@options
def desk_list(operator: str | None, as_json: bool) -> None:
    """All desks that were not revoked."""
    found = run(operator, lambda here: front_desks.list_desks(here.connection, here.operator.operator_id))
    emit(
        found,
        ("site", "name", "browser", "desk_id", "opened_at", "seen_at", "link_expires_at"),
        as_json=as_json,
    )


@desk.command("revoke", epilog="Example: coinslot operator desk revoke Reception")
@click.argument("key", metavar="DESK")
@options
def desk_revoke(key: str, operator: str | None, as_json: bool) -> None:
    """Its browser sees nothing from now on."""

    async def work(here: Desk) -> None:
        own = here.operator.operator_id
        found = await front_desks.find_desk(here.connection, own, key)
        await front_desks.revoke_desk(here.connection, own, found.desk_id, by=here.by)

    run(operator, work)
    emit_one({"revoked": key}, as_json=as_json)


def _link(found: FrontDesk, link: str) -> Link:
    settings = load_settings()
    base = settings.public_url or f"http://{settings.http_host}:{settings.http_port}"
    assert found.link_expires_at is not None
    return Link(
        name=found.name,
        site=found.site,
        desk_id=found.desk_id,
        link=f"{base}/desk/open/{link}",
        good_until=found.link_expires_at.isoformat(timespec="minutes"),
    )
