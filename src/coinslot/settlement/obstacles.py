"""What stands in the way of a start, and what somebody can afford of it. Pure; `authorize` asks in this order."""

from __future__ import annotations

from coinslot import tariffs
from coinslot.fleet.hours import shut_until
from coinslot.settlement.changes import Batch, Terminal
from coinslot.settlement.quotas import Left
from coinslot.settlement.requests import Refusal, Refused, StartRequest, StartView
from coinslot.wire.messages import Limits


def obstacle(
    request: StartRequest, view: StartView, terminal: Terminal | None, batch: Batch
) -> Refused | None:
    """What stands in the way before money is looked at."""
    refusal = _refusal(request, view, terminal, batch)
    if refusal is Refusal.OUT_OF_HOURS:
        again_at = shut_until(view.hours, view.site_hours, view.timezone, batch.now)
        return Refused(reason=refusal, again_at=again_at)
    return None if refusal is None else Refused(reason=refusal)


def _refusal(
    request: StartRequest, view: StartView, terminal: Terminal | None, batch: Batch
) -> Refusal | None:
    if not view.outlet_found or terminal is None:
        return Refusal.NO_SUCH_OUTLET
    guest, flush = request.guest, request.flush
    if guest is not None and view.appliance != guest.appliance:
        return Refusal.NO_SUCH_OUTLET  # another appliance hangs on it by now
    if flush is None:
        refusal = _not_for_sale(request, view, batch)
        if refusal is not None:
            return refusal
    if view.faults:
        return Refusal.FAULT
    if view.busy or any(one.outlet == request.outlet for one in batch.occupying(request.terminal)):
        return Refusal.BUSY
    if not terminal.online or terminal.link_began_at is None:
        return Refusal.OFFLINE
    # Last: nobody is to hand in a card for an appliance that cannot be used anyway.
    if view.name_missing:
        return Refusal.REAL_NAME
    return None


def _not_for_sale(request: StartRequest, view: StartView, batch: Batch) -> Refusal | None:
    """What keeps customers and guests from it, and no technician: it may be shut for the very reason of a flush."""
    guest = request.guest
    if guest is None and not view.customer_found:
        return Refusal.NO_SUCH_CUSTOMER
    if view.closed:
        return Refusal.CLOSED
    # What was paid for was sold while it was open: it is begun, as what runs is not cut.
    if guest is None and shut_until(view.hours, view.site_hours, view.timezone, batch.now) is not None:
        return Refusal.OUT_OF_HOURS
    return Refusal.NO_TARIFF if guest is None and view.tariff is None else None


def afford(
    quote: tariffs.Quote, balance_minor: int, cap_minor: int | None, rest: Left
) -> tuple[int, Limits] | Refused:
    """What is held, and how long it lasts: within the balance, what its owner allows, and the operator's quotas."""
    if rest.again_at is not None:
        return Refused(reason=Refusal.QUOTA, again_at=rest.again_at)
    if cap_minor is not None:
        balance_minor = min(balance_minor, cap_minor)
    hold_minor = min(balance_minor, quote.hold_minor)
    too_little = Refused(
        reason=Refusal.NO_BALANCE, needed_minor=quote.minimum_start_minor, balance_minor=balance_minor
    )
    if rest.amount_minor is not None and rest.amount_minor < hold_minor:
        hold_minor = rest.amount_minor
        too_little = Refused(reason=Refusal.QUOTA, again_at=rest.amount_again_at)
    if hold_minor < quote.minimum_start_minor:
        return too_little
    try:
        return hold_minor, rest.lower(tariffs.limits(quote, hold_minor))
    except tariffs.HoldTooSmall:
        return too_little
