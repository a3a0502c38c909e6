"""`coinslot operator tariff`: prices, kept in versions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.fleet import tariff_store
from coinslot.fleet.models import TariffVersion
from coinslot.money import format_amount
from coinslot.tariffs import (
    Context,
    Quote,
    Tariff,
    TariffError,
    dump_tariff,
    limits,
    make_quote,
    package_minor,
    parse_tariff,
    rate,
)
from coinslot.tariffs.named import NAMED
from coinslot.wire.registers import Register

_SAMPLES = {
    Register.ML: (500, 1_000, 10_000, 60_000),
    Register.S: (30, 60, 600, 3_600),
    Register.WH: (100, 1_000, 10_000),
    Register.COUNT: (1, 2, 10),
}
_named = click.option(
    "--named", type=click.Choice(sorted(NAMED)), help="A built-in tariff instead of a file."
)


@click.group("tariff", epilog="Example: coinslot operator tariff preview Showers --usage ml=8500")
def tariff() -> None:
    """What use costs. A session keeps the version it was quoted."""


@tariff.command("add", epilog="Example: coinslot operator tariff add Showers --named shower-litre")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@_named
@options
def tariff_add(name: str, file: Path | None, named: str | None, operator: str | None, as_json: bool) -> None:
    """A new tariff from a JSON file, checked first."""
    body = _body(file, named)

    async def work(desk: Desk) -> TariffVersion:
        _same_currency(desk, body)
        own = desk.operator.operator_id
        return await tariff_store.add_tariff(desk.connection, own, name=name, body=body, by=desk.by)

    emit_one(run(operator, work), as_json=as_json)


@tariff.command("new-version", epilog="Example: coinslot operator tariff new-version Showers showers.json")
@click.argument("key", metavar="TARIFF")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@_named
@options
def tariff_new_version(
    key: str, file: Path | None, named: str | None, operator: str | None, as_json: bool
) -> None:
    """Change a tariff for the sessions that start from now on."""
    body = _body(file, named)

    async def work(desk: Desk) -> TariffVersion:
        _same_currency(desk, body)
        own = desk.operator.operator_id
        found = await tariff_store.find_tariff(desk.connection, own, key)
        return await tariff_store.add_tariff_version(
            desk.connection, own, found.tariff_id, body=body, by=desk.by
        )

    emit_one(run(operator, work), as_json=as_json)


@tariff.command("show", epilog="Example: coinslot operator tariff show Showers --version 1 > showers.json")
@click.argument("key", metavar="TARIFF")
@click.option("--version", type=click.IntRange(1), help="The latest if not given.")
@options
def tariff_show(key: str, version: int | None, operator: str | None, as_json: bool) -> None:
    """Print a tariff as the file it can be changed in; with --json its version and date as well."""
    found = run(operator, lambda desk: _find(desk, key, version))
    if as_json:
        emit_one(found, as_json=True)
    else:
        click.echo(msgspec.json.format(found.body, indent=2))


@tariff.command("list", epilog="Example: coinslot operator tariff list")
@options
def tariff_list(operator: str | None, as_json: bool) -> None:
    """The latest version of every tariff."""
    found = run(operator, lambda desk: tariff_store.list_tariffs(desk.connection, desk.operator.operator_id))
    emit(found, ("name", "version", "tariff_id", "created_at"), as_json=as_json)


@tariff.command(
    "preview", epilog="Example: coinslot operator tariff preview Showers --usage ml=8500 --usage s=300"
)
@click.argument("key", metavar="TARIFF", required=False)
@click.option("--file", type=click.Path(path_type=Path), help="A file that is not stored yet.")
@_named
@click.option("--version", type=click.IntRange(1), help="The latest if not given.")
@click.option(
    "--usage", "usages", multiple=True, metavar="REGISTER=UNITS", help="Together one session's use."
)
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="Local time of the start; now if not given."
)
@options
def tariff_preview(
    key: str | None,
    file: Path | None,
    named: str | None,
    version: int | None,
    usages: tuple[str, ...],
    at: datetime | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """What sample sessions would cost a customer who has used nothing yet, and where they would be cut off."""
    asked = _usage(usages)
    if key is None:
        priced = parse_tariff_or_problem(_body(file, named))
        quoted = _quote(priced, "preview", 1, at or datetime.now())
    else:

        async def work(desk: Desk) -> tuple[Tariff, Quote]:
            found = await _find(desk, key, version)
            local = datetime.now(UTC).astimezone(ZoneInfo(desk.operator.timezone)).replace(tzinfo=None)
            priced = parse_tariff(found.body)
            return priced, _quote(priced, found.tariff_id, found.version, at or local)

        priced, quoted = run(operator, work)
    rows = preview_rows(quoted, asked) if priced.for_wallets else []
    emit([*rows, *package_rows(priced)], ("usage", "charge", "remark"), as_json=as_json)


def preview_rows(quoted: Quote, asked: dict[Register, int] | None) -> list[dict[str, object]]:
    """Usages and their charges, then what a full hold lasts for."""
    samples = (
        [asked]
        if asked
        else [{one.register: units} for one in quoted.rates for units in _SAMPLES[one.register]]
    )
    rows: list[dict[str, object]] = []
    for usage in samples:
        total_minor = rate(quoted, usage).amount_minor
        over = "the terminal would have stopped before" if total_minor > quoted.hold_minor else ""
        words = ", ".join(f"{units} {register.value}" for register, units in usage.items())
        rows.append({"usage": words, "charge": _money(total_minor, quoted.currency), "remark": over})
    kept = limits(quoted, quoted.hold_minor)
    lasts = f"{kept.ml} ml, {kept.s} s, {kept.wh} wh, {kept.count} count"
    rows.append(
        {"usage": lasts, "charge": f"<= {_money(quoted.hold_minor, quoted.currency)}", "remark": "limits"}
    )
    return rows


def package_rows(priced: Tariff) -> list[dict[str, object]]:
    """What can be bought on the appliance."""
    rows: list[dict[str, object]] = []
    for package in priced.packages:
        ends = ", ".join(f"{units} {register.value}" for register, units in package.units.items())
        remark = "a deposit, used up at the rates above" if package.price is None else f"ends at {ends}"
        paid = _money(package_minor(package, priced.currency), priced.currency)
        rows.append({"usage": f"package {package.id}: {package.title}", "charge": paid, "remark": remark})
    return rows


def parse_tariff_or_problem(body: str) -> Tariff:
    """The tariff, or a Problem that names the field."""
    try:
        return parse_tariff(body)
    except TariffError as error:
        raise Problem(f"{error.field}: {error.reason}", "Correct it in the file.") from error


async def _find(desk: Desk, key: str, version: int | None) -> TariffVersion:
    return await tariff_store.find_tariff(desk.connection, desk.operator.operator_id, key, version)


def _quote(priced: Tariff, tariff_id: str, version: int, local: datetime) -> Quote:
    return make_quote(priced, tariff_id=tariff_id, version=version, context=Context(started_local=local))


def _body(file: Path | None, named: str | None) -> str:
    if (file is None) == (named is None):
        raise Problem("A tariff comes from a FILE or from --named, and from one of them", "Give exactly one.")
    if named is not None:
        return dump_tariff(NAMED[named])
    assert file is not None
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror}", "Correct the path.") from error
    try:
        return dump_tariff(parse_tariff(data))
    except TariffError as error:
        raise Problem(f"{file}: {error.field}: {error.reason}", "Correct it in the file.") from error


def _same_currency(desk: Desk, body: str) -> None:
    currency = parse_tariff(body).currency
    if currency != desk.operator.currency:
        raise TariffError(
            "currency", f"is {currency}, but {desk.operator.name} is paid in {desk.operator.currency}"
        )


def _usage(texts: tuple[str, ...]) -> dict[Register, int] | None:
    usage: dict[Register, int] = {}
    for text in texts:
        name, _, units = text.partition("=")
        if name not in list(Register) or not units.isascii() or not units.isdigit() or len(units) > 15:
            raise Problem(
                f"--usage {text!r} is not a use", "Write a register and whole units, such as ml=8500."
            )
        usage[Register(name)] = int(units)
    return usage or None


def _money(minor: int, currency: str) -> str:
    return f"{format_amount(minor, currency)} {currency}"
