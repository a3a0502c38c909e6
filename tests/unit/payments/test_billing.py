"""A provider's bill held against the books, without either."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot.payments.billing import (
    Ours,
    What,
    bill_pause,
    compare,
    days_due,
    period,
    ref_of,
    totals,
    unheard,
)
from coinslot.payments.port import BillLine, BillLineKind

PAYMENT, REFUND, OTHER = BillLineKind.PAYMENT, BillLineKind.REFUND, BillLineKind.OTHER
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
PAID = BillLine(
    kind=PAYMENT,
    number="p1",
    provider_id="tx1",
    amount_minor=500,
    fee_minor=3,
    currency="CNY",
    at=NOON,
    raw="x",
)
BACK = replace(PAID, kind=REFUND, number="r1", provider_id="rf1", amount_minor=200, fee_minor=-1)
OUR_PAID = Ours(
    kind=PAYMENT,
    ref="tx1",
    number="p1",
    currency="CNY",
    amount_minor=500,
    posted_minor=500,
    is_done=True,
    is_due=False,
)
OUR_BACK = replace(OUR_PAID, kind=REFUND, ref="r1", number="r1", amount_minor=200, posted_minor=200)


def found(lines: list[BillLine], ours: list[Ours]) -> list[tuple[str, str, str]]:
    return [(each.what.value, each.theirs, each.ours) for each in compare(lines, ours)]


def test_what_agrees_agrees() -> None:
    assert found([PAID, BACK], [OUR_PAID, OUR_BACK]) == []
    (total,) = totals([PAID, BACK], [OUR_PAID, OUR_BACK])
    assert (total.payments, total.refunds, total.fees_minor, total.net_minor) == (1, 1, 2, 298)
    assert (total.paid_minor, total.refunded_minor) == (total.our_paid_minor, total.our_refunded_minor)


@pytest.mark.parametrize(
    ("lines", "ours", "wanted"),
    [
        ([PAID], [], [("missing_with_us", "500", "")]),
        ([BACK], [], [("missing_with_us", "200", "")]),
        ([], [replace(OUR_PAID, is_due=True)], [("missing_with_them", "", "500")]),
        ([], [replace(OUR_BACK, is_due=True)], [("missing_with_them", "", "200")]),
        ([], [OUR_PAID], []),
        ([PAID], [replace(OUR_PAID, amount_minor=501, posted_minor=501)], [("amount", "500", "501")]),
        ([replace(PAID, currency="USD")], [OUR_PAID], [("currency", "USD", "CNY")]),
        ([replace(PAID, number="p2")], [OUR_PAID], [("number", "p2", "p1")]),
        ([replace(PAID, number="p2")], [replace(OUR_PAID, number="")], []),
        ([replace(PAID, fee_minor=501)], [OUR_PAID], [("fee", "501", "")]),
        ([replace(PAID, fee_minor=-1)], [OUR_PAID], [("fee", "-1", "")]),
        ([replace(BACK, fee_minor=1)], [OUR_BACK], [("fee", "1", "")]),
        ([PAID], [replace(OUR_PAID, posted_minor=0)], [("ledger", "500", "0")]),
        ([PAID], [replace(OUR_PAID, posted_minor=1_000)], [("ledger", "500", "1000")]),
        ([BACK], [replace(OUR_BACK, posted_minor=0, is_done=False)], []),
        ([PAID, PAID], [OUR_PAID], [("twice", "2 lines", "1")]),
        ([replace(PAID, kind=OTHER, provider_id="")], [], [("unread", "line 1", "")]),
    ],
)
def test_each_way_not_to_agree(lines: list[BillLine], ours: list[Ours], wanted: list[object]) -> None:
    assert found(lines, ours) == wanted


def test_a_payment_and_a_refund_of_one_id_are_two_things() -> None:
    both = [PAID, replace(BACK, provider_id="tx1")]
    assert found(both, [OUR_PAID, OUR_BACK]) == []
    assert ref_of(both[1]) == "r1"
    nameless = replace(both[1], number="")
    assert found([PAID, nameless], [OUR_PAID]) == [("missing_with_us", "200", "")]


def test_two_refunds_that_nobody_numbered_are_still_seen() -> None:
    nameless = [replace(BACK, number="", provider_id="tx1"), replace(BACK, number="", provider_id="tx2")]
    assert [each.what for each in compare(nameless, [])] == [What.MISSING_WITH_US] * 2


def test_only_what_the_books_have_no_end_of_is_asked_about() -> None:
    under_way = replace(OUR_BACK, is_done=False)
    other = replace(PAID, kind=OTHER)
    assert unheard([PAID, BACK, other], [OUR_PAID, under_way]) == [BACK]
    assert unheard([PAID, BACK], []) == [PAID, BACK]


def test_every_currency_has_its_own_sums() -> None:
    euro = replace(PAID, currency="EUR", provider_id="tx2")
    assert [each.currency for each in totals([PAID, euro], [OUR_PAID])] == ["CNY", "EUR"]
    assert totals([PAID, euro], [OUR_PAID])[1].our_paid_minor == 0


def test_a_day_is_the_providers() -> None:
    day = period(date(2026, 11, 21), "Asia/Shanghai")
    assert day.begins_at == datetime(2026, 11, 20, 16, tzinfo=UTC)
    assert day.ends_at == datetime(2026, 11, 21, 16, tzinfo=UTC)
    assert day.ready_at == datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert (
        period(date(2026, 3, 29), "Europe/Paris").ends_at
        - period(date(2026, 3, 29), "Europe/Paris").begins_at
    ) == (timedelta(hours=23))


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2026, 11, 22, 1, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 22, 2, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), date(2026, 11, 22)),
    ],
)
def test_a_bill_is_due_from_ten_in_beijing_on(now: datetime, last: date) -> None:
    opened = datetime(2026, 11, 18, 15, 59, tzinfo=UTC)
    days = days_due(opened, now, "Asia/Shanghai")
    assert (days[0], days[-1]) == (date(2026, 11, 18), last)
    assert days_due(now, now, "Asia/Shanghai") == []
    assert len(days_due(opened - timedelta(days=400), now, "Asia/Shanghai")) <= 32


def test_a_bill_that_does_not_come_is_asked_for_less_and_less_often() -> None:
    pauses = [bill_pause(tries) for tries in (1, 2, 8, 60, 61, 500)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=5), timedelta(days=1))
