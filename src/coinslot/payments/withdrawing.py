"""Which payments a withdrawal goes back to: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from msgspec import Struct

REFUND_WINDOW: Final = timedelta(days=365)
"""How long providers refund a payment."""
_MARGIN: Final = timedelta(days=3)
MOST_REFUNDS: Final = 50
"""How many refunds of one payment providers take."""


class Refundable(Struct, frozen=True, kw_only=True):
    """A payment that filled the wallet."""

    number: str
    paid_at: datetime
    left_minor: int
    """What of it may still be refunded."""
    refunds: int = 0
    """How many there have been, whatever became of them."""


class Part(NamedTuple):
    """What goes back to one payment."""

    number: str
    amount_minor: int


class WithdrawalPlan(Struct, frozen=True, kw_only=True):
    """The parts, and what no payment can take: cash of the counter, or payments beyond the refund window."""

    parts: tuple[Part, ...]
    by_hand_minor: int


def can_carry(paid_at: datetime, refunds: int, now: datetime) -> bool:
    """Whether the provider still refunds a payment of then, of which there have been so many refunds."""
    # Near the end of the window a refund that must be tried again would come too late.
    return refunds < MOST_REFUNDS and now - paid_at <= REFUND_WINDOW - _MARGIN


def bonus_with(bonus_minor: int, paid_minor: int, refunded_minor: int) -> int:
    """What of a top-up's bonus goes when so much of it has gone back, from the first refund on: its exact part, in the
    customer's favour where that is no whole minor unit. All of it goes with the last of the payment.
    """
    return bonus_minor * refunded_minor // paid_minor


def bonus_part(
    bonus_minor: int, paid_minor: int, *, before_minor: int, more_minor: int, taken_minor: int
) -> int:
    """What of a top-up's bonus belongs to the next `more_minor` of it, when `before_minor` has gone back and taken
    `taken_minor` along. What the wallet did not have then is not asked for again: it was spent.
    """
    with_more_minor = bonus_with(bonus_minor, paid_minor, before_minor + more_minor)
    due_minor = with_more_minor - bonus_with(bonus_minor, paid_minor, before_minor)
    # After refunds that failed, the roundings of those that did not may have come to more than their sum's.
    return max(0, min(due_minor, with_more_minor - taken_minor))


def plan_withdrawal(payments: Iterable[Refundable], amount_minor: int, now: datetime) -> WithdrawalPlan:
    """Back to where it came from, oldest payment first. ValueError for an amount that is not above zero."""
    if amount_minor <= 0:
        raise ValueError(f"a withdrawal of {amount_minor} minor units")
    parts: list[Part] = []
    left_minor = amount_minor
    for payment in sorted(payments, key=lambda each: (each.paid_at, each.number)):
        if not can_carry(payment.paid_at, payment.refunds, now):
            continue
        part_minor = min(left_minor, payment.left_minor)
        if part_minor > 0:
            parts.append(Part(payment.number, part_minor))
            left_minor -= part_minor
        if not left_minor:
            break
    return WithdrawalPlan(parts=tuple(parts), by_hand_minor=left_minor)
