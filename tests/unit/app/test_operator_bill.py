"""A session on paper shows prices as the tariff says them, exactly."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from coinslot.app.operator_bill import SessionPaper, print_paper
from coinslot.tariffs import Context, encode_quote, make_quote
from coinslot.tariffs.model import Rate, Tariff
from coinslot.web.views import view_of
from coinslot.wire.registers import Register
from tests.unit.sessions.build import session

LIMITS = '{"ml": 1, "s": 1, "wh": 1, "count": 1, "idle_s": 150}'


def paper(currency: str, per: int, price: str) -> SessionPaper:
    tariff = Tariff(
        currency=currency,
        hold="5",
        minimum_start="1",
        rates=(Rate(register=Register.ML, per=per, price=price),),
    )
    context = Context(started_local=datetime(2026, 3, 1, 12))
    quote = make_quote(tariff, tariff_id="t", version=1, context=context)
    frozen = msgspec.structs.replace(
        session(), quote=encode_quote(quote).decode(), limits=LIMITS, currency=currency
    )
    view = view_of(frozen)
    return SessionPaper(session=view, hold_principal_minor=500, hold_bonus_minor=0, sensors={}, reviews=[])


@pytest.mark.parametrize(
    ("currency", "per", "price", "shown"),
    [
        ("CNY", 1000, "0.045", "0.045 for 1000"),
        ("CNY", 1000, "0.25", "0.25 for 1000"),
        ("CNY", 1000, "0.000001", "0.000001 for 1000"),
        ("CNY", 18_900, "7", "7.00 for 18900"),
        ("CNY", 30, "0.1", "0.10 for 30"),
        ("JPY", 1000, "12", "12 for 1000"),
        ("JPY", 7, "0.5", "0.5 for 7"),
    ],
)
def test_a_price_is_the_tariffs_own(
    currency: str, per: int, price: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_paper(paper(currency, per, price))
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ml "))
    assert " ".join(row.split()) == f"ml {shown} any"
