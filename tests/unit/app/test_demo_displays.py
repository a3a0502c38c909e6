"""The wall's displays in the reader's language: what the agent would have said itself, in rows that its glass holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coinslot.app.demo_displays import row_in
from coinslot.people.notices import Language
from coinslot.terminal import phrases
from coinslot.terminal.display import InUse, Texts
from coinslot.terminal.layouts import LAYOUTS, Layout, Said, columns, laid
from coinslot.terminal.settings import DisplaySize
from coinslot.terminal.settings import Language as Spoken
from coinslot.wire.messages import Note, Show
from coinslot.wire.registers import Register

USE = InUse(
    usage={Register.ML: 12_340, Register.S: 83}, seconds=83, amount_minor=56, left_minor=444, can_pause=True
)
CODES = ("1234", "12345678", "123456789", "123456789012", "1234567890123456")
SAME = {Note.TRY_AGAIN}
"""What English says in the same words as something else."""


def said(texts: Texts, layout: Layout) -> Iterator[Said]:
    """A bathroom's displays from the first look to the bill, with all that can go wrong."""
    yield from (texts.idle(up=up, codes=codes) for up in (True, False) for codes in (True, False))
    for code in CODES:
        yield texts.code(code)
        yield texts.checking()
    yield from (texts.begun(15_00, 5_00, "CNY"), texts.in_use(USE, layout), texts.paused(299, USE))
    yield from (texts.stops_in(9, USE), texts.bill(56, 19_44, "CNY"), texts.locked(60))
    for note in set(Note) - SAME:
        for name in ((), ("淋浴间 3 · Stall 3",)):
            yield texts.refused(Show(link=1, outlet=0, note=note, lines=name, amount_minor=100), layout)
    yield from (texts.ended(reason, USE.usage, 56) for reason in phrases.REASONS)
    yield from (texts.fault(code) for code in phrases.FAULTS)


@pytest.mark.parametrize("size", DisplaySize)
def test_each_language_is_what_the_agent_says_in_it_and_no_wider_than_the_glass(size: DisplaySize) -> None:
    layout = LAYOUTS[size]
    both = zip(said(Texts(Spoken.EN), layout), said(Texts(Spoken.ZH), layout), strict=True)
    for english, chinese in ((laid(one, layout), laid(other, layout)) for one, other in both):
        wanted: list[tuple[Language, tuple[str, ...], tuple[str, ...]]] = [
            ("zh", english, chinese),
            ("en", chinese, english),
            ("en", english, english),
            ("zh", chinese, chinese),
        ]
        for language, rows, right in wanted:
            shown = tuple(row_in(row, language, layout.columns) for row in rows)
            assert shown == right
            assert max(columns(row) for row in shown) <= layout.columns


def test_names_and_figures_stay_as_they_are() -> None:
    assert row_in("此码属于 淋浴间 码头", "en", 32) == "Code is for 淋浴间 码头"
    assert row_in("12.34 L  ¥0.56", "zh", 16) == "12.34 L  ¥0.56"
    assert row_in("", "zh", 16) == ""
