"""Who gives back how much when a shared payment is refunded."""

from __future__ import annotations

import random

import pytest

from coinslot.payments.after_split import BeforeRefund, CannotReturn, Held, before_refund
from coinslot.payments.shares import Payee, PayeeKind, SharesReturn

HOTEL, MAKER = (Payee(kind=PayeeKind.MERCHANT, account=name) for name in ("hotel", "maker"))


def parts(done: BeforeRefund) -> list[int]:
    return [each.amount_minor for each in (*done.first, *done.within)]


def test_each_bears_its_part_first_or_with_the_refund() -> None:
    held = [Held(HOTEL, 200), Held(MAKER, 100)]
    first = before_refund(SharesReturn.FIRST, amount_minor=500, left_minor=1_000, held=held)
    assert (parts(first), first.within) == ([100, 50], ())
    within = before_refund(SharesReturn.WITH_REFUND, amount_minor=1_000, left_minor=1_000, held=held)
    assert (parts(within), within.first) == ([200, 100], ())


def test_nothing_shared_is_nothing_to_return() -> None:
    for how in SharesReturn:
        assert before_refund(how, amount_minor=5, left_minor=5, held=[]) == BeforeRefund()


def test_nobody_gives_back_more_than_it_got_and_all_goes_back_in_the_end() -> None:
    chance = random.Random(7)
    for _ in range(300):
        left = chance.randint(3, 5_000)
        hotel = chance.randint(0, left)
        maker = chance.randint(0, left - hotel)
        while left:
            amount = chance.randint(1, left)
            held = [each for each in (Held(HOTEL, hotel), Held(MAKER, maker)) if each.amount_minor]
            done = before_refund(SharesReturn.FIRST, amount_minor=amount, left_minor=left, held=held)
            back = {each.payee.account: each.amount_minor for each in done.first}
            hotel -= back.get("hotel", 0)
            maker -= back.get("maker", 0)
            left -= amount
            assert min(hotel, maker, left - hotel - maker) >= 0
        assert (hotel, maker) == (0, 0)


@pytest.mark.parametrize(
    ("how", "amount", "left"),
    [
        (SharesReturn.NEVER, 10, 100),
        (SharesReturn.FIRST, 101, 100),
        (SharesReturn.FIRST, 0, 100),
        (SharesReturn.FIRST, 10, 10),
    ],
)
def test_what_cannot_be(how: SharesReturn, amount: int, left: int) -> None:
    with pytest.raises(CannotReturn):
        before_refund(how, amount_minor=amount, left_minor=left, held=[Held(HOTEL, 30)])
