"""`coinslot terminal check` and `shut`: an appliance's parts tried one after the other, its valves shut."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from coinslot.app.errors import Problem
from coinslot.app.terminal import make_tls
from coinslot.app.terminal_updates import holding
from coinslot.terminal import check as checks
from coinslot.terminal import config as files
from coinslot.terminal import identity as identities
from coinslot.terminal.check import Finding, Level
from coinslot.terminal.check_parts import Parts, Trying
from coinslot.terminal.clock import RealClock
from coinslot.terminal.ports import Closing


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for on the command line."""

    keys: bool = True
    water: bool = True
    as_json: bool = False


def check(path: Path | None, asked: Asked) -> bool:
    """Print the report; whether nothing failed. Problem when there is no configuration to check by."""
    config = _config(path)
    findings = asyncio.run(_findings(config, Path(config.journal).expanduser(), asked))
    if asked.as_json:
        print(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        print(checks.text(findings))
    return all(one.level is not Level.FAIL for one in findings)


def shut(path: Path | None) -> None:
    """Shut every valve. Problem when that could not be done."""
    config = _config(path)
    clock = RealClock()
    try:
        hardware = files.hardware(config, files.settings(config, "shut"), clock)
        for outlet in hardware.outlets.values():
            outlet.valve.shut()
        if isinstance(hardware, Closing):
            hardware.close()
    except (files.ConfigError, OSError) as error:
        what, _, advice = str(error).partition("\n")
        raise Problem(what, advice or "Cut the valves' supply by hand.") from None


def _config(path: Path | None) -> files.FileConfig:
    try:
        return holding(files.load(path), path)
    except files.ConfigError as error:
        what, _, advice = str(error).partition("\n")
        raise Problem(what, advice or "Correct the file; docs/terminal/wiring.md has every key.") from None


async def _findings(config: files.FileConfig, directory: Path, asked: Asked) -> list[Finding]:
    clock = RealClock()
    findings = [checks.disk(directory), checks.wall_clock(clock)]
    identity = None
    try:
        identity = identities.load(directory / "identity.json")
    except identities.IdentityError as error:
        what, _, advice = str(error).partition("\n")
        findings.append(checks.warn("link", what, " ".join(advice.split())))
    if identity is not None:
        findings.append(await checks.link(identity, make_tls(directory, identity, clock, lambda: 0)))
    if config.watchdog is not None and config.watchdog.device is not None:
        findings.append(_watchdog(Path(config.watchdog.device)))
    return findings + await _parts(config, asked, clock)


async def _parts(config: files.FileConfig, asked: Asked, clock: RealClock) -> list[Finding]:
    settings = files.settings(config, "check")
    try:
        hardware = files.hardware(config, settings, clock)
    except files.ConfigError as error:
        what, _, advice = str(error).partition("\n")
        return [checks.fail("hardware", what, advice)]
    ask = None if asked.as_json or not sys.stdin.isatty() else _ask
    trying = Trying(water=asked.water, keys=asked.keys, ask=ask)
    if asked.keys and not asked.as_json:
        print("Press any key of the appliance when everything else has been tried.", flush=True)
    try:
        return await Parts(hardware, settings, clock, config.wiring, trying).run()
    finally:
        if isinstance(hardware, Closing):
            hardware.close()


def _ask(question: str) -> bool:
    return click.confirm(question, default=True)


def _watchdog(device: Path) -> Finding:
    # Not opened: from then on the board would be reset unless the agent starts in time.
    if device.exists():
        return checks.ok("watchdog", f"{device} is there")
    return checks.fail(
        "watchdog",
        f"{device} is not there",
        "Enable it for this board (dtparam=watchdog=on on a Raspberry Pi).",
    )
