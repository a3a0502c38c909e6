"""A statement as PDF: pages that can be printed, each with its sum, what it carries over and its number.

Set in a subset of Noto Sans CJK SC that has Latin letters and GB 2312. A thousand lines take a second; call it in a thread.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from coinslot.money import exponent, format_amount
from coinslot.settlement.exports.wording import Column, Heading, Labels, period
from coinslot.settlement.statements import Line, Statement

FONT: Final = Path(__file__).parent / "NotoSansCJKsc-GB2312.otf"
INSTEAD: Final = "〓"
"""For a sign that the font lacks: what Chinese printers have always put there."""
_FAMILY: Final = "statement"
_LINE_MM: Final = 6.0
_SMALL, _TEXT, _TITLE = 7.0, 8.5, 15.0
_BOTTOM_MM: Final = 18.0
_COLUMNS: Final = (
    (Column.TIME, 31.0, "L"),
    (Column.KIND, 27.0, "L"),
    (Column.APPLIANCE, 40.0, "L"),
    (Column.SITE, 43.0, "L"),
    (Column.SESSION, 46.0, "L"),
    (Column.CHARGE, 28.0, "R"),
    (Column.AMOUNT, 28.0, "R"),
    (Column.BALANCE, 34.0, "R"),
)
_BEFORE_SUM: Final = sum(
    width for column, width, _ in _COLUMNS if column not in (Column.AMOUNT, Column.BALANCE)
)


@lru_cache(maxsize=1)
def _known() -> frozenset[int]:
    return frozenset(TTFont(FONT, lazy=True).getBestCmap())


def shown(text: str) -> str:
    """`text` in the signs that the font has, on one line."""
    known = _known()
    return "".join(sign if ord(sign) in known else INSTEAD for sign in " ".join(text.split()))


class _Pages(FPDF):
    """The pages of one statement."""

    def __init__(self, made: Statement, heading: Heading, labels: Labels) -> None:
        super().__init__(orientation="landscape", format="A4")
        self.made, self.heading, self.labels = made, heading, labels
        self.add_font(_FAMILY, fname=FONT)
        self.set_margins(10, 10)
        self.set_auto_page_break(False)
        self.set_creation_date(datetime.combine(made.last, time(), UTC))
        self.set_title(shown(f"{labels.title} {heading.party} {period(made)}"))
        self.set_lang("")

    def footer(self) -> None:
        """Whose it is, and which page of how many."""
        self.set_y(-12)
        self.set_font(_FAMILY, size=_SMALL)
        self.set_text_color(90)
        named = f"{self.labels.title} · {self.heading.party} · {period(self.made)}"
        self.cell(200, 5, self.fitted(named, 200))
        number = self.labels.page % {"page": self.page_no(), "pages": "{nb}"}
        self.cell(0, 5, shown(number), align="R")
        self.set_text_color(0)

    def fitted(self, text: str, width_mm: float) -> str:
        """`text`, cut where it does not fit."""
        text, room = shown(text), width_mm - 2
        if self.get_string_width(text) <= room:
            return text
        while text and self.get_string_width(text + "…") > room:
            text = text[:-1]
        return text + "…"

    def head(self) -> None:
        """What the first page begins with."""
        made, labels = self.made, self.labels
        self.set_font(_FAMILY, size=_TITLE)
        self.cell(
            0,
            9,
            self.fitted(f"{labels.title} · {self.heading.party}", 277),
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        self.set_font(_FAMILY, size=_TEXT)
        facts = (
            (labels.operator, self.heading.operator),
            (labels.period, period(made)),
            (labels.currency, made.currency),
            (labels.opening, _figure(made.opening_minor, made.currency)),
            *(
                (labels.kind(one.kind), f"{_figure(one.amount_minor, made.currency)} ({one.lines})")
                for one in made.sums
            ),
            (labels.closing, _figure(made.closing_minor, made.currency)),
        )
        for name, value in facts:
            self.cell(45, 5, self.fitted(name, 45))
            self.cell(0, 5, self.fitted(value, 220), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if not made.complete:
            self.cell(0, 5, shown(labels.open_period), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(3)

    def columns(self, carried_minor: int) -> None:
        """The table's head, and the balance that it goes on from."""
        self.set_font(_FAMILY, size=_SMALL)
        self.set_fill_color(232, 240, 238)
        for column, width, align in _COLUMNS:
            self.cell(
                width, _LINE_MM, self.fitted(self.labels.columns[column], width), align=align, fill=True
            )
        self.ln(_LINE_MM)
        self.set_font(_FAMILY, size=_TEXT)
        self.total(self.labels.carried, None, carried_minor)

    def total(self, name: str, sum_minor: int | None, balance_minor: int) -> None:
        """A row for a sum and a balance."""
        currency = self.made.currency
        self.cell(_BEFORE_SUM, _LINE_MM, self.fitted(name, _BEFORE_SUM))
        self.cell(28, _LINE_MM, "" if sum_minor is None else _figure(sum_minor, currency), align="R")
        self.cell(34, _LINE_MM, _figure(balance_minor, currency), align="R")
        self.ln(_LINE_MM)

    def movement(self, line: Line) -> None:
        """One movement."""
        currency = self.made.currency
        texts = {
            Column.TIME: f"{line.posted_at:%Y-%m-%d %H:%M:%S}",
            Column.KIND: self.labels.kind(line.kind),
            Column.APPLIANCE: line.appliance or "",
            Column.SITE: line.site or "",
            Column.SESSION: line.session or "",
            Column.CHARGE: "" if line.charge_minor is None else _figure(line.charge_minor, currency),
            Column.AMOUNT: _figure(line.amount_minor, currency),
            Column.BALANCE: _figure(line.balance_minor, currency),
        }
        for column, width, align in _COLUMNS:
            self.set_font_size(_SMALL if column is Column.SESSION else _TEXT)
            self.cell(width, _LINE_MM, self.fitted(texts[column], width), border="T", align=align)
        self.ln(_LINE_MM)

    @property
    def is_full(self) -> bool:
        """Whether no room is left but for the page's sum."""
        return self.get_y() + 2 * _LINE_MM > self.h - _BOTTOM_MM


def pdf_bytes(made: Statement, heading: Heading, labels: Labels) -> bytes:
    """The whole file."""
    pages = _Pages(made, heading, labels)
    pages.set_draw_color(200)
    pages.add_page()
    pages.head()
    balance_minor, page_minor = made.carried_minor, 0
    pages.columns(balance_minor)
    for line in made.lines:
        if pages.is_full:
            pages.total(labels.page_sum, page_minor, balance_minor)
            pages.add_page()
            pages.columns(balance_minor)
            page_minor = 0
        pages.movement(line)
        balance_minor, page_minor = line.balance_minor, page_minor + line.amount_minor
    if not made.lines:
        pages.cell(0, _LINE_MM, shown(labels.none), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.total(labels.page_sum, page_minor, balance_minor)
    pages.total(labels.closing, made.moved_minor, made.closing_minor)
    return bytes(pages.output())


def _figure(minor: int, currency: str) -> str:
    """Grouped by thousands, with a true minus sign."""
    text = format_amount(abs(minor), currency)
    places = exponent(currency)
    whole, point, part = text.partition(".") if places else (text, "", "")
    return f"{'−' if minor < 0 else ''}{int(whole):,}{point}{part}"
