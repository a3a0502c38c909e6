"""Whatever is said fits: every text, both languages, every display, the worst figures."""

from __future__ import annotations

import re

import pytest

from coinslot.terminal import phrases
from coinslot.terminal.display import Texts, groups
from coinslot.terminal.layouts import LAYOUTS, Layout, best, columns, from_elsewhere, laid, pages
from coinslot.terminal.settings import DisplaySize, Language
from coinslot.wire.messages import Note, Show
from tests.unit.terminal import pictures
from tests.unit.terminal.saying import LONG, everything

SMALL, TALL, WIDE = (LAYOUTS[size] for size in (DisplaySize.SMALL, DisplaySize.TALL, DisplaySize.WIDE))
CUT = ("selling", "buying", "from elsewhere")
"""What holds texts of somebody else's: these are cut, and nothing else."""
NARROWEST = 16


def spread(text: str) -> int:
    """Columns, laid out by hand: what is Chinese or full width takes a cell of two, from an even column on."""
    cells = ""
    for sign in text:
        wide = re.match(r"[\u2e80-\uffef]", sign) is not None
        cells += (" " if wide and len(cells) % 2 else "") + ("[]" if wide else ".")
    return len(cells)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("size", DisplaySize)
def test_everything_that_can_be_said_fits_and_says_something(size: DisplaySize, language: Language) -> None:
    layout = LAYOUTS[size]
    for name, said in everything(language, layout).items():
        for outlet in ("", "A", "Boiling", "十六个字的名称是这么这么长的名称"):
            rows = laid(said, layout, outlet)
            assert len(rows) == layout.rows, name
            assert rows[0].strip(), name
            assert max(spread(row) for row in rows) <= layout.columns, (name, rows)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("size", DisplaySize)
def test_nothing_of_our_own_is_cut_and_the_two_most_important_things_are_on_every_display(
    size: DisplaySize, language: Language
) -> None:
    layout = LAYOUTS[size]
    for name, said in everything(language, layout).items():
        if name.startswith(CUT) or any(LONG[:4] in form for forms in said for form in forms):
            continue
        rows = laid(said, layout)
        for forms, row in zip(said, rows, strict=False):
            assert row in forms, (name, rows)


def test_every_phrase_has_a_form_for_the_narrowest_display_and_its_forms_shrink() -> None:
    for phrase in phrases.every():
        assert len(phrase.zh) == len(phrase.en) <= phrases.MOST_FORMS
        for forms in (phrase.zh, phrase.en):
            widths = [spread(form.replace("{}", "1440")) for form in forms]
            assert all(form.strip() for form in forms)
            assert widths == sorted(widths, reverse=True)
            assert widths[-1] <= NARROWEST, forms
            assert columns(forms[0]) == spread(forms[0])
        assert "".join(phrase.en).isascii()
        assert "".join(phrase.zh).encode("gb2312")


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        ("1", "1"),
        ("12345678", "1234 5678"),
        ("123456789", "123 456 789"),
        ("1234567890", "1234 5678 90"),
        ("123456789012", "1234 5678 9012"),
    ],
)
def test_digits_are_grouped_as_on_the_phone(digits: str, text: str) -> None:
    assert groups(digits) == text


@pytest.mark.parametrize(
    ("note", "more", "rows"),
    [
        (Note.WRONG_CODE, {}, ("Wrong code", "Check it, type again")),
        (Note.CODE_EXPIRED, {}, ("Code expired", "Get a new one")),
        (Note.OTHER_OUTLET, {"lines": ["Shower 3"]}, ("For another unit", "Code is for Shower 3")),
        (Note.OTHER_OUTLET, {}, ("For another unit", "Use it at its own place")),
        (
            Note.NO_BALANCE,
            {"amount_minor": 500, "currency": "CNY"},
            ("Balance too low", "A start takes ¥5.00"),
        ),
        (Note.ARREARS, {"amount_minor": 310}, ("Pay arrears first", "Owed ¥3.10")),
        (Note.OUT_OF_HOURS, {"lines": ["06:00-23:00"]}, ("Closed now", "06:00-23:00")),
        (Note.NOT_ALLOWED, {}, ("Not allowed now", "See your phone")),
        (Note.LOCKED, {"life_s": 1_741}, ("Keypad locked 30 min", "A 12-digit code works")),
        (Note.BUSY, {}, ("In use", "")),
    ],
)
def test_each_refusal_has_its_own_words_and_says_what_helps(
    note: Note, more: dict[str, object], rows: tuple[str, str]
) -> None:
    show = Show(link=1, outlet=0, note=note, **more)  # type: ignore[arg-type]
    assert laid(Texts(Language.EN).refused(show, WIDE), WIDE) == rows


def test_no_two_refusals_read_the_same() -> None:
    for language in Language:
        for layout in (SMALL, TALL, WIDE):
            said = [best(phrases.NOTES[note].spoken(language), layout.columns) for note in Note]
            assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("lines", "layout", "rows"),
    [
        (["A", "B", "C"], SMALL, ("A", "B")),
        (["Pay at the desk please"], SMALL, ("Pay at the desk", "please")),
        (["Pay at the desk please", "B"], SMALL, ("Pay at the desk ", "B")),
        (["x" * 40], SMALL, ("x" * 16, "x" * 16)),
        ([LONG], TALL, ("淋浴间三楼东侧男宾部", "第十二号位 Shower 12", "", "")),
        (["", "B"], WIDE, ("B", "")),
        ([], WIDE, ("", "")),
    ],
)
def test_lines_from_elsewhere_are_broken_where_there_is_room_and_cut_where_not(
    lines: list[str], layout: Layout, rows: tuple[str, ...]
) -> None:
    assert laid(from_elsewhere(lines, layout), layout) == rows


def test_a_name_stands_before_the_text_only_where_both_fit() -> None:
    said = (("Scan or enter code", "Scan / type code"),)
    assert laid(said, WIDE, "Cold")[0] == "Cold Scan or enter code"
    assert laid(said, TALL, "A")[0] == "A Scan or enter code"
    assert laid(said, TALL, "Tap")[0] == "Tap Scan / type code"
    assert laid(said, SMALL, "Tap")[0] == "Scan / type code"


def test_many_choices_turn_pages_and_each_is_seen() -> None:
    entries = [f"{key} choice" for key in range(1, 9)]
    for layout in (SMALL, TALL, WIDE):
        seen = [row for page in pages(entries, layout) for (row,) in page]
        assert [part for row in seen for part in row.split("  ")] == entries
        assert all(len(page) < layout.rows for page in pages(entries, layout))


def test_the_documentation_shows_what_displays_show() -> None:
    assert pictures.page()[1] == pictures.drawn(), "run python -m tests.unit.terminal.pictures"
