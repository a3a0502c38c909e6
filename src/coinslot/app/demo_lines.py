"""The demo for a log or a pipe: one plain line for each thing that happens."""

from __future__ import annotations

from collections.abc import Callable

from coinslot.app.demo_view import Bill, Row, View
from coinslot.money import format_amount

_STATUS_EVERY_S = 10


class Lines:
    """Compares each view with the one before and says what is new."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rows: dict[tuple[str, str], Row] = {}
        self._bills: set[str] | None = None
        self._faults: set[str] = set()
        self._status_s = 0

    def show(self, view: View) -> None:
        """Say what has changed since the last call."""
        for row in view.rows:
            before = self._rows.get((row.appliance, row.outlet))
            if row.customer and (before is None or before.customer != row.customer):
                self._say(f"start   {row.appliance}, {row.outlet}: {row.customer}")
            self._rows[row.appliance, row.outlet] = row
        known = self._bills
        for bill in reversed(view.bills):
            if known is not None and bill.session not in known:
                self._say(bill_line(bill, view.currency))
        self._bills = (known or set()) | {bill.session for bill in view.bills}
        faults = {line.split(", ")[0] for line in view.faults}
        for line in sorted(faults - self._faults):
            self._say(f"fault   {line}")
        for line in sorted(self._faults - faults):
            self._say(f"mended  {line}")
        self._faults = faults
        if view.uptime_s - self._status_s >= _STATUS_EVERY_S:
            self._status_s = view.uptime_s
            self._say(status_line(view))


def bill_line(bill: Bill, currency: str) -> str:
    """Such as `bill    Shower 2, Shower: L** x9z 9.12 L 0.41 (hold 5.00, back 4.59), by key`."""
    charge = "nothing" if bill.charge_minor is None else format_amount(bill.charge_minor, currency)
    litres = "" if bill.ml is None else f" {bill.ml / 1000:.2f} L"
    return (
        f"bill    {bill.appliance}, {bill.outlet}: {bill.customer}{litres} {charge} {currency} "
        f"(hold {format_amount(bill.hold_minor, currency)}, "
        f"back {format_amount(bill.released_minor, currency)}), {bill.how}"
    )


def status_line(view: View) -> str:
    """Where everything stands."""
    return (
        f"status  up {view.uptime_s} s, {view.settled} settled (+{view.earlier} earlier), "
        f"messages in {view.received}, out {view.sent}; wallets {format_amount(view.wallets_minor, view.currency)}, "
        f"held {format_amount(view.held_minor, view.currency)}, "
        f"revenue {format_amount(view.revenue_minor, view.currency)} {view.currency}; {books_words(view)}"
    )


def books_words(view: View) -> str:
    """Such as `books: sound, 120 entries, sealed to #14`."""
    if view.books is None:
        return "books: not checked yet"
    word = "sound" if view.books.sound else "NOT SOUND"
    return f"books: {word}, {view.books.entries} entries, sealed to #{view.books.sealed_to}"
