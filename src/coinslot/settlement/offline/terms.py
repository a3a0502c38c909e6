"""Which terms are in force at an outlet: made, and replaced by new ones when anything they freeze has changed.

Terms that are replaced end for new codes at once. Codes under them stay as they were promised: the terminal takes them
until it has the new terms, the server takes them for as long as they are offered.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coinslot import tariffs
from coinslot.access.offline import REKEY_COUNT, VALUES
from coinslot.keyring import Keyring
from coinslot.rows import many
from coinslot.settlement.offline import keys
from coinslot.settlement.offline.rows import (
    Terms,
    add_terms,
    end_terms,
    note_told,
    terms_of,
    unburnt,
)
from coinslot.settlement.payments.rows import Access
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.codec import WireError, encode
from coinslot.wire.ids import ApplianceId, Epoch, OperatorId, TariffId, TerminalId, new_id
from coinslot.wire.messages import Limits, Offline

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = timedelta(seconds=60)
"""Terms that a terminal was told on this link and does not name are told again no sooner: it may not want them."""
# Pinned to its keys, see settlement/store.py.
_OUTLETS: Final = """
    SELECT x.operator_id, x.outlet, x.appliance_id, x.tariff_id, coalesce(v.version, 0) AS version,
           coalesce(v.body, '') AS body, w.pause_s, w.currency,
           CASE WHEN a.keypad THEN si.offline_credit_minor ELSE 0 END AS credit_minor
    FROM (SELECT * FROM outlet y WHERE y.operator_id = $1 AND y.terminal_id = $2 OFFSET 0) x
    CROSS JOIN LATERAL (SELECT * FROM appliance y
        WHERE y.operator_id = x.operator_id AND y.appliance_id = x.appliance_id OFFSET 0) a
    CROSS JOIN LATERAL (SELECT * FROM site y
        WHERE y.operator_id = a.operator_id AND y.site_id = a.site_id OFFSET 0) si
    CROSS JOIN LATERAL (SELECT * FROM operator y WHERE y.operator_id = x.operator_id OFFSET 0) w
    LEFT JOIN LATERAL (
        SELECT y.version, y.body FROM tariff_version y
        WHERE y.operator_id = x.operator_id AND y.tariff_id = x.tariff_id ORDER BY y.version DESC LIMIT 1
    ) v ON true
    ORDER BY x.outlet
"""
_LOCK: Final = """
    SELECT l.operator_id, l.link, l.online, l.epoch, clock_timestamp() AS now FROM terminal_link l
    JOIN terminal t ON t.operator_id = l.operator_id AND t.terminal_id = l.terminal_id AND t.revoked_at IS NULL
    WHERE l.terminal_id = $1 FOR UPDATE OF l
"""
_CONCERNED: Final = """
    SELECT EXISTS (SELECT FROM offline_terms o WHERE o.terminal_id = $1 AND (o.over_at IS NULL OR o.held))
        OR EXISTS (SELECT FROM terminal t
            CROSS JOIN LATERAL (SELECT * FROM outlet y
                WHERE y.operator_id = t.operator_id AND y.terminal_id = t.terminal_id OFFSET 0) x
            CROSS JOIN LATERAL (SELECT * FROM appliance y
                WHERE y.operator_id = x.operator_id AND y.appliance_id = x.appliance_id AND y.keypad OFFSET 0) a
            CROSS JOIN LATERAL (SELECT * FROM site y WHERE y.operator_id = a.operator_id AND y.site_id = a.site_id
                AND y.offline_credit_minor > 0 OFFSET 0) si
            WHERE t.terminal_id = $1)
"""


class Standing(Struct, frozen=True):
    """Where the terminal stands, its row locked."""

    operator_id: OperatorId
    link: int
    online: bool
    epoch: Epoch | None
    now: datetime


class Sold(Struct, frozen=True, kw_only=True):
    """What an outlet would take codes for."""

    operator_id: OperatorId
    outlet: int
    appliance_id: ApplianceId
    tariff_id: TariffId | None
    version: int
    body: str
    credit_minor: int
    pause_s: int
    currency: str


class Frozen(Struct, frozen=True):
    """What terms hold fast of it."""

    currency: str
    quote: str
    limits: str


async def due_terms(pool: Pool, keyring: Keyring, terminal: TerminalId) -> list[Offline]:
    """What the terminal is to be told now, on the link in force: new terms, and the end of what it still holds.

    Committed before, and told at most once a minute to a terminal that does not take them. Conflict when it is to be
    asked again.
    """
    if not await _concerned(pool, terminal):
        return []
    async with transaction(pool, Purpose.OFFLINE) as connection:
        row = await connection.fetchrow(_LOCK, terminal)
        if row is None:
            return []
        standing = msgspec.convert(dict(row), Standing)
        if standing.epoch is None:
            return []  # never heard of: its first hello asks again
        in_force = await _bring_up_to_date(connection, keyring, standing, terminal)
        if not standing.online:
            return []
        return await _tell(connection, keyring, standing, terminal, in_force)


async def _concerned(access: Access, terminal: TerminalId) -> bool:
    """Most terminals have no such codes: they cost one look and no lock."""
    return bool(await access.fetchval(_CONCERNED, terminal))


async def _bring_up_to_date(
    connection: Connection, keyring: Keyring, standing: Standing, terminal: TerminalId
) -> dict[int, Terms]:
    known = {terms.outlet: terms for terms in await terms_of(connection, terminal) if terms.over_at is None}
    sold = {
        one.outlet: one
        for one in many(await connection.fetch(_OUTLETS, standing.operator_id, terminal), Sold)
    }
    in_force: dict[int, Terms] = {}
    for outlet in sorted({*known, *sold}):
        terms, wanted = known.get(outlet), freeze(sold[outlet]) if outlet in sold else None
        fits = (
            terms is not None and wanted is not None and _fits(terms, sold[outlet], wanted, standing, keyring)
        )
        if terms is not None and fits and not await _is_worn(connection, terms):
            in_force[outlet] = terms
            continue
        if terms is not None:
            await end_terms(connection, terms)
        if wanted is not None:
            in_force[outlet] = await _make(connection, keyring, standing, terminal, sold[outlet], wanted)
    return in_force


def freeze(sold: Sold) -> Frozen | None:
    """The quote and the limits of a code here; None where none can be had."""
    if not sold.credit_minor or not sold.body or sold.tariff_id is None:
        return None
    try:
        tariff = tariffs.parse_tariff(sold.body)
        if not tariff.for_wallets:
            return None
        quote = tariffs.dearest_quote(
            tariff, tariff_id=sold.tariff_id, version=sold.version, credit_minor=sold.credit_minor
        )
        limits = replace(tariffs.limits(quote, sold.credit_minor), pause_s=sold.pause_s)
    except (tariffs.TariffError, tariffs.HoldTooSmall):
        return None  # what cannot be sold by, or not for so little, is not promised either
    return Frozen(tariff.currency, tariffs.encode_quote(quote).decode(), msgspec.json.encode(limits).decode())


def _fits(terms: Terms, sold: Sold, wanted: Frozen, standing: Standing, keyring: Keyring) -> bool:
    """Whether these terms still say what is to be said. Not those of another journal: which counts are burnt stood
    there. Nor those whose key was made with a secret that is to go."""
    return (
        (terms.appliance_id, terms.credit_minor) == (sold.appliance_id, sold.credit_minor)
        and (terms.currency, terms.quote, terms.limits) == (wanted.currency, wanted.quote, wanted.limits)
        and terms.epoch == standing.epoch
        and terms.key_check == keys.new_key_check(keyring, terms.terms_id)
    )


async def _is_worn(connection: Connection, terms: Terms) -> bool:
    """Whether its counts take long to verify, and no code is left that the terminal would forget with its terms."""
    if terms.last_count <= REKEY_COUNT:
        return False
    codes = await unburnt(connection, terms.terminal_id, terms.outlet)
    return not any(code.terms_id == terms.terms_id for code in codes)


async def _make(
    connection: Connection,
    keyring: Keyring,
    standing: Standing,
    terminal: TerminalId,
    sold: Sold,
    wanted: Frozen,
) -> Terms:
    assert standing.epoch is not None
    terms_id = new_id("oft")
    new = Terms(
        operator_id=standing.operator_id,
        terms_id=terms_id,
        terminal_id=terminal,
        outlet=sold.outlet,
        appliance_id=sold.appliance_id,
        epoch=standing.epoch,
        key_check=keys.new_key_check(keyring, terms_id),
        starting_code=1 + secrets.randbelow(999_999_999),
        value=secrets.randbelow(VALUES),
        first_count=0,
        last_count=0,
        credit_minor=sold.credit_minor,
        currency=wanted.currency,
        quote=wanted.quote,
        limits=wanted.limits,
        over_at=None,
        held=False,
        told_link=0,
        told_at=None,
    )
    await add_terms(connection, new)
    return new


async def _tell(
    connection: Connection,
    keyring: Keyring,
    standing: Standing,
    terminal: TerminalId,
    in_force: dict[int, Terms],
) -> list[Offline]:
    told: list[Terms] = []
    messages: list[Offline] = []
    gone = [terms for terms in await terms_of(connection, terminal) if terms.outlet not in in_force]
    for terms in (*in_force.values(), *gone):
        is_over = terms.outlet not in in_force
        if terms.held != is_over or _was_told(terms, standing):
            continue  # it stands as it should, or has just been told
        message = _end(terms, standing.link) if is_over else _message(keyring, terms, standing.link)
        if message is not None:
            told.append(terms)
            messages.append(message)
    if told:
        await note_told(connection, standing.operator_id, told, standing.link)
    return messages


def _was_told(terms: Terms, standing: Standing) -> bool:
    lately = terms.told_at is not None and standing.now - terms.told_at < AGAIN_AFTER
    return lately and terms.told_link == standing.link


def _end(terms: Terms, link: int) -> Offline:
    return Offline(link=link, outlet=terms.outlet, terms=terms.terms_id)


def _message(keyring: Keyring, terms: Terms, link: int) -> Offline | None:
    secret = keys.key_hex(keyring, terms.terms_id, terms.key_check)
    assert secret is not None, "terms in force have a key of the secret in force"
    message = Offline(
        link=link,
        outlet=terms.outlet,
        terms=terms.terms_id,
        key=secret,
        starting_code=terms.starting_code,
        value=terms.value,
        count=terms.first_count,
        credit_minor=terms.credit_minor,
        currency=terms.currency,
        limits=msgspec.json.decode(terms.limits, type=Limits),
        quote=msgspec.Raw(terms.quote.encode()),
    )
    try:
        encode(message)
    except WireError as error:
        # A tariff with more tiers than a message holds: the terminal never holds the terms, so no code is ever made.
        log.warning("terminal %s, outlet %d: no offline codes: %s", terms.terminal_id, terms.outlet, error)
        return None
    return message
