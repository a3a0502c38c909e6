"""A session on paper: times, hold, registers, the bill with its working, sensors, reviews."""

from __future__ import annotations

from fractions import Fraction

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from coinslot.money import exponent, format_amount
from coinslot.sessions.model import Session
from coinslot.tariffs import LineKind
from coinslot.web import reading
from coinslot.web.views import Bill, BillLine, PriceTier, SessionView, view_of
from coinslot.wire.records import Summary

_WIDTH = 120  # columns when the output is a file or a pipe
_MORE_DECIMALS = 6  # a tariff's price may have that many
_TITLES = {
    LineKind.START_FEE: "start fee",
    LineKind.PACKAGE: "package",
    LineKind.UNUSED: "not used of it",
    LineKind.USE: "use",
    LineKind.FREE: "free allowance",
    LineKind.MINIMUM: "up to the minimum",
    LineKind.MAXIMUM: "down to the maximum",
    LineKind.ROUNDING: "rounding",
}


class SessionPaper(Struct, frozen=True, kw_only=True):
    """Everything there is to say about one session."""

    session: SessionView
    hold_principal_minor: int
    hold_bonus_minor: int
    sensors: dict[str, Summary]
    reviews: list[reading.ReviewNote]


async def paper_of(reader: reading.Reader, session: Session) -> SessionPaper:
    """The session with what belongs to it."""
    sensors = {} if session.sensors is None else _sensors.decode(session.sensors)
    return SessionPaper(
        session=view_of(session),
        hold_principal_minor=session.hold_principal_minor,
        hold_bonus_minor=session.hold_bonus_minor,
        sensors=sensors,
        reviews=await reading.list_reviews(reader, session.operator, session.id),
    )


def print_paper(paper: SessionPaper) -> None:
    """For people, on standard output."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDTH
    view = paper.session
    console.print(_facts(paper))
    console.print()
    console.print(f"tariff {view.quote.tariff_id}, version {view.quote.tariff_version}", style="italic")
    console.print(_prices(view))
    if view.bill is not None:
        console.print()
        console.print(_bill(view.bill, view.currency))
    if paper.sensors:
        console.print()
        console.print(_sensor_table(paper.sensors))
    for note in paper.reviews:
        closed = "" if note.closed_at is None else f", closed {note.closed_at:%F %T}"
        detail = f": {note.detail}" if note.detail else ""
        console.print(f"\nreview  {note.reason.replace('_', ' ')}{detail} ({note.opened_at:%F %T}{closed})")


_sensors = msgspec.json.Decoder(dict[str, Summary])


def _facts(paper: SessionPaper) -> Table:
    view = paper.session
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("session", view.id)
    table.add_row("state", view.state.value)
    table.add_row("customer", view.customer)
    table.add_row("where", f"appliance {view.appliance}, terminal {view.terminal}, outlet {view.outlet}")
    for name, moment in (
        ("authorized", view.created_at),
        ("started", view.started_at),
        ("stop asked", view.stop_asked_at),
        ("stopped", view.stopped_at),
        ("settled", view.settled_at),
    ):
        if moment is not None:
            table.add_row(name, f"{moment:%F %T} UTC")
    if view.duration_ms is not None:
        table.add_row("in use", f"{view.duration_ms // 1000} s")
    if view.stop_reason is not None:
        table.add_row("ended by", view.stop_reason.replace("_", " "))
    held = f"{format_amount(view.hold_minor, view.currency)} {view.currency}"
    if paper.hold_bonus_minor:
        held += f", {format_amount(paper.hold_bonus_minor, view.currency)} of it bonus"
    table.add_row("held", held)
    limits = view.limits
    table.add_row("limits", f"{limits.ml} ml, {limits.s} s, {limits.wh} Wh, {limits.count} times")
    return table


def _prices(view: SessionView) -> Table:
    quote, currency = view.quote, view.currency
    table = Table(box=None, pad_edge=False)
    for column in ("register", "price", "up to"):
        table.add_column(column)
    if quote.start_fee_minor:
        table.add_row("start fee", format_amount(quote.start_fee_minor, currency), "")
    for line in quote.lines:
        if line.free:
            table.add_row(line.register.value, "free", str(line.free))
        for tier in line.tiers:
            table.add_row(line.register.value, _price(tier, line.per, currency), str(tier.up_to or "any"))
    return table


def _price(tier: PriceTier, per: int, currency: str) -> str:
    """Such as `0.045 for 1000`: as the tariff says it."""
    return f"{_decimal(Fraction(tier.minor * per, tier.per), currency)} for {per}"


def _bill(bill: Bill, currency: str) -> Table:
    table = Table(box=None, pad_edge=False, title="bill", title_justify="left")
    table.add_column("")
    table.add_column("quantity", justify="right")
    table.add_column(currency, justify="right")
    for register, used in bill.usage.items():
        table.add_row(f"used {register.value}", str(used), "")
    for line in bill.lines:
        name = _TITLES[line.kind] + ("" if line.register is None else f" {line.register.value}")
        table.add_row(name, str(line.quantity) if line.quantity else "", _exact(line, currency))
    for name, minor in (
        ("charge", bill.charge_minor),
        ("paid", bill.captured_minor),
        ("returned", bill.released_minor),
    ):
        table.add_row(name, "", format_amount(minor, currency), style="bold")
    unbilled = bill.charge_minor - bill.captured_minor - bill.arrears_minor
    if bill.arrears_minor:
        table.add_row("owed", "", format_amount(bill.arrears_minor, currency))
    if unbilled:
        table.add_row("not billed: beyond the hold", "", format_amount(unbilled, currency))
    return table


def _exact(line: BillLine, currency: str) -> str:
    return _decimal(Fraction(line.amount.numerator, line.amount.denominator), currency)


def _decimal(minor: Fraction, currency: str) -> str:
    """Exact: major units with as few more decimals than the currency's as it takes, else a fraction of minor ones."""
    for more in range(_MORE_DECIMALS + 1):
        scaled = minor * 10**more
        if scaled.denominator == 1:
            places = exponent(currency) + more
            if not places:
                return str(scaled.numerator)
            sign, digits = "-" if scaled < 0 else "", str(abs(scaled.numerator)).rjust(places + 1, "0")
            return f"{sign}{digits[:-places]}.{digits[-places:]}"
    return f"{minor.numerator}/{minor.denominator} minor"


def _sensor_table(sensors: dict[str, Summary]) -> Table:
    table = Table(box=None, pad_edge=False, title="sensors", title_justify="left")
    table.add_column("sensor")
    for column in ("start", "end", "min", "max", "mean"):
        table.add_column(column, justify="right")
    for name, of in sensors.items():
        table.add_row(name, *(str(value) for value in (of.start, of.end, of.min, of.max, of.mean)))
    return table
