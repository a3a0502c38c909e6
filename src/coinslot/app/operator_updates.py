"""`coinslot operator update`: trusted keys, releases offered to terminals, what became of them."""

from __future__ import annotations

from pathlib import Path

import click

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.release import read, read_signed
from coinslot.fleet import releases, updates
from coinslot.fleet.releases import UpdateKey
from coinslot.fleet.store import find_site, find_terminal, list_terminals
from coinslot.fleet.updates import TargetView
from coinslot.wire.ids import TerminalId

_LONGEST_URL = 512


@click.group("update", epilog="Example: coinslot operator update list")
def update() -> None:
    """Signed software and configurations for terminals, put in place over the link."""


@update.command("trust", epilog="Example: coinslot operator update trust 3b6a27bc… 'maker 2026'")
@click.argument("key")
@click.argument("name")
@options
def update_trust(key: str, name: str, operator: str | None, as_json: bool) -> None:
    """Terminals that are claimed from now on believe what this public KEY signs."""

    async def work(desk: Desk) -> UpdateKey:
        return await releases.trust_key(
            desk.connection, desk.operator.operator_id, key=key, name=name, by=desk.by
        )

    emit_one(run(operator, work), as_json=as_json)


@update.command("distrust", epilog="Example: coinslot operator update distrust 'maker 2026'")
@click.argument("key", metavar="KEY")
@options
def update_distrust(key: str, operator: str | None, as_json: bool) -> None:
    """Offer nothing more that KEY signed, and give it to no new terminal.

    Terminals that have it keep it until their configuration names others.
    """

    async def work(desk: Desk) -> list[UpdateKey]:
        await releases.end_key(desk.connection, desk.operator.operator_id, key=key, by=desk.by)
        return await releases.list_keys(desk.connection, desk.operator.operator_id)

    emit(run(operator, work), ("name", "key", "added_at", "ended_at"), as_json=as_json)


@update.command("keys", epilog="Example: coinslot operator update keys")
@options
def update_keys(operator: str | None, as_json: bool) -> None:
    """The public keys that are trusted, and those that were."""
    rows = run(operator, lambda desk: releases.list_keys(desk.connection, desk.operator.operator_id))
    emit(rows, ("name", "key", "added_at", "ended_at"), as_json=as_json)


@update.command(
    "offer", epilog="Example: coinslot operator update offer agent-1.2.0.zip --site 'North Hall' --first 2"
)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--terminal",
    "terminals",
    multiple=True,
    help="By name or id; may be given again, those first that go ahead.",
)
@click.option("--site", "site_key", help="Every terminal of a site.")
@click.option("--all", "everybody", is_flag=True, help="Every terminal of the operator.")
@click.option(
    "--first",
    default=0,
    show_default=True,
    help="So many go ahead; the rest follows when all have confirmed.",
)
@click.option(
    "--url", default="", help="Where terminals load it, with https; without it from this installation."
)
@options
def update_offer(
    path: Path,
    terminals: tuple[str, ...],
    site_key: str | None,
    everybody: bool,
    first: int,
    url: str,
    operator: str | None,
    as_json: bool,
) -> None:
    """Offer FILE, signed by `coinslot release sign`, to terminals."""
    if (bool(terminals), site_key is not None, everybody).count(True) != 1:
        raise Problem("To which terminals?", "Give --terminal, --site or --all.")
    if url and (not url.startswith("https://") or len(url) > _LONGEST_URL or not url.isascii()):
        raise Problem(
            "url: terminals load from https:// addresses of at most 512 characters", "Correct --url."
        )
    signed, artifact = read_signed(path), read(path)

    async def work(desk: Desk) -> list[TargetView]:
        own = desk.operator.operator_id
        async with desk.connection.transaction():
            chosen = await _chosen(desk, terminals, site_key)
            release = await releases.add_release(desk.connection, own, signed, artifact, url=url, by=desk.by)
            made = await updates.offer(desk.connection, own, release, chosen, first=first, by=desk.by)
        return await updates.list_targets(desk.connection, own, made)

    _show(run(operator, work), as_json=as_json)


async def _chosen(desk: Desk, names: tuple[str, ...], site_key: str | None) -> list[TerminalId]:
    own = desk.operator.operator_id
    if names:
        found = [await find_terminal(desk.connection, own, name) for name in names]
    else:
        found = await list_terminals(desk.connection, own)
    if site_key is not None:
        site = await find_site(desk.connection, own, site_key)
        found = [one for one in found if one.site_id == site.site_id]
    return list(dict.fromkeys(one.terminal_id for one in found if one.revoked_at is None))


@update.command("list", epilog="Example: coinslot operator update list --offer upd_1hv3k8…")
@click.option("--offer", "offer_id", help="Only this one.")
@options
def update_list(offer_id: str | None, operator: str | None, as_json: bool) -> None:
    """How each terminal stands, the newest offer first."""
    rows = run(
        operator, lambda desk: updates.list_targets(desk.connection, desk.operator.operator_id, offer_id)
    )
    _show(rows, as_json=as_json)


@update.command("stop", epilog="Example: coinslot operator update stop upd_1hv3k8…")
@click.argument("offer_id", metavar="OFFER")
@options
def update_stop(offer_id: str, operator: str | None, as_json: bool) -> None:
    """Tell nobody of OFFER any more. Who has it on trial already goes on with that."""

    async def work(desk: Desk) -> list[TargetView]:
        own = desk.operator.operator_id
        await updates.stop_offer(desk.connection, own, offer_id, by=desk.by)
        return await updates.list_targets(desk.connection, own, offer_id)

    _show(run(operator, work), as_json=as_json)


@update.command("widen", epilog="Example: coinslot operator update widen upd_1hv3k8…")
@click.argument("offer_id", metavar="OFFER")
@options
def update_widen(offer_id: str, operator: str | None, as_json: bool) -> None:
    """Tell all the rest of OFFER now, whatever became of those that went ahead."""

    async def work(desk: Desk) -> list[TargetView]:
        own = desk.operator.operator_id
        await updates.widen_offer(desk.connection, own, offer_id, by=desk.by)
        return await updates.list_targets(desk.connection, own, offer_id)

    _show(run(operator, work), as_json=as_json)


def _show(rows: list[TargetView], *, as_json: bool) -> None:
    columns = (
        "terminal",
        "kind",
        "version",
        "serial",
        "step",
        "detail",
        "ahead",
        "online",
        "changed_at",
        "offer_id",
    )
    emit(rows, columns, as_json=as_json)
