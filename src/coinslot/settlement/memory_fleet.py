"""What settlement reads of fleet and people, for the books in memory: outlets, tariffs, customers."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from coinslot import tariffs
from coinslot.settlement.changes import Alarm, Purse
from coinslot.settlement.requests import StartRequest, StartView
from coinslot.sharing import Agreements
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SiteId, TariffId, TerminalId
from coinslot.wire.records import FaultCode

_SHUTTING = frozenset(code.value for code in FaultCode if code is not FaultCode.SENSOR)


class OutletRow(Struct, frozen=True, kw_only=True):
    """One outlet as the fleet knows it."""

    appliance: ApplianceId
    tariff: TariffId | None
    site: SiteId = SiteId("")
    kind: str = ""
    meter_spec: str = "{}"
    timezone: str = "UTC"


@dataclass
class MemoryFleet:
    """To be filled by whoever makes the books; nothing here is changed by settlement but the alarms."""

    owners: dict[TerminalId, OperatorId] = field(default_factory=dict)
    outlets: dict[tuple[OperatorId, TerminalId, int], OutletRow] = field(default_factory=dict)
    customers: dict[tuple[OperatorId, CustomerId], bool] = field(default_factory=dict)
    """Whether each may start anything: False is a blocked one."""
    asking_names: set[OperatorId] = field(default_factory=set)
    """Operators that want a real name before the first use."""
    real_names: set[tuple[OperatorId, CustomerId]] = field(default_factory=set)
    """Customers whose real name was approved."""
    tariffs: dict[tuple[OperatorId, TariffId], list[str]] = field(default_factory=dict)
    """Versions of each, oldest first, as the JSON of `tariffs.dump_tariff`."""
    agreements: dict[OperatorId, Agreements] = field(default_factory=dict)
    """Of operators that share with anybody."""
    revoked: set[TerminalId] = field(default_factory=set)
    closed: set[tuple[OperatorId, ApplianceId]] = field(default_factory=set)
    pause_s: int = 0
    """For how long a session may be paused, at every operator."""
    alarms: dict[tuple[OperatorId, TerminalId, int, str], Alarm] = field(default_factory=dict)
    """The standing ones; an alarm of the whole terminal has outlet −1."""

    def note(self, alarm: Alarm) -> None:
        """An alarm comes or goes; one that stands already is not raised twice."""
        outlet = -1 if alarm.outlet is None else alarm.outlet
        key = (alarm.operator, alarm.terminal, outlet, alarm.kind)
        if alarm.active:
            self.alarms.setdefault(key, alarm)
        else:
            self.alarms.pop(key, None)

    def view(self, request: StartRequest) -> tuple[StartView, Purse | None]:
        """What is known of one request, and the purse it would be paid from."""
        outlet = self.outlets.get((request.operator, request.terminal, request.outlet))
        known = request.customer
        customer = known is not None and self.customers.get((request.operator, known), False)
        if outlet is None or request.terminal in self.revoked:
            return StartView(customer_found=customer), None
        versions = self.tariffs.get((request.operator, outlet.tariff), []) if outlet.tariff else []
        view = StartView(
            outlet_found=True,
            appliance=outlet.appliance,
            site=outlet.site,
            kind=outlet.kind,
            agreements=self.agreements.get(request.operator),
            closed=(request.operator, outlet.appliance) in self.closed,
            faults=self._faults(request),
            timezone=outlet.timezone,
            tariff=outlet.tariff if versions else None,
            tariff_version=len(versions),
            tariff_body=versions[-1] if versions else "",
            meter_spec=outlet.meter_spec,
            customer_found=customer,
            name_missing=customer and self._name_missing(request),
            pause_s=self.pause_s,
        )
        if not versions or known is None or not customer:
            return view, None
        currency = tariffs.parse_tariff(versions[-1]).currency
        return view, Purse(request.operator, known, currency)

    def _name_missing(self, request: StartRequest) -> bool:
        named = request.customer is not None and (request.operator, request.customer) in self.real_names
        return request.operator in self.asking_names and not named

    def _faults(self, request: StartRequest) -> tuple[str, ...]:
        here = (request.operator, request.terminal)
        return tuple(
            kind
            for operator, terminal, outlet, kind in self.alarms
            if (operator, terminal) == here and outlet in (-1, request.outlet) and kind in _SHUTTING
        )
