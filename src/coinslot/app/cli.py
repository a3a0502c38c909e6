"""The command `coinslot`.

Each subcommand's module is imported only when it is the one that runs: a terminal's board has neither the
server's packages nor the memory for them.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import click

from coinslot import __version__
from coinslot.app.errors import Problem
from coinslot.engines.errors import EngineError


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is, and its line in the list of commands."""

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("coinslot.app.demo", "Run everything here, with simulated appliances, to try it out."),
    "serve": Entry("coinslot.app.serve", "Run the server: web, terminals' link, sweeps."),
    "terminal": Entry("coinslot.app.terminal", "Run the agent on an appliance's board."),
    "replay": Entry("coinslot.app.replay", "Replay a recorded appliance."),
    "sandbox": Entry("coinslot.app.sandbox", "Run made-up payment providers that fail on request."),
    "conformance": Entry(
        "coinslot.app.conformance", "Play the server against a terminal's firmware; judge it."
    ),
    "simulate": Entry("coinslot.app.simulate", "Run seeded days full of faults and check every rule."),
    "bench": Entry("coinslot.app.bench", "Measure this machine with this product."),
    "doctor": Entry("coinslot.app.doctor", "Check an installation; say what is wrong and what to do."),
    "db": Entry("coinslot.app.db", "Bring the database's schema up to date."),
    "ledger": Entry("coinslot.app.ledger", "Verify and export the books."),
    "release": Entry("coinslot.app.release", "Sign software and configurations for terminals."),
    "operator": Entry("coinslot.app.operator", "Set up operators and their staff."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command. Problem when the packages it needs are not installed."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        try:
            module = importlib.import_module(entry.module)
        except ModuleNotFoundError as error:
            missing = error.name or "a package"
            if missing == entry.module:
                raise Problem(
                    f"`coinslot {cmd_name}` is not part of this build", "Use a full release."
                ) from error
            if missing.startswith("coinslot"):
                raise
            extra = "terminal" if cmd_name == "terminal" else "server,engines"
            raise Problem(
                f"`coinslot {cmd_name}` needs {missing}, which is not installed",
                f"Run: pip install 'coinslot[{extra}]'",
            ) from error
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for --help, from the table: importing ten modules for ten lines would take seconds."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Click's own, with a suggestion when there is no such command."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else " See `coinslot --help`."
            ctx.fail(f"There is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    epilog="Example: coinslot demo",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="coinslot")
def command() -> None:
    """People pay for and use unattended appliances; every minor unit is accounted for."""


def main() -> None:
    """The entry point: runs the command, prints a problem as two lines."""
    try:
        command(prog_name="coinslot")
    except (Problem, EngineError) as problem:
        click.echo(f"coinslot: {problem.message}", err=True)
        click.echo(f"→ {problem.remedy}", err=True)
        sys.exit(1)
