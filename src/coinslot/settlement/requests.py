"""What is asked of settlement, and its answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from coinslot.sessions.model import Session
from coinslot.settlement.changes import Batch, Purse
from coinslot.settlement.quotas import Counted, Key
from coinslot.sharing import Agreements
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SiteId, TariffId, TerminalId

TYPED: Final = "code:"
"""How the key of a start begins that a typed code asked for."""


class Guest(Struct, frozen=True, kw_only=True):
    """Somebody without an account who has paid for this one use. What was promised with the code that was paid rules,
    whatever tariff and agreement say since."""

    intent: str
    """The payment, under which its money is held."""
    merchant: str
    amount_minor: int
    appliance: ApplianceId
    quote: str
    sharing: str


class Flush(Struct, frozen=True, kw_only=True):
    """A member of staff lets water run: no customer, no money."""

    by: str
    """Who, for the session and the audit trail."""
    currency: str
    """The operator's; an amount of nothing has one too."""
    limit_ml: int
    limit_s: int


class StartRequest(Struct, frozen=True, kw_only=True):
    """Somebody wants to use an outlet. The same `key` twice is the same session."""

    operator: OperatorId
    customer: CustomerId | None
    """None where a guest pays, and for a flush."""
    terminal: TerminalId
    outlet: int
    key: str
    guest: Guest | None = None
    flush: Flush | None = None
    cap_minor: int | None = None
    """At most so much is held, where whoever pays lets somebody else use it; minor units."""

    def digest(self) -> bytes:
        """Of what is asked for under the key; another digest under the same key is a conflict."""
        payer = self.customer or (self.guest.intent if self.guest is not None else "")
        parts = [payer, self.terminal, str(self.outlet)]
        if self.flush is not None:
            parts += ["flush", self.flush.by, str(self.flush.limit_ml), str(self.flush.limit_s)]
        if self.cap_minor is not None:
            parts.append(str(self.cap_minor))
        text = "\0".join(parts)
        return hashlib.sha256(text.encode()).digest()


class Refusal(StrEnum):
    """Why a session may not start. Nothing is held, nothing is sent."""

    NO_SUCH_OUTLET = "no_such_outlet"
    """There is no such outlet, or not at this operator."""
    NO_SUCH_CUSTOMER = "no_such_customer"
    """The operator has no such customer, or has blocked them."""
    CLOSED = "closed"
    """The operator has closed the appliance."""
    OUT_OF_HOURS = "out_of_hours"
    """It is shut at this hour; `again_at` says when it opens."""
    NO_TARIFF = "no_tariff"
    """The outlet has no tariff: it is never free by omission."""
    FAULT = "fault"
    """The outlet is out of order."""
    OFFLINE = "offline"
    """The terminal is not connected."""
    BUSY = "busy"
    """Somebody is using the outlet, or what became of the last start is not known yet."""
    REAL_NAME = "real_name"
    """The operator wants to know who uses its appliances, and has approved no real name of the customer."""
    ARREARS = "arrears"
    """The customer owes for earlier use."""
    QUOTA = "quota"
    """The customer has used up what the operator allows in a day or a week; `again_at` says when the next begins."""
    NO_BALANCE = "no_balance"
    """The balance is below what the tariff asks for a start."""
    KEY_CONFLICT = "key_conflict"
    """The idempotency key was used for something else."""


class Refused(Struct, frozen=True, kw_only=True):
    """The answer no, with the figures that explain it; minor units."""

    reason: Refusal
    needed_minor: int | None = None
    balance_minor: int | None = None
    arrears_minor: int | None = None
    again_at: datetime | None = None
    """From when on the same start may be asked for again, where only time stands in the way."""


StartAnswer: TypeAlias = Session | Refused


class StartView(Struct, frozen=True, kw_only=True):
    """What is known of one request's outlet and customer."""

    outlet_found: bool = False
    appliance: ApplianceId = ApplianceId("")
    site: SiteId = SiteId("")
    kind: str = ""
    """The appliance's."""
    agreements: Agreements | None = None
    """The operator's; None where it shares with nobody."""
    closed: bool = False
    hours: str = ""
    """The appliance's own opening hours …"""
    site_hours: str = ""
    """… and its site's, as `fleet.hours` reads them; both empty: open always."""
    faults: tuple[str, ...] = ()
    """Standing alarms of the outlet or its terminal that keep it from being used."""
    timezone: str = "UTC"
    tariff: TariffId | None = None
    tariff_version: int = 0
    tariff_body: str = ""
    meter_spec: str = "{}"
    busy: bool = False
    """Whether a session occupies the outlet, as far as could be seen without waiting: one that was made
    while this one waited for its terminal's lock is found by the database's own rule."""
    customer_found: bool = False
    name_missing: bool = False
    """Whether the operator wants a real name before the first use, and has approved none of the customer."""
    earlier: Session | None = None
    """The session the same key made before."""
    language: str | None = None
    """The customer's."""
    pause_s: int = 0
    """For how long its user may pause it, by the operator's rule."""


@dataclass
class Wallet:
    """A customer's balances while a batch of holds is planned; minor units."""

    principal_minor: int = 0
    bonus_minor: int = 0
    arrears_minor: int = 0

    @property
    def balance_minor(self) -> int:
        """What can be held."""
        return self.principal_minor + self.bonus_minor


@dataclass
class StartBatch:
    """Everything that deciding a batch of starts needs, in the order of the requests."""

    batch: Batch
    views: list[StartView]
    wallets: dict[Purse, Wallet] = field(default_factory=dict)
    """Locked for the transaction."""
    counted: dict[Key, Counted] = field(default_factory=dict)
    """What customers of operators with quotas have used; likewise locked."""
