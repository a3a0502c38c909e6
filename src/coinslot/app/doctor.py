"""`coinslot doctor`: is this installation fit to take people's money? If not, what is to be done?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence

import click
import msgspec

from coinslot.app.checks_codes import check_codes
from coinslot.app.checks_doors import check_doors
from coinslot.app.checks_engines import check_broker, check_database
from coinslot.app.checks_machine import check_machine
from coinslot.app.checks_notices import check_notices
from coinslot.app.checks_payments import check_merchants, check_whose
from coinslot.app.demo_home import looked_at
from coinslot.app.errors import Problem
from coinslot.app.findings import Finding, State, ok, skipped, wrong
from coinslot.app.installation import Installation, attached_installation, open_installation
from coinslot.app.settings import Settings, load_settings
from coinslot.engines.connect import ensure_database
from coinslot.engines.errors import EngineError

_MARKS = {State.OK: "ok   ", State.WRONG: "WRONG", State.SKIPPED: "–    "}


@click.command("doctor", epilog="Example: coinslot doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(as_json: bool) -> None:
    """Check this installation: the machine, PostgreSQL, NATS. Exit code 1 if anything is wrong.

    Engines of this data folder that are not running are started for the while.
    """
    findings = diagnose(lambda: looked_at(load_settings()))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings)).decode())
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.state]} {finding.check}: {finding.detail}")
            if finding.remedy is not None:
                click.echo(f"      → {finding.remedy}")
    sys.exit(any(finding.state is State.WRONG for finding in findings))


def diagnose(load: Callable[[], Settings]) -> Sequence[Finding]:
    """Every finding, machine first. Never raises for what is wrong with the installation."""
    try:
        settings = load()
    except Problem as problem:
        return [wrong("settings", problem.message, problem.remedy)]
    except EngineError as error:
        return [wrong("engines", error.message, error.remedy)]
    about = "the running demo's" if settings.demo else "complete, no known secret among them"
    findings = [
        ok("settings", about),
        *check_machine(settings),
        *check_doors(settings),
        *check_notices(settings),
        *check_merchants(settings),
    ]
    try:
        running = attached_installation(settings)
        if running is not None:
            return [*findings, ok("engines", "running"), *asyncio.run(_look(settings, running))]
        with open_installation(settings) as started:
            names = " and ".join(child.name for child in started.children)
            findings.append(skipped("engines", f"{names} not running; started for this check only"))
            return [*findings, *asyncio.run(_look(settings, started))]
    except EngineError as error:
        return [*findings, wrong("engines", error.message, error.remedy)]


async def _look(settings: Settings, installation: Installation) -> list[Finding]:
    own = {child.name for child in installation.children}
    if "postgres" in own:
        await ensure_database(installation.database_url)
    findings = [finding async for finding in check_database(installation.database_url)]
    if all(
        finding.state is not State.WRONG for finding in findings if finding.check in ("database", "schema")
    ):
        findings += await check_whose(settings, installation.database_url)
        findings += await check_codes(installation.database_url)
    async for finding in check_broker(installation.broker):
        if finding.check == "auth callout" and "nats" in own:
            findings.append(skipped("auth callout", "the server is not running"))
        else:
            findings.append(finding)
    return findings
