"""`coinslot operator sticker`: what is glued to an appliance."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import Struct

from coinslot.app.errors import Problem
from coinslot.app.installation import keyring
from coinslot.app.operator_console import Desk, emit, options, run
from coinslot.app.settings import load_settings
from coinslot.app.stickers import Sticker, appliance_url, draw
from coinslot.fleet import store


class Made(Struct, frozen=True, kw_only=True):
    """One sticker and where it was written."""

    appliance: str
    code: str
    url: str
    file: str


@click.command(
    "sticker",
    epilog="Example: coinslot operator sticker 'Dispenser 1' --out stickers\n\n"
    "Example: coinslot operator sticker --url-only",
)
@click.argument("key", metavar="[APPLIANCE]", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("stickers"),
    show_default=True,
    help="The folder for the SVG files, one for each appliance.",
)
@click.option("--url-only", is_flag=True, help="Write no files, only say where the codes lead.")
@options
def sticker(key: str | None, out: Path, url_only: bool, operator: str | None, as_json: bool) -> None:
    """Stickers with the signed QR of one appliance, or of all.

    The QR leads to COINSLOT_PUBLIC_URL. It stays good as long as COINSLOT_SECRET_KEY, or the key is kept
    among COINSLOT_EARLIER_SECRET_KEYS.
    """
    settings = load_settings()
    if settings.public_url is None:
        raise Problem(
            "it is not known how phones reach this installation",
            "Set COINSLOT_PUBLIC_URL, such as https://water.example.org, and run this again.",
        )
    public_url, keys = settings.public_url, keyring(settings)

    async def work(desk: Desk) -> list[Sticker]:
        own = desk.operator.operator_id
        if key is None:
            appliances = await store.list_appliances(desk.connection, own)
        else:
            appliances = [await store.find_appliance(desk.connection, own, key)]
        sites = {site.site_id: site.name for site in await store.list_sites(desk.connection, own)}
        return [
            Sticker(
                url=appliance_url(keys, public_url, one.code),
                name=one.name,
                site=sites[one.site_id],
                code=one.code,
                help_phone=desk.operator.help_phone,
            )
            for one in appliances
        ]

    found = run(operator, work)
    made = []
    for one in found:
        path = out / f"{one.code}.svg"
        if not url_only:
            out.mkdir(parents=True, exist_ok=True)
            path.write_text(draw(one), encoding="utf-8")
        made.append(Made(appliance=one.name, code=one.code, url=one.url, file="" if url_only else str(path)))
    emit(made, ("appliance", "code", "url", "file"), as_json=as_json)
