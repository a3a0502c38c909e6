"""Parties and agreements in the database. Each change writes its audit row; versions are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import asyncpg
import msgspec

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError, TakenError, clean_name, search_key
from coinslot.rows import many, one
from coinslot.sharing.model import Agreement, AgreementId, Part, Party, PartyId, Target
from coinslot.sharing.rules import check_days, check_parts, check_party_kind, check_target
from coinslot.wire.ids import OperatorId, new_id

_VERSIONS = """
    SELECT a.operator_id, a.agreement_id, a.version, a.name, a.site_id, a.kind, a.appliance_id,
           a.valid_from, a.valid_to, a.bonus_shared, first.created_at AS made_at, p.parts
    FROM agreement a
    JOIN agreement first ON first.operator_id = a.operator_id AND first.agreement_id = a.agreement_id AND first.version = 1
    CROSS JOIN LATERAL (
        SELECT json_agg(json_build_array(x.party_id, x.share_ppm, x.fixed_minor) ORDER BY x.position)::text AS parts
        FROM agreement_part x
        WHERE x.operator_id = a.operator_id AND x.agreement_id = a.agreement_id AND x.version = a.version
    ) p
    WHERE a.operator_id = $1
"""
_LATEST = f"""
    SELECT * FROM (SELECT DISTINCT ON (agreement_id) * FROM ({_VERSIONS}) v ORDER BY agreement_id, version DESC) l
"""
_parts = msgspec.json.Decoder(tuple[Part, ...])


class Terms(NamedTuple):
    """What a version of an agreement says."""

    target: Target
    parts: Sequence[Part]
    valid_from: date
    """The first day, by the operator's clock."""
    valid_to: date | None = None
    """The last day."""
    bonus_shared: bool = False


async def add_party(
    connection: Connection, operator_id: OperatorId, *, name: str, kind: str = "other", by: str
) -> Party:
    """A new party, whose account in the ledger begins at nothing. FieldError when the name is taken."""
    name = clean_name("name", name)
    party_id = PartyId(new_id("pty"))
    async with connection.transaction():
        row = await connection.fetchrow(
            "INSERT INTO party (operator_id, party_id, kind, name) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (operator_id, lower(name)) DO NOTHING RETURNING *",
            operator_id,
            party_id,
            check_party_kind(kind).value,
            name,
        )
        if row is None:
            raise TakenError("name", f"there is already a party called {name!r}")
        # Not its name: a party may be a person.
        await write_audit(connection, operator_id, by=by, action="party.add", target=party_id, detail=kind)
    return one(row, Party)


async def list_parties(connection: Connection, operator_id: OperatorId) -> list[Party]:
    """The operator's parties by name."""
    rows = await connection.fetch(
        "SELECT * FROM party WHERE operator_id = $1 ORDER BY lower(name)", operator_id
    )
    return many(rows, Party)


async def find_party(connection: Connection, operator_id: OperatorId, key: str) -> Party:
    """One of the operator's parties by id or name. MissingError for another operator's too."""
    row = await connection.fetchrow(
        "SELECT * FROM party WHERE operator_id = $1 AND (party_id = $2 OR lower(name) = lower($2))"
        " ORDER BY party_id = $2 DESC LIMIT 1",
        operator_id,
        search_key("party", key),
    )
    if row is None:
        raise MissingError("party", key)
    return one(row, Party)


async def add_agreement(
    connection: Connection, operator_id: OperatorId, *, name: str, terms: Terms, by: str
) -> Agreement:
    """A new agreement for the sessions that are authorized from now on. FieldError names what is wrong."""
    name = clean_name("name", name)
    check_days(terms.valid_from, terms.valid_to)
    agreement_id = AgreementId(new_id("agr"))
    async with connection.transaction():
        await _touch(connection, operator_id)
        taken = await connection.fetchval(
            "SELECT 1 FROM agreement WHERE operator_id = $1 AND lower(name) = lower($2) AND version = 1",
            operator_id,
            name,
        )
        if taken:
            raise TakenError("name", f"there is already an agreement called {name!r}; change that one")
        await _add_version(connection, operator_id, agreement_id, 1, name, terms, by)
        await write_audit(connection, operator_id, by=by, action="agreement.add", target=agreement_id)
        return await find_agreement(connection, operator_id, agreement_id)


async def change_agreement(
    connection: Connection,
    operator_id: OperatorId,
    key: str,
    *,
    parts: Sequence[Part] | None = None,
    valid_to: date | None = None,
    bonus_shared: bool | None = None,
    by: str,
) -> Agreement:
    """A new version of an agreement: what is None stays. Sessions already authorized keep theirs."""
    async with connection.transaction():
        await _touch(connection, operator_id)
        last = await find_agreement(connection, operator_id, key)
        terms = Terms(
            target=last.target,
            parts=last.parts if parts is None else parts,
            valid_from=last.valid_from,
            valid_to=last.valid_to if valid_to is None else valid_to,
            bonus_shared=last.bonus_shared if bonus_shared is None else bonus_shared,
        )
        check_days(terms.valid_from, valid_to)
        return await _next_version(connection, last, terms, action="agreement.change", by=by)


async def end_agreement(
    connection: Connection, operator_id: OperatorId, key: str, *, last_day: date, by: str
) -> Agreement:
    """No session authorized after `last_day` is shared by it. One that had not begun never will."""
    async with connection.transaction():
        await _touch(connection, operator_id)
        last = await find_agreement(connection, operator_id, key)
        if last.valid_to is not None and last.valid_to <= last_day:
            raise FieldError("to", f"the agreement ends on {last.valid_to} already")
        terms = Terms(
            target=last.target,
            parts=last.parts,
            valid_from=last.valid_from,
            valid_to=max(last_day, last.valid_from - timedelta(days=1)),
            bonus_shared=last.bonus_shared,
        )
        return await _next_version(connection, last, terms, action="agreement.end", by=by)


async def find_agreement(
    connection: Connection, operator_id: OperatorId, key: str, version: int | None = None
) -> Agreement:
    """An agreement by id or name: the version asked for, or else the latest."""
    row = await connection.fetchrow(
        f"{_VERSIONS} AND (a.agreement_id = $2 OR lower(a.name) = lower($2))"
        " AND ($3::integer IS NULL OR a.version = $3) ORDER BY a.agreement_id = $2 DESC, a.version DESC LIMIT 1",
        operator_id,
        search_key("agreement", key),
        version,
    )
    if row is None:
        raise MissingError("agreement", key if version is None else f"{key} version {version}")
    return _agreement(row)


async def list_agreements(connection: Connection, operator_id: OperatorId) -> list[Agreement]:
    """The latest version of each of the operator's agreements, by name."""
    rows = await connection.fetch(f"{_LATEST} ORDER BY lower(name)", operator_id)
    return [_agreement(row) for row in rows]


async def _touch(connection: Connection, operator_id: OperatorId) -> None:
    """Note that the agreements change; whoever else changes them waits."""
    found = await connection.fetchval(
        "UPDATE operator SET agreements_at = clock_timestamp() WHERE operator_id = $1 RETURNING 1",
        operator_id,
    )
    if not found:
        raise MissingError("operator", operator_id)


async def _next_version(
    connection: Connection, last: Agreement, terms: Terms, *, action: str, by: str
) -> Agreement:
    same = (tuple(terms.parts), terms.valid_to, terms.bonus_shared)
    if same == (last.parts, last.valid_to, last.bonus_shared):
        raise TakenError("agreement", f"version {last.version} says exactly this already")
    version = last.version + 1
    own, agreement_id = last.operator_id, last.agreement_id
    await _add_version(connection, own, agreement_id, version, last.name, terms, by)
    await write_audit(connection, own, by=by, action=action, target=agreement_id, detail=f"version {version}")
    return await find_agreement(connection, own, agreement_id)


async def _add_version(
    connection: Connection,
    operator_id: OperatorId,
    agreement_id: AgreementId,
    version: int,
    name: str,
    terms: Terms,
    by: str,
) -> None:
    parts = check_parts(terms.parts)
    target = check_target(terms.target)
    key = (operator_id, agreement_id, version)
    try:
        await connection.execute(
            "INSERT INTO agreement (operator_id, agreement_id, version, name, site_id, kind, appliance_id,"
            " valid_from, valid_to, bonus_shared, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            *key,
            name,
            *target,
            terms.valid_from,
            terms.valid_to,
            terms.bonus_shared,
            by,
        )
        await connection.execute(
            "INSERT INTO agreement_part (operator_id, agreement_id, version, position, party_id, share_ppm, fixed_minor)"
            " SELECT $1, $2, $3, n, party, ppm, fixed FROM unnest($4::text[], $5::integer[], $6::bigint[])"
            " WITH ORDINALITY AS x (party, ppm, fixed, n)",
            *key,
            [part.party for part in parts],
            [part.share_ppm for part in parts],
            [part.fixed_minor for part in parts],
        )
    except asyncpg.ForeignKeyViolationError as error:
        what = "party" if error.table_name == "agreement_part" else "site or appliance"
        raise FieldError(what, "one of those named does not exist") from None


def _agreement(row: asyncpg.Record) -> Agreement:
    return Agreement(
        operator_id=row["operator_id"],
        agreement_id=row["agreement_id"],
        version=row["version"],
        name=row["name"],
        target=Target(row["site_id"], row["kind"], row["appliance_id"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        bonus_shared=row["bonus_shared"],
        parts=_parts.decode(row["parts"]),
        made_at=row["made_at"],
    )
