"""`coinslot operator agreement`: who receives which part of what uses bring in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.fields import FieldError
from coinslot.fleet.rules import ApplianceKind, check_kind
from coinslot.fleet.store import find_appliance, find_site, list_appliances, list_sites
from coinslot.money import format_amount, parse_amount
from coinslot.sharing import Agreement, Agreements, Frozen, Part, Place, Target, payables
from coinslot.sharing import store as sharing_store
from coinslot.sharing.rules import format_share, parse_share
from coinslot.sharing.store import Terms

_DAY = click.DateTime(["%Y-%m-%d"])
_SAMPLES = ("0.01", "0.10", "1.00", "3.21", "10.00")
_parts_of = click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="PARTY=PART",
    help="Such as 'Hotel=30%', Factory=0.10 (of each session) or Factory=0.10+30%. Repeat it for each party.",
)
_bonus = click.option(
    "--share-bonus/--keep-bonus", "bonus", default=None, help="Whether parties share in what bonus paid."
)


@click.group(
    "agreement",
    epilog="Example: coinslot operator agreement add Aurora --site 'Hotel Aurora' --part 'Hotel Aurora=30%'",
)
def agreement() -> None:
    """Who gets which part. A session is shared by the agreement in force when it was authorized.

    The most specific agreement counts, alone: one for the appliance, for its kind at its site, for its site, for
    its kind, for all. Of two for the same the one that begins later counts. What the parties leave is the
    operator's.
    """


@agreement.command(
    "add",
    epilog="Example: coinslot operator agreement add Aurora --site 'Hotel Aurora' --part 'Hotel Aurora=30%'"
    " --part Factory=0.05+20% --from 2026-01-01",
)
@click.argument("name")
@_parts_of
@click.option("--site", "site_key", help="Only appliances at this site.")
@click.option("--kind", help=f"Only this kind: {', '.join(kind.value for kind in ApplianceKind)}.")
@click.option("--appliance", "appliance_key", help="Only this appliance.")
@click.option("--from", "first", type=_DAY, help="First day, by the operator's clock; today if not given.")
@click.option("--to", "last", type=_DAY, help="Last day; without one it has no end.")
@_bonus
@options
def agreement_add(
    name: str,
    parts: tuple[str, ...],
    site_key: str | None,
    kind: str | None,
    appliance_key: str | None,
    first: datetime | None,
    last: datetime | None,
    bonus: bool | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """A new agreement, for the sessions that start from now on."""

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        site = appliance = None
        if site_key is not None:
            site = (await find_site(desk.connection, own, site_key)).site_id
        if appliance_key is not None:
            appliance = (await find_appliance(desk.connection, own, appliance_key)).appliance_id
        terms = Terms(
            target=Target(site, None if kind is None else check_kind(kind).value, appliance),
            parts=await _read_parts(desk, parts),
            valid_from=_today(desk) if first is None else first.date(),
            valid_to=None if last is None else last.date(),
            bonus_shared=bool(bonus),
        )
        made = await sharing_store.add_agreement(desk.connection, own, name=name, terms=terms, by=desk.by)
        return _row(desk, made, await _names(desk))

    emit_one(run(operator, work), as_json=as_json)


@agreement.command(
    "change", epilog="Example: coinslot operator agreement change Aurora --part 'Hotel Aurora=35%'"
)
@click.argument("key", metavar="AGREEMENT")
@_parts_of
@click.option("--to", "last", type=_DAY, help="Another last day.")
@_bonus
@options
def agreement_change(
    key: str,
    parts: tuple[str, ...],
    last: datetime | None,
    bonus: bool | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """A new version: name all parts, or none to keep them. Sessions under way keep the version they began with."""

    async def work(desk: Desk) -> dict[str, object]:
        made = await sharing_store.change_agreement(
            desk.connection,
            desk.operator.operator_id,
            key,
            parts=await _read_parts(desk, parts) if parts else None,
            valid_to=None if last is None else last.date(),
            bonus_shared=bonus,
            by=desk.by,
        )
        return _row(desk, made, await _names(desk))

    emit_one(run(operator, work), as_json=as_json)


@agreement.command("end", epilog="Example: coinslot operator agreement end Aurora --last-day 2026-12-31")
@click.argument("key", metavar="AGREEMENT")
@click.option("--last-day", type=_DAY, help="The last day it is in force; without one it ends at once.")
@options
def agreement_end(key: str, last_day: datetime | None, operator: str | None, as_json: bool) -> None:
    """End an agreement. What was authorized before is still shared by it."""

    async def work(desk: Desk) -> dict[str, object]:
        day = _today(desk) - timedelta(days=1) if last_day is None else last_day.date()
        own = desk.operator.operator_id
        made = await sharing_store.end_agreement(desk.connection, own, key, last_day=day, by=desk.by)
        return _row(desk, made, await _names(desk))

    emit_one(run(operator, work), as_json=as_json)


@agreement.command("list", epilog="Example: coinslot operator agreement list")
@options
def agreement_list(operator: str | None, as_json: bool) -> None:
    """The latest version of every agreement, and whether it is in force today."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        names = await _names(desk)
        found = await sharing_store.list_agreements(desk.connection, desk.operator.operator_id)
        return [_row(desk, one, names) for one in found]

    columns = ("name", "version", "appliances", "parts", "valid_from", "valid_to", "in_force", "bonus_shared")
    emit(run(operator, work), columns, as_json=as_json)


@agreement.command(
    "preview", epilog="Example: coinslot operator agreement preview --appliance 'Shower 2' --charge 3.21"
)
@click.argument("key", metavar="AGREEMENT", required=False)
@click.option("--appliance", "appliance_key", help="Whichever agreement is in force for this appliance.")
@click.option("--on", "day", type=_DAY, help="On this day; today if not given. Only with --appliance.")
@click.option("--charge", "charges", multiple=True, help="What a session costs; several if repeated.")
@options
def agreement_preview(
    key: str | None,
    appliance_key: str | None,
    day: datetime | None,
    charges: tuple[str, ...],
    operator: str | None,
    as_json: bool,
) -> None:
    """What each party, and the operator, would have of sample charges."""
    if (key is None) == (appliance_key is None):
        raise Problem("A preview is of an AGREEMENT or for an --appliance", "Name exactly one of them.")

    async def work(desk: Desk) -> list[dict[str, object]]:
        if appliance_key is None:
            found: Agreement | None = await sharing_store.find_agreement(
                desk.connection, desk.operator.operator_id, str(key)
            )
        else:
            found = await _in_force(desk, appliance_key, day)
        if found is None:
            raise Problem(
                "No agreement is in force there",
                "All is the operator's; `coinslot operator agreement list` shows all.",
            )
        currency = desk.operator.currency
        amounts = [parse_amount(text, currency) for text in charges or _SAMPLES]
        return _preview(found, amounts, currency, await _names(desk))

    emit(run(operator, work), ("charge", "party", "part", "agreement"), as_json=as_json)


def _preview(
    found: Agreement, amounts: Sequence[int], currency: str, names: Mapping[str, str]
) -> list[dict[str, object]]:
    frozen = Frozen(found.agreement_id, found.version, found.bonus_shared, found.parts)
    rows: list[dict[str, object]] = []
    for charge_minor in amounts:
        parts = payables(frozen, charge_minor)
        rest_minor = charge_minor - sum(amount_minor for _, amount_minor in parts)
        for who, amount_minor in [*parts, (None, rest_minor)]:
            rows.append(
                {
                    "charge": format_amount(charge_minor, currency),
                    "party": "(the operator)" if who is None else names.get(who, who),
                    "part": format_amount(amount_minor, currency),
                    "agreement": f"{found.name}, version {found.version}",
                }
            )
    return rows


async def _in_force(desk: Desk, appliance_key: str, day: datetime | None) -> Agreement | None:
    own, zone = desk.operator.operator_id, ZoneInfo(desk.operator.timezone)
    at = await find_appliance(desk.connection, own, appliance_key)
    every = Agreements(zone.key, await sharing_store.list_agreements(desk.connection, own))
    when = datetime.now(UTC) if day is None else day.replace(hour=12, tzinfo=zone)
    return every.find(Place(at.site_id, at.kind, at.appliance_id), when)


async def _read_parts(desk: Desk, texts: Sequence[str]) -> list[Part]:
    """`PARTY=30%`, `PARTY=0.10` or `PARTY=0.10+30%`."""
    parts = []
    for text in texts:
        name, found, what = text.rpartition("=")
        if not found:
            raise FieldError(
                "part", f"{text[:60]!r} is not of the form PARTY=30%, PARTY=0.10 or PARTY=0.10+30%"
            )
        who = await sharing_store.find_party(desk.connection, desk.operator.operator_id, name.strip())
        share_ppm = fixed_minor = 0
        for piece in what.split("+"):
            if piece.strip().endswith("%") and not share_ppm:
                share_ppm = parse_share(piece)
            elif not piece.strip().endswith("%") and not fixed_minor:
                fixed_minor = parse_amount(piece.strip(), desk.operator.currency)
            else:
                raise FieldError("part", f"{text[:60]!r} says the same twice")
        parts.append(Part(who.party_id, share_ppm, fixed_minor))
    return parts


async def _names(desk: Desk) -> dict[str, str]:
    """Names of parties, sites and appliances by id."""
    own, connection = desk.operator.operator_id, desk.connection
    names: dict[str, str] = {}
    for who in await sharing_store.list_parties(connection, own):
        names[who.party_id] = who.name
    for site in await list_sites(connection, own):
        names[site.site_id] = site.name
    for one in await list_appliances(connection, own):
        names[one.appliance_id] = one.name
    return names


def _row(desk: Desk, found: Agreement, names: Mapping[str, str]) -> dict[str, object]:
    parts = [f"{names.get(part.party, part.party)} {_part(part, desk)}" for part in found.parts]
    return {
        "name": found.name,
        "version": found.version,
        "agreement_id": found.agreement_id,
        "appliances": _target(found.target, names),
        "parts": ", ".join(parts),
        "valid_from": str(found.valid_from),
        "valid_to": None if found.valid_to is None else str(found.valid_to),
        "in_force": found.in_force(_today(desk)),
        "bonus_shared": found.bonus_shared,
    }


def _part(part: Part, desk: Desk) -> str:
    fixed = f"{format_amount(part.fixed_minor, desk.operator.currency)} {desk.operator.currency}"
    share = f"{format_share(part.share_ppm)} %"
    return " + ".join([*([fixed] if part.fixed_minor else []), *([share] if part.share_ppm else [])])


def _target(target: Target, names: Mapping[str, str]) -> str:
    if target.appliance is not None:
        return names.get(target.appliance, target.appliance)
    what = f"each {target.kind}" if target.kind else "all"
    return what if target.site is None else f"{what} at {names.get(target.site, target.site)}"


def _today(desk: Desk) -> date:
    return datetime.now(UTC).astimezone(ZoneInfo(desk.operator.timezone)).date()
