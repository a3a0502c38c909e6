"""Two lines for every state, in both languages, within what a small display holds."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from coinslot.terminal.display import Texts, money, quantity
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.phrases import in_chinese
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.settings import Language, OutletSettings
from coinslot.wire.messages import Bill, PackageOffered, Show
from coinslot.wire.registers import Register
from tests.unit.terminal.rig import SHOWER, Rig
from tests.unit.terminal.saying import WIDE, everything


def test_a_picture_of_a_display_speaks_chinese_as_the_display_itself_would() -> None:
    english, chinese = everything(Language.EN, WIDE), everything(Language.ZH, WIDE)
    assert list(english) == list(chinese)
    for name, said in english.items():
        if name.startswith(("selling", "buying")):
            continue  # titles are the operator's
        assert [in_chinese(forms[0]) for forms in said] == [forms[0] for forms in chinese[name]], name
    for name in ("ready", "offline", "stopping", "closed", "pay"):
        assert in_chinese(Texts(Language.EN).word(name)) == Texts(Language.ZH).word(name)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(5, "CNY", "¥0.05"), (-1_234, "CNY", "-¥12.34"), (700, "JPY", "¥700"), (100, "CHF", "CHF 1.00")],
)
def test_money_is_written_without_a_float(minor: int, currency: str, text: str) -> None:
    assert money(minor, currency) == text


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        ({Register.ML: 12_345, Register.S: 9}, "12.34 L"),
        ({Register.WH: 1_050}, "1.05 kWh"),
        ({Register.COUNT: 3}, "x 3"),
        ({Register.S: 605}, "10:05"),
    ],
)
def test_quantities_are_written_in_the_units_people_read(usage: dict[Register, int], text: str) -> None:
    assert quantity(usage) == text


def test_the_display_follows_the_terminal_through_a_session() -> None:
    rig = Rig(replace(SHOWER, outlets=(OutletSettings(outlet=0, name="A"),))).boot()
    seen = [rig.shown[0]]
    rig.link_up()
    rig.meter(0)
    seen.append(rig.shown[0])
    rig.feed(KeyPressed(0, "1"))
    seen.append(rig.shown[0])
    rig.feed(KeyPressed(0, "*"))
    rig.start()
    rig.flow(5)
    seen.append(rig.shown[0])
    rig.feed(StopKey(0))
    seen.append(rig.shown[0])
    bill = Bill(session="ses", currency="CNY", charge_minor=150, balance_minor=850)
    rig.say(Show(link=rig.link, outlet=0, bill=bill))
    seen.append(rig.shown[0])
    rig.tick(20_000)
    seen.append(rig.shown[0])
    assert seen == [
        ("A Offline, please wait", ""),
        ("A Scan or enter code", ""),
        ("A Code 1", "# confirm, * one back"),
        ("A 0.50 L", "Stop key ends"),
        ("A Stopped", "0.50 L"),
        ("A Charged ¥1.50", "Balance ¥8.50"),
        ("A Scan or enter code", ""),
    ]


def test_a_refused_start_says_why_for_a_while() -> None:
    rig = Rig().ready()
    rig.start(expires_in_ms=0)
    assert rig.shown[0] == ("Too late, try again", "")
    rig.tick(9_000)
    assert rig.shown[0] == ("Scan or enter code", "")


def test_a_qr_code_is_handed_to_the_display() -> None:
    rig = Rig().ready()
    rig.say(Show(link=rig.link, outlet=0, qr="https://pay.example/1", lines=["2 h", "¥5.00"]))
    assert rig.shown[0] == ("2 h", "¥5.00")


@pytest.mark.parametrize(
    ("title", "chinese", "english"),
    [
        ("30 分钟 · 30 min", "30 分钟", "30 min"),
        ("Night", "Night", "Night"),
        ("A · B · C", "A · B · C", "A · B · C"),
    ],
)
def test_a_package_has_its_title_in_the_display_s_language(title: str, chinese: str, english: str) -> None:
    package = PackageOffered(package="p", title=title, price_minor=1)
    assert Texts(Language.ZH).title(package) == chinese
    assert Texts(Language.EN).title(package) == english


@pytest.mark.parametrize("quote", [b"null", b"{}", b"[1]", b'"x"', b'{"version":99}'])
def test_a_quote_that_cannot_be_read_costs_the_display_its_amount_only(quote: bytes) -> None:
    assert QuoteRater().amount_minor(quote, {Register.ML: 1_000}) is None
