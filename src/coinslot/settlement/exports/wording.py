"""The words of a statement's file, and how texts and amounts are made safe for one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from coinslot.money import format_amount
from coinslot.settlement.statements import Line, Statement

_RUNS = "=+-@\t\r\n|%＝＋－＠"
"""What a spreadsheet takes for the beginning of a formula, full-width signs too: some turn them into the others."""


class Column(StrEnum):
    """What a file says of each line."""

    TIME = "time"
    KIND = "kind"
    APPLIANCE = "appliance"
    SITE = "site"
    SESSION = "session"
    AGREEMENT = "agreement"
    CHARGE = "charge"
    AMOUNT = "amount"
    BALANCE = "balance"
    ENTRY = "entry"


class Labels(Struct, frozen=True, kw_only=True):
    """The words of one language."""

    title: str
    party: str
    operator: str
    period: str
    currency: str
    opening: str
    closing: str
    moved: str
    carried: str
    """The balance that a page begins with."""
    page_sum: str
    page: str
    """With `%(page)s` and `%(pages)s`."""
    open_period: str
    """Said of a period that is not over."""
    none: str
    """Said where there is no line."""
    columns: Mapping[Column, str]
    kinds: Mapping[str, str]
    """By the entry's kind; one that is not named stands as it is."""

    def kind(self, kind: str) -> str:
        """What a line is, in words."""
        return self.kinds.get(kind, kind)


class Heading(Struct, frozen=True, kw_only=True):
    """Whose statement it is, of whom."""

    party: str
    operator: str


def inert(text: str | None) -> str:
    """A text that no spreadsheet runs: one that looks like a formula begins with an apostrophe."""
    if not text:
        return ""
    return f"'{text}" if text.lstrip(" \u3000")[:1] in _RUNS or text[0] in _RUNS else text


def period(made: Statement) -> str:
    """First and last day."""
    return f"{made.first} – {made.last}"


def amount(minor: int | None, currency: str) -> str:
    """Plain decimal digits; empty for None."""
    return "" if minor is None else format_amount(minor, currency)


def agreement_of(line: Line) -> str:
    """The agreement's id and version."""
    return line.agreement or ""
