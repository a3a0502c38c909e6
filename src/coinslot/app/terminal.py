"""`coinslot terminal`: run the agent of one appliance, check its parts, shut its valves."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from msgspec.structs import replace

from coinslot.app import terminal_updates
from coinslot.app.errors import Problem
from coinslot.app.terminal_typing import show_and_type
from coinslot.terminal import config as files
from coinslot.terminal import identity as identities
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import BUILD_MS, RealClock
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.keepers import Keeper, Systemd, keepers
from coinslot.terminal.mqtt import Account, MakeTls, MqttConnection
from coinslot.terminal.ports import Closing, Hardware
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.settings import Language, Settings
from coinslot.terminal.simulated import Model, SimulatedAppliance
from coinslot.terminal.trust import moment_ms, tls_context
from coinslot.terminal.watchdog import Watchdog
from coinslot.wire.ids import TerminalId

EXAMPLE = """\b
Example:
  coinslot terminal --claim 7KQ2-M4XR --server https://pay.example.org --simulated shower
  coinslot terminal --config /etc/coinslot/terminal.toml
  coinslot terminal check --config /etc/coinslot/terminal.toml

The first line claims the terminal once and runs it; afterwards only the second is needed. On a simulated
appliance, type digits and # for the keypad, or s for the stop key, then Enter.
"""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What was said on the command line."""

    config: Path | None
    journal: Path | None
    simulated: str | None
    language: str | None
    claim: str | None
    server: str | None
    verbose: bool


class Runs(click.Group):
    """A group whose first command needs no name: `coinslot terminal --config F` runs the agent."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`run` put in front of what is not another command's name."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Runs, epilog=EXAMPLE, help="The agent of one appliance: valve, meter, display, journal, link."
)
def command() -> None:
    """The command line, as click calls it."""


RUN_EXAMPLE = """\b
Example:
  coinslot terminal run --config /etc/coinslot/terminal.toml
  coinslot terminal --claim 7KQ2-M4XR --server https://pay.example.org --simulated shower

The second line claims the terminal once and runs it. On a simulated appliance, type digits and # for the
keypad, or s for the stop key, then Enter.
"""
CHECK_EXAMPLE = "Example: coinslot terminal check --config /etc/coinslot/terminal.toml --no-keys"
SHUT_EXAMPLE = "Example: coinslot terminal shut --config /etc/coinslot/terminal.toml"
CONFIG = click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings in TOML.")


@command.command("run", epilog=RUN_EXAMPLE, help="Run it; what is done where no command is named.")
@CONFIG
@click.option(
    "--journal", type=click.Path(path_type=Path), metavar="DIR", help="Where journal and identity are kept."
)
@click.option("--simulated", type=click.Choice([str(one) for one in Model]), help="A simulated appliance.")
@click.option("--language", type=click.Choice([str(one) for one in Language]), help="Of the display.")
@click.option("--claim", metavar="CODE", help="Claim this terminal with a one-time code, then run it.")
@click.option("--server", metavar="URL", help="The server to claim it at.")
@click.option("--verbose", is_flag=True, help="Say more.")
def _run_command(
    config: Path | None,
    journal: Path | None,
    simulated: str | None,
    language: str | None,
    claim: str | None,
    server: str | None,
    verbose: bool,
) -> None:
    run(
        Arguments(
            config=config,
            journal=journal,
            simulated=simulated,
            language=language,
            claim=claim,
            server=server,
            verbose=verbose,
        )
    )


@command.command(
    "check", epilog=CHECK_EXAMPLE, help="Try every part, and say what works and what to do about the rest."
)
@CONFIG
@click.option("--no-keys", is_flag=True, help="Do not wait for somebody to press a key.")
@click.option("--no-water", is_flag=True, help="Open no valve.")
@click.option("--json", "as_json", is_flag=True, help="For programs; asks nothing.")
def _check_command(config: Path | None, no_keys: bool, no_water: bool, as_json: bool) -> None:
    from coinslot.app import terminal_check

    asked = terminal_check.Asked(keys=not no_keys, water=not no_water, as_json=as_json)
    if not terminal_check.check(config, asked):
        raise SystemExit(1)


@command.command(
    "shut", epilog=SHUT_EXAMPLE, help="Shut every valve and end: for systemd, after an agent that was killed."
)
@CONFIG
def _shut_command(config: Path | None) -> None:
    from coinslot.app import terminal_check

    terminal_check.shut(config)


def run(arguments: Arguments) -> None:
    """Run until a signal. Problem says what is wrong and what to do next."""
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING, format="%(levelname)s %(message)s"
    )
    try:
        by_hand = _config(arguments)
        identity = _identity(arguments, Path(by_hand.journal).expanduser())
        booted = terminal_updates.boot(by_hand, arguments.config, again_with(arguments))
        booted = terminal_updates.with_config(booted, _overridden(booted.config, arguments))
        restarting = asyncio.run(_run(booted, identity))
    except (files.ConfigError, identities.IdentityError) as error:
        what, _, advice = str(error).partition("\n")
        raise Problem(what, advice) from None
    if restarting:
        terminal_updates.again(booted, again_with(arguments))


def again_with(arguments: Arguments) -> list[str]:
    """The same command line for another start: what is claimed is claimed."""
    words: list[str] = []
    for name, value in (
        ("--config", arguments.config),
        ("--journal", arguments.journal),
        ("--simulated", arguments.simulated),
        ("--language", arguments.language),
    ):
        if value is not None:
            words += [name, str(value)]
    return [*words, "--verbose"] if arguments.verbose else words


def _config(arguments: Arguments) -> files.FileConfig:
    return _overridden(files.load(arguments.config), arguments)


def _overridden(config: files.FileConfig, arguments: Arguments) -> files.FileConfig:
    if arguments.journal is not None:
        config = replace(config, journal=str(arguments.journal))
    if arguments.simulated is not None:
        config = replace(config, simulated=Model(arguments.simulated), hardware="")
    if arguments.language is not None:
        config = replace(config, language=Language(arguments.language))
    return config


def _identity(arguments: Arguments, directory: Path) -> identities.Identity:
    path = directory / "identity.json"
    if arguments.claim is None:
        return identities.load(path)
    if path.exists():
        raise identities.IdentityError(
            f"this terminal is claimed already ({path}).\n"
            "Run it without --claim, or move that file away to give it a new identity."
        )
    if arguments.server is None:
        raise identities.IdentityError("--claim needs --server, the address of your coinslot server")
    identity = identities.claim(arguments.server, arguments.claim)
    identities.save(path, identity)
    print(f"claimed as {identity.terminal_id}", flush=True)
    return identity


async def _run(booted: terminal_updates.Boot, identity: identities.Identity) -> bool:
    config, clock = booted.config, RealClock()
    settings = files.settings(config, identity.terminal_id)
    settings = replace(settings, firmware=terminal_updates.firmware(config, booted.version))
    hardware = files.hardware(config, settings, clock)
    try:
        return await _serve(booted, identity, settings, hardware, clock)
    finally:
        if isinstance(hardware, Closing):
            _close(hardware)


def _close(hardware: Closing) -> None:
    try:
        hardware.close()
    except OSError as error:
        # Whatever could be shut is shut; systemd tries once more, as a process of its own.
        logging.error("a part of the hardware failed at the end: %s", error)


async def _serve(
    booted: terminal_updates.Boot,
    identity: identities.Identity,
    settings: Settings,
    hardware: Hardware,
    clock: RealClock,
) -> bool:
    """Until it is to end; whether it is to start anew."""
    directory = booted.shelf.directory
    account = Account(
        terminal=TerminalId(identity.terminal_id),
        secret=identity.secret,
        host=identity.mqtt_host,
        port=identity.mqtt_port,
    )
    agents: list[Agent] = []

    def last_known_ms() -> int:
        return agents[0].core.kept.wall_ms if agents else 0

    connection = MqttConnection(account, make_tls(directory, identity, clock, last_known_ms))
    updates = terminal_updates.updater(booted, identity, clock)
    agent = Agent(settings, hardware, FileJournal(directory), connection, clock, QuoteRater(), updates)
    agents.append(agent)
    watching = _keepers(booted.config)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for keeper in watching:
            if isinstance(keeper, Systemd):
                keeper.stopping()
        agent.stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGUSR1, agent.restart_when_quiet)
    if isinstance(hardware, SimulatedAppliance):
        show_and_type(loop, hardware)
    with Watchdog(agent, watching):
        await agent.run()
    return updates.restarting


def _keepers(config: files.FileConfig) -> list[Keeper]:
    try:
        return keepers(config.watchdog, os.environ)
    except OSError as error:
        raise files.ConfigError(
            f"watchdog: {error}\nMay this user write to it, and does no other program (systemd itself) have it?"
        ) from None


def make_tls(
    directory: Path, identity: identities.Identity, clock: RealClock, last_known_ms: Callable[[], int]
) -> MakeTls | None:
    """What makes the TLS contexts of the link, None where it has no TLS."""
    if identity.ca is None and not identity.tls:
        return None
    ca = None
    if identity.ca is not None:
        ca = directory / "ca.pem"
        # Not written anew for nothing: a check by root must not leave a file that the agent may not write.
        if not ca.exists() or ca.read_text(encoding="ascii") != identity.ca:
            ca.write_text(identity.ca, encoding="ascii")

    def make() -> ssl.SSLContext:
        return tls_context(ca, moment_ms(clock.wall_ms(), BUILD_MS, last_known_ms()))

    return make
