"""What stands in the way of a code without a link, and whether it can be afforded. Pure; `issuing` asks in this order."""

from __future__ import annotations

from datetime import datetime

import msgspec

from coinslot.fleet.hours import shut_until
from coinslot.settlement.changes import Terminal
from coinslot.settlement.offline.model import OfflineRefusal, OfflineRefused
from coinslot.settlement.offline.rows import Terms
from coinslot.settlement.quotas import left
from coinslot.settlement.requests import StartBatch, StartRequest, StartView, Wallet
from coinslot.wire.ids import ApplianceId
from coinslot.wire.messages import Limits


def standing(
    view: StartView, terminal: Terminal | None, appliance: ApplianceId, now: datetime
) -> OfflineRefused | None:
    """What stands in the way before money is looked at; with every start in the same order."""
    if not view.outlet_found or terminal is None or view.appliance != appliance:
        return OfflineRefused(reason=OfflineRefusal.NO_SUCH_PLACE)
    if not view.customer_found:
        return OfflineRefused(reason=OfflineRefusal.NO_SUCH_CUSTOMER)
    if view.closed:
        return OfflineRefused(reason=OfflineRefusal.CLOSED)
    opens_at = shut_until(view.hours, view.site_hours, view.timezone, now)
    if opens_at is not None:
        return OfflineRefused(reason=OfflineRefusal.OUT_OF_HOURS, again_at=opens_at)
    if view.faults:
        return OfflineRefused(reason=OfflineRefusal.FAULT)
    if terminal.online:
        return OfflineRefused(reason=OfflineRefusal.LINKED)
    # Last, as with every start: nobody is to hand in a card for an appliance that cannot be used anyway.
    return OfflineRefused(reason=OfflineRefusal.REAL_NAME) if view.name_missing else None


def quota(request: StartRequest, opened: StartBatch, terms: Terms) -> OfflineRefused | None:
    """The terminal keeps the terms' limits and no others: what is left must cover all of them."""
    assert request.customer is not None
    view, now = opened.views[0], opened.batch.now
    rest = left(
        opened.counted.get((request.operator, request.customer)), site=view.site, kind=view.kind, now=now
    )
    if rest.again_at is not None:
        return OfflineRefused(reason=OfflineRefusal.QUOTA, again_at=rest.again_at)
    if rest.amount_minor is not None and rest.amount_minor < terms.credit_minor:
        return OfflineRefused(reason=OfflineRefusal.QUOTA, again_at=rest.amount_again_at)
    limits = msgspec.json.decode(terms.limits, type=Limits)
    return None if rest.lower(limits) == limits else OfflineRefused(reason=OfflineRefusal.QUOTA)


def money(wallet: Wallet, terms: Terms) -> OfflineRefused | None:
    """Whether the wallet covers the credit; nothing less is held."""
    if wallet.arrears_minor > 0:
        return OfflineRefused(reason=OfflineRefusal.ARREARS, arrears_minor=wallet.arrears_minor)
    if wallet.balance_minor < terms.credit_minor:
        return OfflineRefused(
            reason=OfflineRefusal.NO_BALANCE,
            needed_minor=terms.credit_minor,
            balance_minor=wallet.balance_minor,
        )
    return None
