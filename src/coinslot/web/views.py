"""A session as others see it: the promise, what is held, and once it has ended, the bill with its working."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from coinslot import tariffs
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.wire.ids import ApplianceId, CustomerId, SessionId, TerminalId
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register


class PriceTier(Struct, frozen=True):
    """`minor` minor units for every `per` register units, up to and including unit `up_to` (none: no end)."""

    up_to: int | None
    minor: int
    per: int


class PriceLine(Struct, frozen=True, kw_only=True):
    """What one register costs in this session; the first `free` units cost nothing."""

    register: Register
    per: int
    """The tariff names its prices for this many units; a tier's own `per` differs where that is no whole price."""
    free: int
    whole_blocks_of: int | None
    """Started blocks of this many units count whole; none where use is priced exactly."""
    tiers: list[PriceTier]


class QuoteView(Struct, frozen=True, kw_only=True):
    """The tariff's promise, frozen at the start; minor units."""

    tariff_id: str
    tariff_version: int
    start_fee_minor: int
    minimum_minor: int
    maximum_minor: int | None
    lines: list[PriceLine]


class ExactAmount(Struct, frozen=True):
    """`numerator / denominator` minor units: rounding is a line of its own, so nothing is hidden in one."""

    numerator: int
    denominator: int


class BillLine(Struct, frozen=True, kw_only=True):
    """One step of the working."""

    kind: tariffs.LineKind
    register: Register | None
    quantity: int
    amount: ExactAmount


class Bill(Struct, frozen=True, kw_only=True):
    """How an ended session's charge came about. The lines add up to `charge_minor`."""

    charge_minor: int
    captured_minor: int
    released_minor: int
    arrears_minor: int
    usage: dict[Register, int]
    lines: list[BillLine]


class SessionView(Struct, frozen=True, kw_only=True):
    """One use of an appliance. Times are UTC; money is minor units of `currency`."""

    id: Annotated[SessionId, Meta(examples=["ses_1ht5ah1x0c9qj9m6t2r4v8wz"])]
    state: Annotated[State, Meta(examples=["running"])]
    customer: Annotated[CustomerId | None, Meta(examples=["cus_1ht59z3k7b2n5p8q1s4v6x9z"])]
    """Null where a guest paid for this one use on the appliance."""
    appliance: Annotated[ApplianceId, Meta(examples=["app_1ht59x2j6a1m4n7p9r3t5w8y"])]
    terminal: Annotated[TerminalId, Meta(examples=["trm_1ht59w1h5z9k3m6n8q2s4v7x"])]
    outlet: Annotated[int, Meta(examples=[0])]
    currency: Annotated[str, Meta(examples=["CNY"])]
    hold_minor: Annotated[int, Meta(examples=[500])]
    limits: Limits
    """Where the terminal ends the session by itself."""
    quote: QuoteView
    bill: Bill | None
    created_at: datetime
    started_at: datetime | None
    stop_asked_at: datetime | None
    stopped_at: datetime | None
    settled_at: datetime | None
    stop_reason: str | None
    duration_ms: int | None
    payment: str | None = None
    """The guest's payment; null where a customer's wallet pays."""


def view_of(session: Session) -> SessionView:
    """The session as its own operator may see it."""
    quote = _quote(session.quote)
    return SessionView(
        id=session.id,
        state=session.state,
        customer=session.customer,
        payment=session.intent,
        appliance=session.appliance,
        terminal=session.terminal,
        outlet=session.outlet,
        currency=session.currency,
        hold_minor=session.hold_minor,
        limits=_limits.decode(session.limits),
        quote=quote_view(quote),
        bill=bill_of(session),
        created_at=session.created_at,
        started_at=session.started_at,
        stop_asked_at=session.stop_asked_at,
        stopped_at=session.stopped_at,
        settled_at=session.settled_at,
        stop_reason=session.stop_reason,
        duration_ms=session.duration_ms,
    )


def quote_view(quote: tariffs.Quote) -> QuoteView:
    """A quote with its prices as whole numbers."""
    return QuoteView(
        tariff_id=quote.tariff_id,
        tariff_version=quote.version,
        start_fee_minor=quote.start_fee_minor,
        minimum_minor=quote.minimum_minor,
        maximum_minor=quote.maximum_minor,
        lines=[_price_line(rate) for rate in quote.rates],
    )


def bill_of(session: Session) -> Bill | None:
    """The bill of a session that has ended, worked out again from what it kept; None before."""
    if session.settled_at is None:
        return None
    usage = {} if session.registers is None else _usage.decode(session.registers)
    charge = tariffs.rate(_quote(session.quote), usage, cut_short=session.cut_short)
    return Bill(
        charge_minor=session.charge_minor or 0,
        captured_minor=session.captured_minor or 0,
        released_minor=session.released_minor or 0,
        arrears_minor=session.arrears_minor,
        usage=usage,
        lines=[
            BillLine(
                kind=line.kind,
                register=line.register,
                quantity=line.quantity,
                amount=ExactAmount(line.numerator, line.denominator),
            )
            for line in charge.lines
        ],
    )


_limits = msgspec.json.Decoder(Limits)
_usage = msgspec.json.Decoder(dict[Register, int])


@lru_cache(maxsize=256)
def _quote(text: str) -> tariffs.Quote:
    # Sessions of one tariff and moment share their quote, and a start shows it at once.
    return tariffs.decode_quote(text.encode())


def _price_line(rate: tariffs.QuoteRate) -> PriceLine:
    return PriceLine(
        register=rate.register,
        per=rate.per,
        free=rate.free,
        whole_blocks_of=rate.per if rate.counting is tariffs.Counting.STARTED else None,
        tiers=[_tier(tier, rate.per) for tier in rate.tiers],
    )


def _tier(tier: tariffs.QuoteTier, per: int) -> PriceTier:
    # The tariff's own block is what people know; where a price is no whole number for it, the exact fraction.
    whole, rest = divmod(tier.numerator * per, tier.denominator)
    return (
        PriceTier(tier.up_to, tier.numerator, tier.denominator) if rest else PriceTier(tier.up_to, whole, per)
    )
