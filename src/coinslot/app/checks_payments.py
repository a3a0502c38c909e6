"""The doctor's checks of payments: merchants' keys, whose they are, and whether providers can reach us. It asks no provider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from coinslot.app.errors import Problem
from coinslot.app.findings import Finding, ok, skipped, wrong
from coinslot.app.merchants import Merchants, meet
from coinslot.app.merchants_file import Contents, read_merchants
from coinslot.app.settings import Settings
from coinslot.engines.connect import UNANSWERED
from coinslot.engines.errors import EngineError

_CHECK: Final = "merchants"
_REACHED: Final = "notifications"


def check_merchants(settings: Settings) -> Iterator[Finding]:
    """What the file holds, and the address that providers are given."""
    if settings.merchants_file is None:
        yield skipped(_CHECK, "`merchants_file` is not set: nothing is paid but at the counter")
        return
    contents = _contents(settings.merchants_file)
    if isinstance(contents, Problem):
        yield wrong(_CHECK, contents.message, contents.remedy)
        return
    for each in (*contents.wrong, *contents.loose):
        yield wrong(_CHECK, each.message, each.remedy)
    if contents.entries:
        yield ok(_CHECK, "keys for " + ", ".join(entry.label for entry in contents.entries))
        yield _reached(settings)
    elif not contents.wrong:
        yield skipped(_CHECK, f"{settings.merchants_file} names no merchant")


async def check_whose(settings: Settings, database_url: str) -> Sequence[Finding]:
    """Keys without a merchant in the database, and merchants without keys."""
    contents = Contents()
    if settings.merchants_file is not None:
        found = _contents(settings.merchants_file)
        contents = Contents() if isinstance(found, Problem) else found
    try:
        told = await meet(Merchants(contents.entries), database_url)
    except (EngineError, *UNANSWERED):
        return [skipped(_CHECK, "the database cannot be asked whose they are")]
    return [wrong(_CHECK, each.message, each.remedy) for each in told]


def _contents(path: Path) -> Contents | Problem:
    try:
        return read_merchants(path)
    except Problem as problem:
        return problem


def _reached(settings: Settings) -> Finding:
    url = settings.public_url or ""
    if settings.demo:
        return ok(_REACHED, "the demo's own providers find their way")
    if not url:
        return wrong(
            _REACHED,
            "`public_url` is not set: providers do not know where to tell of payments",
            "Set it to the address under which customers and providers reach this server, with https.",
        )
    if urlsplit(url).scheme != "https":
        return wrong(
            _REACHED,
            f"`public_url` is {url}: providers tell of payments by https alone",
            "Set it with https.",
        )
    return ok(_REACHED, f"providers tell of payments at {url}/notify/…")
