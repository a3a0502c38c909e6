"""Many terminals in a few statements: for demonstrations, replays, benchmarks and imports."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.secrets import hash_secret, new_appliance_code, new_secret
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId, TariffId, TerminalId, new_id


class OutletPlan(Struct, frozen=True, kw_only=True):
    """What one outlet of each terminal is to be."""

    name: str
    tariff_id: TariffId | None
    meter_spec: str = "{}"


class TerminalCredentials(Struct, frozen=True, kw_only=True):
    """One terminal that was made, with its secret, and the appliance it drives."""

    operator_id: OperatorId
    site_id: SiteId
    appliance_id: ApplianceId
    appliance_code: str
    terminal_id: TerminalId
    secret: str
    outlets: tuple[int, ...]

    def __repr__(self) -> str:
        """Without the secret: this ends up in logs."""
        return f"TerminalCredentials({self.terminal_id!r}, appliance_id={self.appliance_id!r})"


async def make_terminals(
    connection: Connection,
    operator_id: OperatorId,
    site_id: SiteId,
    *,
    names: Sequence[str],
    kind: ApplianceKind,
    outlets: Sequence[OutletPlan],
    keypad: bool | None = None,
    by: str,
) -> list[TerminalCredentials]:
    """One appliance and one terminal for each of `names`, each with all of `outlets`, numbered from 0.

    With a keypad where the kind has one, unless `keypad` says so itself. One audit row tells of them all. The names must
    be new at the site.
    """
    made = [
        TerminalCredentials(
            operator_id=operator_id,
            site_id=site_id,
            appliance_id=ApplianceId(new_id("app")),
            appliance_code=new_appliance_code(),
            terminal_id=TerminalId(new_id("trm")),
            secret=new_secret(),
            outlets=tuple(range(len(outlets))),
        )
        for _ in names
    ]
    async with connection.transaction():
        await _insert(connection, made, names, kind, kind.keypad if keypad is None else keypad, outlets)
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="terminal.make_many",
            target=site_id,
            detail=f"{len(made)} terminals, {len(outlets)} outlets each",
        )
    return made


async def _insert(
    connection: Connection,
    made: Sequence[TerminalCredentials],
    names: Sequence[str],
    kind: ApplianceKind,
    keypad: bool,
    outlets: Sequence[OutletPlan],
) -> None:
    if not made:
        return
    operator_id, site_id = made[0].operator_id, made[0].site_id
    terminals = [one.terminal_id for one in made]
    appliances = [one.appliance_id for one in made]
    await connection.execute(
        "INSERT INTO appliance (operator_id, appliance_id, site_id, kind, name, code, keypad)"
        " SELECT $1, id, $2, $3, name, code, $7"
        " FROM unnest($4::text[], $5::text[], $6::text[]) AS new (id, name, code)",
        operator_id,
        site_id,
        kind.value,
        appliances,
        list(names),
        [one.appliance_code for one in made],
        keypad,
    )
    await connection.execute(
        "INSERT INTO terminal (operator_id, terminal_id, site_id, name, secret_hash)"
        " SELECT $1, id, $2, name, hash"
        " FROM unnest($3::text[], $4::text[], $5::bytea[]) AS new (id, name, hash)",
        operator_id,
        site_id,
        terminals,
        list(names),
        [hash_secret(one.secret) for one in made],
    )
    await connection.execute(
        "INSERT INTO terminal_link (operator_id, terminal_id) SELECT $1, unnest($2::text[])",
        operator_id,
        terminals,
    )
    await connection.execute(
        "INSERT INTO outlet (operator_id, appliance_id, terminal_id, outlet, name, tariff_id, meter_spec)"
        " SELECT $1, appliance, terminal, outlet, name, tariff, spec"
        " FROM unnest($2::text[], $3::text[]) AS driven (appliance, terminal)"
        " CROSS JOIN unnest($4::smallint[], $5::text[], $6::text[], $7::text[])"
        " AS plan (outlet, name, tariff, spec)",
        operator_id,
        appliances,
        terminals,
        list(range(len(outlets))),
        [plan.name for plan in outlets],
        [plan.tariff_id for plan in outlets],
        [plan.meter_spec for plan in outlets],
    )
