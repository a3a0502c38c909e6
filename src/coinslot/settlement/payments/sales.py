"""What a terminal's outlets sell now: the tariff's packages, with whom they can be paid, what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from coinslot import tariffs
from coinslot.fleet.hours import shut_until
from coinslot.payments.model import Merchant
from coinslot.rows import many
from coinslot.settlement.payments.rows import MERCHANT_COLUMNS, Access
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.start_views import SHUTTING_FAULTS
from coinslot.sharing import Place
from coinslot.sharing.loading import Known
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId, TariffId, TerminalId
from coinslot.wire.messages import Note, PackageOffered

# Each look-up is pinned to its key, see settlement/store.py.
_OUTLETS = """
    SELECT x.operator_id, x.terminal_id, x.outlet, x.appliance_id, a.name AS appliance, a.room, a.kind, a.closed,
           a.hours, si.hours AS site_hours, a.site_id, si.timezone, w.name AS operator, w.agreements_at, x.tariff_id,
           coalesce(v.version, 0) AS version, coalesce(v.body, '') AS body,
           coalesce(l.online AND l.link_began_at IS NOT NULL, false) AS online,
           EXISTS (SELECT FROM session s WHERE s.terminal_id = x.terminal_id AND s.outlet = x.outlet AND s.live
                   AND s.state <> 'promised') AS busy,
           EXISTS (SELECT FROM alarm m WHERE m.operator_id = x.operator_id AND m.terminal_id = x.terminal_id
                   AND m.cleared_at IS NULL AND coalesce(m.outlet, x.outlet) = x.outlet AND m.kind = ANY($3::text[])) AS faulty,
           EXISTS (SELECT FROM direct_order d WHERE d.terminal_id = x.terminal_id AND d.outlet = x.outlet) AS has_sold,
           clock_timestamp() AS now
    FROM terminal t
    JOIN outlet x ON x.operator_id = t.operator_id AND x.terminal_id = t.terminal_id
    JOIN appliance a ON a.operator_id = x.operator_id AND a.appliance_id = x.appliance_id
    JOIN site si ON si.operator_id = a.operator_id AND si.site_id = a.site_id
    JOIN operator w ON w.operator_id = x.operator_id
    LEFT JOIN terminal_link l ON l.operator_id = x.operator_id AND l.terminal_id = x.terminal_id
    LEFT JOIN LATERAL (
        SELECT y.version, y.body FROM tariff_version y
        WHERE y.operator_id = x.operator_id AND y.tariff_id = x.tariff_id ORDER BY y.version DESC LIMIT 1
    ) v ON true
    WHERE t.terminal_id = $1 AND t.revoked_at IS NULL AND ($2::smallint IS NULL OR x.outlet = $2)
    ORDER BY x.outlet
"""
_MERCHANTS = f"""
    SELECT {MERCHANT_COLUMNS} FROM merchant m WHERE m.operator_id = $1 AND m.active ORDER BY m.created_at, m.merchant_id
"""
_known = Known()


class Sale(Struct, frozen=True, kw_only=True):
    """One outlet, as somebody who wants to buy there finds it."""

    operator_id: OperatorId
    terminal_id: TerminalId
    outlet: int
    appliance_id: ApplianceId
    appliance: str
    room: str
    kind: str
    closed: bool
    hours: str
    """The appliance's own, then its site's; see `fleet.hours`."""
    site_hours: str
    site_id: SiteId
    timezone: str
    operator: str
    agreements_at: datetime | None
    tariff_id: TariffId | None
    version: int
    body: str
    """The tariff's version in force; empty where there is none."""
    online: bool
    busy: bool
    faulty: bool
    has_sold: bool
    """Whether a code was ever made for it."""
    now: datetime

    @property
    def tariff(self) -> tariffs.Tariff | None:
        """What is in force; None also for one that was written under other rules and cannot be sold by any more."""
        if not self.body or self.tariff_id is None:
            return None
        try:
            return _tariff(self.body)
        except tariffs.TariffError:
            return None

    @property
    def packages(self) -> tuple[tariffs.Package, ...]:
        """What can be bought, when nothing stands in the way."""
        return () if self.tariff is None else self.tariff.packages

    @property
    def shut(self) -> bool:
        """Whether nothing is sold there: its operator has closed it, or it is outside its hours."""
        return self.closed or shut_until(self.hours, self.site_hours, self.timezone, self.now) is not None

    @property
    def refusal(self) -> Note | None:
        """What stands in the way, whatever is chosen."""
        if self.shut or self.faulty or not self.online or not self.packages:
            return Note.UNAVAILABLE
        return Note.BUSY if self.busy else None

    def quote(self, package: tariffs.Package) -> tariffs.Quote:
        """The promise to whoever buys this now."""
        tariff = self.tariff
        assert tariff is not None
        assert self.tariff_id is not None
        local = self.now.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)
        return tariffs.package_quote(
            tariff, package, tariff_id=self.tariff_id, version=self.version, started_local=local
        )

    def offered(self) -> list[PackageOffered]:
        """The packages as the link tells them."""
        return [
            PackageOffered(
                package=package.id,
                title=package.title,
                price_minor=tariffs.package_minor(package, self.tariff.currency),
                by_use=package.price is None,
            )
            for package in self.packages
            if self.tariff is not None
        ]

    def subject(self, package: tariffs.Package) -> str:
        """What the payer reads in the provider's app: whose, which, where, what."""
        where = f"{self.appliance} {self.room}" if self.room else self.appliance
        return f"{self.operator} · {where} · {package.title}"


async def find_sales(access: Access, terminal: TerminalId, outlet: int | None = None) -> Sequence[Sale]:
    """The terminal's outlets, or the one of this number."""
    return many(await access.fetch(_OUTLETS, terminal, outlet, SHUTTING_FAULTS), Sale)


async def active_merchants(access: Access, operator: OperatorId) -> Sequence[Merchant]:
    """The operator's accounts that new payments may be made with, the oldest first."""
    return many(await access.fetch(_MERCHANTS, operator), Merchant)


async def agreed(connection: Connection, sale: Sale) -> str:
    """The agreement in force for it, as a session keeps it; empty where the operator shares with nobody."""
    if sale.agreements_at is None:
        return ""
    found = await _known.of(connection, {sale.operator_id: sale.agreements_at})
    return found[sale.operator_id].frozen_text(Place(sale.site_id, sale.kind, sale.appliance_id), sale.now)


def encoded(quote: tariffs.Quote) -> str:
    """The quote as it is kept, and sent with the start."""
    return tariffs.encode_quote(quote).decode()


@lru_cache(maxsize=256)
def _tariff(body: str) -> tariffs.Tariff:
    return tariffs.parse_tariff(body)
