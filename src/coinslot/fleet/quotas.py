"""What one customer may use at most: on a kind of appliance, at a site, or both, in a day or a week.

A day and a week are the calendar's in the operator's time zone; a week begins on Monday. Which uses count, and how much
is left, is for settlement to say.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.rules import check_kind
from coinslot.rows import many
from coinslot.wire.ids import OperatorId, SiteId, new_id

MOST: Final = {"uses": 1_000, "ml": 10_000_000, "s": 7 * 86_400, "amount_minor": 10**9}
"""Above these a quota is a slip of the pen."""
_KNOWN_MOST: Final = 1_000
_COLUMNS = "quota_id, site_id, kind, period, uses, ml, s, amount_minor"
_CHANGED = "SELECT quotas_at, timezone FROM operator WHERE operator_id = $1"
_TOUCH = """
    UPDATE operator SET quotas_at = CASE WHEN EXISTS (SELECT FROM quota WHERE operator_id = $1) THEN clock_timestamp() END
    WHERE operator_id = $1
"""


class Period(StrEnum):
    """What a quota is counted over."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""

    def first(self, day: date) -> date:
        """The period's first day."""
        return day if self is Period.DAY else day - timedelta(days=day.weekday())

    def next(self, day: date) -> date:
        """The first day of the period after it."""
        return self.first(day) + timedelta(days=1 if self is Period.DAY else 7)


class Quota(Struct, frozen=True, kw_only=True):
    """One rule; a limit that is None is none."""

    quota_id: str
    site_id: SiteId | None
    """None: at every site."""
    kind: str | None
    """None: appliances of every kind."""
    period: Period
    uses: int | None
    ml: int | None
    s: int | None
    amount_minor: int | None

    def counts(self, site: str, kind: str) -> bool:
        """Whether a use there counts."""
        return self.site_id in (None, site) and self.kind in (None, kind)


class Quotas(Struct, frozen=True):
    """An operator's, with the calendar they go by."""

    timezone: str
    rules: tuple[Quota, ...]

    def begins(self, period: Period, now: datetime) -> datetime:
        """When the period began in which `now` is, in UTC."""
        return self._midnight(period.first(now.astimezone(ZoneInfo(self.timezone)).date()))

    def ends(self, period: Period, now: datetime) -> datetime:
        """When the next one begins."""
        return self._midnight(period.next(now.astimezone(ZoneInfo(self.timezone)).date()))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.timezone)).astimezone(UTC)


async def list_quotas(connection: Connection, operator_id: OperatorId) -> list[Quota]:
    """The operator's, in the order in which they were made."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM quota WHERE operator_id = $1 ORDER BY made_at, quota_id", operator_id
    )
    return many(rows, Quota)


async def set_quota(
    connection: Connection,
    operator_id: OperatorId,
    *,
    site_id: SiteId | None = None,
    kind: str | None = None,
    period: Period,
    uses: int | None = None,
    ml: int | None = None,
    s: int | None = None,
    amount_minor: int | None = None,
    by: str,
) -> Quota:
    """From the next start on; in place of the one for the same site, kind and period. FieldError, MissingError."""
    limits = {"uses": uses, "ml": ml, "s": s, "amount_minor": amount_minor}
    _check(limits)
    quota = Quota(
        quota_id=new_id("quo"),
        site_id=site_id,
        kind=None if kind is None else check_kind(kind).value,
        period=period,
        uses=uses,
        ml=ml,
        s=s,
        amount_minor=amount_minor,
    )
    async with connection.transaction():
        # Two who set one at the same time take turns at the operator's row.
        if not await connection.fetchval(
            "SELECT true FROM operator WHERE operator_id = $1 FOR NO KEY UPDATE", operator_id
        ):
            raise MissingError("operator", operator_id)
        if site_id is not None and not await connection.fetchval(
            "SELECT true FROM site WHERE operator_id = $1 AND site_id = $2", operator_id, site_id
        ):
            raise MissingError("site", site_id)
        await connection.execute(
            "DELETE FROM quota WHERE operator_id = $1 AND site_id IS NOT DISTINCT FROM $2"
            " AND kind IS NOT DISTINCT FROM $3 AND period = $4",
            operator_id,
            site_id,
            quota.kind,
            period.value,
        )
        await connection.execute(
            f"INSERT INTO quota (operator_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            operator_id,
            quota.quota_id,
            site_id,
            quota.kind,
            period.value,
            uses,
            ml,
            s,
            amount_minor,
        )
        await connection.execute(_TOUCH, operator_id)
        said = " ".join(f"{name}={value}" for name, value in limits.items() if value is not None)
        where = f"site={site_id or 'any'} kind={quota.kind or 'any'} per={period.value}"
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="quota.set",
            target=quota.quota_id,
            detail=f"{where} {said}",
        )
    return quota


async def remove_quota(connection: Connection, operator_id: OperatorId, quota_id: str, *, by: str) -> None:
    """Nothing is counted by it from the next start on. MissingError."""
    async with connection.transaction():
        found = await connection.fetchval(
            "DELETE FROM quota WHERE operator_id = $1 AND quota_id = $2 RETURNING true", operator_id, quota_id
        )
        if not found:
            raise MissingError("quota", quota_id)
        await connection.execute(_TOUCH, operator_id)
        await write_audit(connection, operator_id, by=by, action="quota.remove", target=quota_id)


def _check(limits: Mapping[str, int | None]) -> None:
    if all(value is None for value in limits.values()):
        raise FieldError("quota", "set at least one limit: uses, litres, minutes or an amount")
    for name, value in limits.items():
        if value is not None and not 1 <= value <= MOST[name]:
            raise FieldError(name, f"must be 1 to {MOST[name]}, not {value}")


class Known:
    """Quotas by operator and by the moment of their last change, which whoever asks has just read."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[OperatorId, datetime], Quotas] = OrderedDict()

    async def of(
        self, connection: Connection, changed: Mapping[OperatorId, datetime]
    ) -> dict[OperatorId, Quotas]:
        """The quotas of these operators, by when each saw its last change; in the caller's transaction."""
        return {
            operator: self._known.get((operator, moment)) or await self._load(connection, operator)
            for operator, moment in changed.items()
        }

    async def _load(self, connection: Connection, operator: OperatorId) -> Quotas:
        # The moment is read first: a change in between costs another look next time, never an old answer.
        row = await connection.fetchrow(_CHANGED, operator)
        assert row is not None  # the caller has just seen it
        loaded = Quotas(row["timezone"], tuple(await list_quotas(connection, operator)))
        if row["quotas_at"] is not None:
            self._known[operator, row["quotas_at"]] = loaded
        while len(self._known) > _KNOWN_MOST:
            self._known.popitem(last=False)
        return loaded
