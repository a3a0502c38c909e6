"""The demo's picture fits every terminal from 80 by 24 on, says states in words, and stands alone as SVG."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from coinslot.app.demo_lines import Lines
from coinslot.app.demo_picture import Place, picture, svg
from coinslot.app.demo_view import BILLS, Bill, Books, Condition, Row, View

PLACE = Place(
    http_url="http://127.0.0.1:45273",
    mqtt="127.0.0.1:41587",
    folder="/var/lib/coinslot/demo",
    log="/var/lib/coinslot/demo/demo.log",
    tries=(
        ".venv/bin/coinslot operator session list --limit 5",
        ".venv/bin/coinslot ledger verify",
        "curl -H @/var/lib/coinslot/demo/key http://127.0.0.1:45273/api/v1/sessions",
    ),
)


def a_view(**changes: object) -> View:
    rows = tuple(
        Row(
            appliance=f"Dispenser {number}",
            outlet="Boiling",
            code="7KQ2M4XR",
            condition=condition,
            customer="L** x9z",
            ml=111_220,
            cost_minor=5_00,
            running_s=3_599,
        )
        for number, condition in enumerate(Condition)
    )
    bills = tuple(
        Bill(
            session="ses_576f9cmm9mrez70j8e2cyrzz"[:-2] + f"{number:02d}",
            ended_at=datetime(2026, 11, 22, 4, 15, number, tzinfo=UTC),
            appliance="Dispenser 2",
            outlet="Boiling",
            customer="L** x9z",
            ml=111_220,
            charge_minor=5_00,
            hold_minor=5_00,
            captured_minor=5_00,
            how="power loss",
        )
        for number in range(BILLS)
    )
    values: dict[str, object] = {
        "currency": "CNY",
        "uptime_s": 12,
        "rows": rows,
        "bills": bills,
        "settled": 1_234,
        "earlier": 567,
        "wallets_minor": 1_234_56,
        "held_minor": 40_00,
        "revenue_minor": 987_65,
        "books": Books(sound=True, entries=12_345, sealed_to=999, checked_s=0.0),
        "books_age_s": 4,
        "received": 12_345,
        "sent": 2_345,
        "refused": 99,
        "topped_up": 99,
        "faults": tuple(f"Shower {number}: link cut, 12 s left" for number in range(6)),
    }
    return View(**{**values, **changes})  # type: ignore[arg-type]


def drawn(view: View, width: int, height: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(picture(view, PLACE, width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36), (220, 60)])
def test_it_fits_and_names_what_must_be_seen(size: tuple[int, int]) -> None:
    lines = drawn(a_view(), *size)
    assert len(lines) <= size[1]
    text = "\n".join(lines)
    for condition in Condition:
        assert condition.value in text
    for words in ("sound", "12345 entries", "sealed to #999", "Shower 0: link cut", *PLACE.tries):
        assert words in text
    assert "5.00 → 5.00 + 0.00" in text
    assert "Dispenser 2 boiling" in text
    assert "power loss" in text


def test_books_that_do_not_fit_are_said_in_words() -> None:
    books = Books(sound=False, entries=3, sealed_to=1, checked_s=0.0)
    assert "NOT SOUND" in "\n".join(drawn(a_view(books=books), 80, 24))


def test_the_svg_names_no_host_but_its_name_space_and_what_it_shows() -> None:
    text = svg(a_view(), PLACE, 120, 36)
    assert set(re.findall(r"https?://([^/:\"<&]+)", text)) == {"www.w3.org", "127.0.0.1"}
    assert "@font-face" not in text
    assert "<!--" not in text


def test_plain_lines_say_each_thing_once() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    lines.show(a_view(bills=()))
    said.clear()
    lines.show(a_view())
    assert len([line for line in said if line.startswith("bill ")]) == BILLS
    assert any("(hold 5.00, back 0.00), power loss" in line for line in said)
    said.clear()
    lines.show(a_view(faults=()))
    assert all(line.startswith(("mended ", "status ")) for line in said)
    said.clear()
    lines.show(a_view(faults=()))
    assert said == []
