"""`coinslot conformance`: play the server against a terminal's firmware, and say which rules of the link it keeps."""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from coinslot.app.conformance_run import LOG, Address, Bench, conform
from coinslot.app.errors import Problem
from coinslot.app.signals import unwind_on_signals
from coinslot.sandbox.conformance.hands import FirmwareError, arguments
from coinslot.sandbox.conformance.report import Report, Result, Verdict, lines
from coinslot.sandbox.conformance.rule import Need, Rule
from coinslot.sandbox.conformance.rules import RULES, SECTIONS, find
from coinslot.sandbox.conformance.vectors import check
from coinslot.wire.ids import TerminalId, is_id

_CONTROLS = {str(need): need for need in Need if need is not Need.POWER}
_STYLES = {Result.PASSED: "green", Result.FAILED: "bold red", Result.SKIPPED: "dim"}

EXAMPLE = """\b
Examples:
  coinslot conformance
  coinslot conformance --firmware "./my-firmware {host} {port} {terminal} {secret} {folder}"
  coinslot conformance --rule link-rises --rule 3.2 --firmware "…" --wire
  coinslot conformance --vectors "./my-decoder"

The first one prints where the terminal is to connect and waits for it. Started with --firmware, the suite can cut
its power (SIGKILL) and, with --control, press its keys. How to write a terminal: docs/terminal/write-a-terminal.md
"""


@click.command("conformance", epilog=EXAMPLE)
@click.option(
    "--firmware",
    metavar="COMMAND",
    help="Start the firmware: may name {host} {port} {terminal} {secret} {folder} {ca}.",
)
@click.option(
    "--control",
    "controls",
    multiple=True,
    type=click.Choice(list(_CONTROLS)),
    help="What the firmware takes on its standard input (or a person at the appliance can do).",
)
@click.option("--interactive", is_flag=True, help="A person cuts the power and presses keys when asked.")
@click.option(
    "--broker", metavar="HOST:PORT", help="An MQTT broker of your own, instead of one that is started here."
)
@click.option(
    "--terminal", default="trm_conformance", show_default=True, help="Its id, and its MQTT user name."
)
@click.option("--secret", help="Its password; made up if it is not given.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen: 0.0.0.0 lets a board in this network come.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Where to listen; 0, the default, for any free one.",
)
@click.option("--tls", is_flag=True, help="Listen with TLS, under a CA made for this run.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything here: broker, CA, log.",
)
@click.option(
    "--outlet", type=click.IntRange(0, 254), default=0, show_default=True, help="The outlet that is used."
)
@click.option(
    "--pulse", type=click.IntRange(1), default=50, show_default=True, help="One pulse of its meter, in ml."
)
@click.option(
    "--wait",
    "first_s",
    type=click.FloatRange(1),
    default=600.0,
    show_default=True,
    help="Seconds for the first hello.",
)
@click.option(
    "--rule",
    "names",
    multiple=True,
    metavar="RULE",
    help="Only this one, by number or name; may be repeated.",
)
@click.option("--long", "with_long", is_flag=True, help="Also the rules that take minutes.")
@click.option("--wire", is_flag=True, help="Print what was seen also for rules that were kept.")
@click.option("--list", "listing", is_flag=True, help="Print the rules, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--vectors",
    metavar="COMMAND",
    help="Check a decoder with the vectors of docs/link instead: lines in, `ok` or `refused` out.",
)
def command(
    firmware: str | None,
    controls: tuple[str, ...],
    interactive: bool,
    broker: str | None,
    terminal: str,
    secret: str | None,
    host: str,
    port: int,
    tls: bool,
    folder: Path | None,
    outlet: int,
    pulse: int,
    first_s: float,
    names: tuple[str, ...],
    with_long: bool,
    wire: bool,
    listing: bool,
    as_json: bool,
    vectors: str | None,
) -> None:
    """Play the server against any terminal's firmware over MQTT, and tell which rules of the link it keeps.

    Nothing of an installation is needed or touched. The exit code is 0 only if no rule was broken.
    """
    if listing:
        _list()
        return
    if vectors is not None:
        sys.exit(_check_vectors(vectors))
    rules = _chosen(names, with_long=with_long)
    if not is_id(terminal):
        raise Problem(f"--terminal {terminal!r} is no id", "Use 1 to 40 of A–Z a–z 0–9 _ -.")
    with tempfile.TemporaryDirectory(prefix="coinslot-conformance-") as temporary:
        Path(temporary).chmod(0o711)  # run by root, the broker is nobody, and must pass through
        bench = Bench(
            terminal=TerminalId(terminal),
            secret=secret or secrets.token_urlsafe(16),
            folder=(folder or Path(temporary)).absolute(),
            host=host,
            port=port,
            broker=_address(broker),
            tls=tls,
            firmware=firmware,
            controls=frozenset(_CONTROLS[one] for one in controls),
            ask=_ask if interactive and firmware is None else None,
            outlet=outlet,
            pulse=pulse,
            first_s=first_s,
        )
        bench.folder.mkdir(parents=True, exist_ok=True)
        report = _run(bench, rules, as_json=as_json, wire=wire)
        if not report.kept and folder is None and firmware is not None and not as_json:
            _tail(bench.folder / LOG)
    sys.exit(0 if report.kept else 1)


def _run(bench: Bench, rules: Sequence[Rule], *, as_json: bool, wire: bool) -> Report:
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)

    def ready(address: Address) -> None:
        console.print(f"terminal   {bench.terminal}", markup=False)
        console.print(f"secret     {bench.secret}", markup=False)
        console.print(
            f"address    {address.host}:{address.port}{' (TLS)' if address.ca else ''}", markup=False
        )
        if address.ca is not None:
            console.print(f"CA         {address.ca}", markup=False)
        console.print("waiting for its first hello …", markup=False)

    def tell(verdict: Verdict) -> None:
        for line in lines(verdict, wire=wire):
            console.print(line, style=_STYLES[verdict.result], markup=False)

    with unwind_on_signals():
        report = asyncio.run(conform(bench, rules, ready=ready, tell=tell))
    if as_json:
        click.echo(report.json().decode())
    else:
        console.print(report.summary, style="bold", markup=False)
    return report


def _chosen(names: Sequence[str], *, with_long: bool) -> list[Rule]:
    if not names:
        return [rule for rule in RULES if with_long or not rule.long]
    rules = []
    for name in names:
        rule = find(name)
        if rule is None:
            raise Problem(f"there is no rule {name!r}", "`coinslot conformance --list` names them all.")
        rules.append(rule)
    return rules


def _list() -> None:
    for section in SECTIONS:
        click.echo(f"{section.number}. {section.title}")
        for rule in section.rules:
            extra = [
                str(rule.weight),
                *sorted(str(need) for need in rule.needs),
                *(["long"] if rule.long else []),
            ]
            click.echo(f"  {rule.number:<5} {rule.name:<27} [{', '.join(extra)}] {rule.sentence}")


def _address(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise Problem(
            f"--broker {text!r} is no address", "Write it as HOST:PORT, for example 127.0.0.1:1883."
        )
    return host, int(port)


async def _ask(text: str) -> None:
    click.echo(f"  » {text}, then press Enter.", err=True)
    await asyncio.to_thread(sys.stdin.readline)


def _check_vectors(command_line: str) -> int:
    try:
        found = check(arguments(command_line, {}))
    except FirmwareError as error:
        raise Problem(
            str(error), "It must answer each line on its standard input with `ok` or `refused`."
        ) from None
    for line in found.wrong:
        click.echo(line)
    click.echo(f"{found.right} right, {len(found.wrong)} wrong")
    return 1 if found.wrong else 0


def _tail(log: Path) -> None:
    if log.is_file() and (text := log.read_text(errors="backslashreplace").splitlines()[-20:]):
        click.echo("what the firmware printed last:", err=True)
        for line in text:
            click.echo(f"  {line}", err=True)
