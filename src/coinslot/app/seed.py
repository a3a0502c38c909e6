"""Fleets made in a moment: the demonstration's, and as many terminals as a replay or benchmark wants."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from coinslot.app.seed_bath import BathTerminal, ensure_bath
from coinslot.app.seed_hotel import BY as BY
from coinslot.app.seed_hotel import RoomTerminal, ensure_hotel, found_terminal
from coinslot.audit import Connection
from coinslot.fields import MissingError
from coinslot.fleet.bulk import OutletPlan, TerminalCredentials, make_terminals
from coinslot.fleet.models import Operator, Site
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import add_site, create_operator, find_operator, find_site, list_appliances
from coinslot.fleet.tariff_store import add_tariff, find_tariff, list_tariffs
from coinslot.ledger.events import cash_topup
from coinslot.ledger.store import post
from coinslot.money import parse_currency
from coinslot.people.customers import make_customers, oldest_named
from coinslot.tariffs import dump_tariff
from coinslot.tariffs.named import NAMED
from coinslot.wire.ids import CustomerId, OperatorId, SiteId, TariffId, new_id

DEMO_OPERATOR = "Demo Campus"
DEMO_SITE = "北楼 · North Hall"
_EARLIER_SITE = "North Hall"
"""What it was called before it had a name for each language; such a demo keeps its names."""
DEMO_BALANCE_MINOR = 20_00
_DEMO_TARIFFS = ("dispenser-cold", "dispenser-boiling", "shower-litre")
_DEMO_CUSTOMERS = ("Lin", "Mei", "Omar", "Petra")


class Demo(Struct, frozen=True, kw_only=True):
    """The demonstration's operator and everything that belongs to it, with secrets that work."""

    operator: Operator
    site: Site
    tariffs: dict[str, TariffId]
    dispensers: list[TerminalCredentials]
    """Outlet 0 is cold water, outlet 1 boiling."""
    showers: list[TerminalCredentials]
    hotel: Site
    rooms: list[RoomTerminal]
    bath: Site
    baths: list[BathTerminal]
    customers: list[CustomerId]

    @property
    def site_id(self) -> SiteId:
        """Where it all stands."""
        return self.site.site_id

    @property
    def terminals(self) -> list[TerminalCredentials]:
        """All of them, dispensers first, the bathroom's and the hotel's last."""
        baths = [one.credentials for one in self.baths]
        rooms = [one.credentials for one in self.rooms]
        return [*self.dispensers, *self.showers, *baths, *rooms]


async def seed_demo(connection: Connection) -> Demo:
    """The demonstration's fleet: made on the first call, found on every other.

    Secrets are kept only as hashes, so finding it gives each terminal a new one, and a terminal that
    still runs with the old one has to come in again.
    """
    async with connection.transaction():
        # Two processes that start at once would otherwise both find nothing and both make it.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('coinslot demo', 0))")
        try:
            operator = await find_operator(connection, DEMO_OPERATOR)
        except MissingError:
            return await _make_demo(connection)
        return await _find_demo(connection, operator)


async def _make_demo(connection: Connection) -> Demo:
    operator = await create_operator(
        connection,
        name=DEMO_OPERATOR,
        currency="CNY",
        timezone="Asia/Shanghai",
        help_phone="400-000-0000",
        by=BY,
    )
    own = operator.operator_id
    site = await add_site(connection, own, name=DEMO_SITE, by=BY)
    tariffs = {name: await ensure_tariff(connection, own, name) for name in _DEMO_TARIFFS}
    taps = (
        OutletPlan(name="Cold", tariff_id=tariffs["dispenser-cold"]),
        OutletPlan(name="Boiling", tariff_id=tariffs["dispenser-boiling"]),
    )
    shower = (OutletPlan(name="Shower", tariff_id=tariffs["shower-litre"]),)
    hotel, rooms = await ensure_hotel(connection, operator)
    bath, baths = await ensure_bath(connection, operator, tariffs["shower-litre"])
    return Demo(
        hotel=hotel,
        rooms=rooms,
        bath=bath,
        baths=baths,
        operator=operator,
        site=site,
        tariffs=tariffs,
        dispensers=await make_terminals(
            connection,
            own,
            site.site_id,
            names=tuple(f"饮水机 {number} · Dispenser {number}" for number in (1, 2)),
            kind=ApplianceKind.DISPENSER,
            outlets=taps,
            by=BY,
        ),
        showers=await make_terminals(
            connection,
            own,
            site.site_id,
            names=tuple(f"淋浴 {number} · Shower {number}" for number in range(1, 5)),
            kind=ApplianceKind.SHOWER,
            outlets=shower,
            by=BY,
        ),
        customers=await make_paying_customers(
            connection, own, names=_DEMO_CUSTOMERS, currency="CNY", amount_minor=DEMO_BALANCE_MINOR
        ),
    )


async def _find_demo(connection: Connection, operator: Operator) -> Demo:
    own = operator.operator_id
    try:
        site = await find_site(connection, own, DEMO_SITE)
    except MissingError:
        site = await find_site(connection, own, _EARLIER_SITE)
    appliances = await list_appliances(connection, own, site.site_id)
    made = [await found_terminal(connection, appliance) for appliance in appliances]
    kinds = {one.appliance_id: one.kind for one in appliances}
    terminals = [terminal for terminal in made if terminal is not None]
    hotel, rooms = await ensure_hotel(connection, operator)
    litre = await ensure_tariff(connection, own, "shower-litre")
    bath, baths = await ensure_bath(connection, operator, litre)
    return Demo(
        hotel=hotel,
        rooms=rooms,
        bath=bath,
        baths=baths,
        operator=operator,
        site=site,
        tariffs={tariff.name: tariff.tariff_id for tariff in await list_tariffs(connection, own)},
        dispensers=[one for one in terminals if kinds[one.appliance_id] == ApplianceKind.DISPENSER],
        showers=[one for one in terminals if kinds[one.appliance_id] == ApplianceKind.SHOWER],
        customers=await oldest_named(connection, own, _DEMO_CUSTOMERS),
    )


async def ensure_tariff(connection: Connection, operator_id: OperatorId, name: str) -> TariffId:
    """The operator's tariff of this name, made from the one in `tariffs.named` if there is none yet."""
    try:
        found = await find_tariff(connection, operator_id, name)
    except MissingError:
        found = await add_tariff(connection, operator_id, name=name, body=dump_tariff(NAMED[name]), by=BY)
    return found.tariff_id


async def make_fleet(
    connection: Connection,
    operator_id: OperatorId,
    *,
    terminals: int,
    outlets: int = 1,
    tariff_id: TariffId | None = None,
    kind: ApplianceKind = ApplianceKind.SHOWER,
    meter_spec: str = "{}",
) -> list[TerminalCredentials]:
    """`terminals` new terminals at a new site, each driving one appliance with `outlets` outlets.

    All outlets have `tariff_id`, or the tariff called shower-litre. Each has a keypad, whatever its kind.
    """
    run = new_id("run")[4:]
    async with connection.transaction():
        site = await add_site(connection, operator_id, name=f"Site {run}", by=BY)
        price = tariff_id or await ensure_tariff(connection, operator_id, "shower-litre")
        plans = [
            OutletPlan(name=f"Outlet {number}", tariff_id=price, meter_spec=meter_spec)
            for number in range(outlets)
        ]
        names = [f"{kind.value} {number}" for number in range(1, terminals + 1)]
        return await make_terminals(
            connection, operator_id, site.site_id, names=names, kind=kind, outlets=plans, keypad=True, by=BY
        )


async def make_paying_customers(
    connection: Connection,
    operator_id: OperatorId,
    *,
    names: Sequence[str],
    currency: str,
    amount_minor: int,
) -> list[CustomerId]:
    """New customers, each with `amount_minor` of counter cash on the wallet."""
    code = parse_currency(currency)
    async with connection.transaction():
        made = await make_customers(connection, operator_id, names, by=BY)
        await post(
            connection,
            [
                cash_topup(operator_id, f"seed:{customer}", customer, code, amount_minor=amount_minor)
                for customer in made
            ],
        )
    return made
