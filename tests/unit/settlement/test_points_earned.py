"""Points for what was captured: whole ones, by the currency's own major unit."""

from __future__ import annotations

import pytest

from coinslot.money import MoneyError
from coinslot.settlement.aftermath import points_earned


@pytest.mark.parametrize(
    ("captured_minor", "currency", "per_major", "points"),
    [
        (125, "CNY", 10, 12),  # 12.5
        (99, "CNY", 1, 0),
        (100, "CNY", 1, 1),
        (199, "CNY", 1, 1),
        (1, "CNY", 1000, 10),
        (350, "JPY", 2, 700),  # no minor digits
        (1_999, "KWD", 1, 1),  # three of them
        (0, "CNY", 10, 0),
        (500, "CNY", 0, 0),
        (2**63 - 1, "CNY", 1000, (2**63 - 1) * 10),
    ],
)
def test_points_are_rounded_down(captured_minor: int, currency: str, per_major: int, points: int) -> None:
    assert points_earned(captured_minor, currency, per_major) == points


def test_an_unknown_currency_earns_an_error() -> None:
    with pytest.raises(MoneyError):
        points_earned(1, "XXX", 1)
