"""The doctor's look at keypads: how likely a guess opens something, by each site's own numbers of this moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coinslot.access.odds import TARGET, Table, text
from coinslot.app.findings import Finding, ok, skipped, wrong
from coinslot.engines.connect import UNANSWERED, open_pool
from coinslot.engines.errors import EngineError
from coinslot.settlement.codes.standing import SiteStanding, all_sites, is_too_easy

_CHECK: Final = "keypad codes"


async def check_codes(database_url: str) -> Sequence[Finding]:
    """One line for each site with codes, and one for each kind that is live at its weakest keypad."""
    try:
        pool = await open_pool(database_url, max_size=1, application_name="coinslot doctor")
        try:
            async with pool.acquire() as connection:
                sites = await all_sites(connection)
        finally:
            await pool.close()
    except (EngineError, *UNANSWERED):
        return [skipped(_CHECK, "the database cannot be asked what is live")]
    if not sites:
        return [skipped(_CHECK, "no code was ever made here")]
    return [finding for site in sites for finding in judge_site(site)]


def judge_site(site: SiteStanding) -> Sequence[Finding]:
    """A site's numbers: wrong only where a guess is likelier than it may be."""
    where = f"{site.operator_name}, {site.site_name}"
    detail = (
        f"{where}: {_counted(site.keypads, 'keypad')}, {site.locked} locked;"
        f" {_counted(site.tries, 'wrong code')} in 24 h"
    )
    lines = [ok(_CHECK, f"{where}: {_line(row)}") for row in site.rows if row.kind is not None and row.fits]
    if not is_too_easy(site):
        total = site.rows[-1].odds if site.rows else "0"
        return [
            ok(_CHECK, f"{detail}; guessed in a day at its weakest: {total} (at most {text(TARGET)})"),
            *lines,
        ]
    bad = "; ".join(_line(row) for row in site.rows if not row.fits)
    remedy = (
        "Codes end by themselves within 10 minutes, and no new ones are made until they fit. Look whether rooms or"
        " outlets were moved together since; codes made for the time without a link end with the link."
    )
    return [wrong(_CHECK, f"{detail}; guessing is too easy: {bad}", remedy), *lines]


def _line(row: Table) -> str:
    if row.kind is None:
        return f"{row.keypad}, all kinds: {row.odds} a day"
    return (
        f"{row.keypad}, {row.kind.value}: {row.digits} digits, {row.live} live, {row.tries_a_day} tries a day,"
        f" {row.odds}"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
