"""How much of an operator's quotas is left to a customer: what has been used, and what is held for uses under way.

Counted from the sessions themselves, under a lock of the customer's, so that nothing has to be given back and nothing
can drift. A use counts in the period in which it was authorized: one under way with all that it may still become, one
that is over with what it became. What was released unused, or never metered anything, counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct
from msgspec.structs import replace

from coinslot.fleet.quotas import Known, Period, Quota, Quotas
from coinslot.wire.ids import CustomerId, OperatorId
from coinslot.wire.messages import Limits

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

Key: TypeAlias = tuple[OperatorId, CustomerId]

LEAST_ML: Final = 100
LEAST_S: Final = 10
"""Less than this is left to nobody's use: it would be over before it has begun."""

known: Final = Known()
"""Quotas that were read before; shared by whoever judges."""

# In the order of their keys, after the wallets: whoever waits here holds everything else it locks.
_LOCK = """
    SELECT pg_advisory_xact_lock(hashtextextended('coinslot quota ' || k, 0))
    FROM (SELECT k FROM unnest($1::text[]) AS k ORDER BY k) AS keys
"""
_USED = """
    SELECT k.operator_id, k.customer_id, u.* FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
        AS k(operator_id, customer_id, week, day)
    CROSS JOIN LATERAL (
        SELECT a.site_id, a.kind, s.created_at >= k.day AS today, count(*)::bigint AS uses,
            sum(s.ml)::bigint AS ml, sum(s.s)::bigint AS s, sum(s.amount_minor)::bigint AS amount_minor
        FROM (
            SELECT x.appliance_id, x.created_at,
                CASE WHEN x.settled_at IS NULL THEN least((x.limits::jsonb->>'ml')::bigint, 1000000000000)
                     ELSE coalesce((x.registers::jsonb->>'ml')::bigint, 0) END AS ml,
                CASE WHEN x.settled_at IS NULL THEN (x.limits::jsonb->>'s')::bigint
                     ELSE coalesce((x.registers::jsonb->>'s')::bigint, 0) END AS s,
                CASE WHEN x.settled_at IS NULL THEN x.hold_principal_minor + x.hold_bonus_minor
                     ELSE coalesce(x.captured_minor, 0) + x.arrears_minor END AS amount_minor
            FROM session x
            WHERE x.operator_id || '' = k.operator_id AND x.customer_id = k.customer_id AND x.created_at >= k.week
              AND (x.settled_at IS NULL OR x.registers IS NOT NULL AND EXISTS (
                  SELECT FROM jsonb_each_text(x.registers::jsonb) AS e(name, value) WHERE e.value::bigint > 0))
            OFFSET 0) s
        JOIN appliance a ON a.operator_id = k.operator_id AND a.appliance_id = s.appliance_id
        GROUP BY 1, 2, 3 OFFSET 0) u
"""


class Used(Struct, frozen=True, kw_only=True):
    """Some uses of one customer at one site, on one kind of appliance."""

    site: str
    kind: str
    today: bool
    """Whether they began today; else they began this week."""
    uses: int
    ml: int
    s: int
    amount_minor: int


@dataclass
class Counted:
    """What one customer has used of the operator's quotas, growing while a batch of starts is planned."""

    quotas: Quotas
    used: list[Used] = field(default_factory=list)

    def take(self, *, site: str, kind: str, limits: Limits, hold_minor: int) -> None:
        """One more, with all that it may become."""
        self.used.append(
            Used(site=site, kind=kind, today=True, uses=1, ml=limits.ml, s=limits.s, amount_minor=hold_minor)
        )


class Left(NamedTuple):
    """What one more use may take at most; None: as much as it likes."""

    ml: int | None = None
    s: int | None = None
    amount_minor: int | None = None
    again_at: datetime | None = None
    """When there is more again, where something has so little left that it is given to nobody."""
    amount_again_at: datetime | None = None
    """When more money may be spent."""

    def lower(self, limits: Limits) -> Limits:
        """The limits, none above what is left."""
        ml = limits.ml if self.ml is None else min(limits.ml, self.ml)
        s = limits.s if self.s is None else min(limits.s, self.s)
        return limits if (ml, s) == (limits.ml, limits.s) else replace(limits, ml=ml, s=s)


ALL: Final = Left()
"""Where nothing is limited."""


def left(counted: Counted | None, *, site: str, kind: str, now: datetime) -> Left:
    """What this customer may still use there. Pure."""
    if counted is None:
        return ALL
    found = ALL
    for rule in counted.quotas.rules:
        if rule.counts(site, kind):
            found = _and(found, rule, counted, now)
    return found


def _and(found: Left, rule: Quota, counted: Counted, now: datetime) -> Left:
    those = [
        each
        for each in counted.used
        if rule.counts(each.site, each.kind) and (each.today or rule.period is Period.WEEK)
    ]
    ml = _rest(rule.ml, [each.ml for each in those])
    s = _rest(rule.s, [each.s for each in those])
    uses = _rest(rule.uses, [each.uses for each in those])
    amount_minor = _rest(rule.amount_minor, [each.amount_minor for each in those])
    ends = counted.quotas.ends(rule.period, now)
    over = (
        (uses is not None and uses <= 0)
        or (ml is not None and ml < LEAST_ML)
        or (s is not None and s < LEAST_S)
    )
    nearer = amount_minor is not None and (found.amount_minor is None or amount_minor <= found.amount_minor)
    return Left(
        ml=_least(found.ml, ml),
        s=_least(found.s, s),
        amount_minor=_least(found.amount_minor, amount_minor),
        again_at=_latest(found.again_at, ends if over else None),
        amount_again_at=ends if nearer else found.amount_again_at,
    )


def _rest(limit: int | None, used: Sequence[int]) -> int | None:
    return None if limit is None else max(0, limit - sum(used))


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)


async def count(connection: Connection, wanted: Mapping[Key, Quotas], now: datetime) -> dict[Key, Counted]:
    """What these customers have used of their operators' quotas, locked until the transaction ends."""
    if not wanted:
        return {}
    keys = sorted(wanted)
    await connection.fetch(_LOCK, [f"{operator} {customer}" for operator, customer in keys])
    rows = await connection.fetch(
        _USED,
        [key[0] for key in keys],
        [key[1] for key in keys],
        [_since(wanted[key], now) for key in keys],
        [wanted[key].begins(Period.DAY, now) for key in keys],
    )
    counted = {key: Counted(wanted[key]) for key in keys}
    for operator, customer, site, kind, today, uses, ml, s, amount_minor in rows:
        counted[OperatorId(operator), CustomerId(customer)].used.append(
            Used(site=site, kind=kind, today=today, uses=uses, ml=ml, s=s, amount_minor=amount_minor)
        )
    return counted


def _since(quotas: Quotas, now: datetime) -> datetime:
    weekly = any(rule.period is Period.WEEK for rule in quotas.rules)
    return quotas.begins(Period.WEEK if weekly else Period.DAY, now)
