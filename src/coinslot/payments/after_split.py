"""A refund of a payment of which parts went to others: who gives back how much, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coinslot.money import allocate
from coinslot.payments.shares import Payee, ReturnedShare, SharesReturn


class Held(NamedTuple):
    """What one receiver has got of a payment and not given back."""

    payee: Payee
    amount_minor: int


class BeforeRefund(NamedTuple):
    """What has to be done about shares."""

    first: tuple[ReturnedShare, ...] = ()
    """To be returned, each to its end, before the refund is asked for."""
    within: tuple[ReturnedShare, ...] = ()
    """To be named in the refund (`RefundOrder.shares`)."""


class CannotReturn(Exception):
    """Shares went out where none come back, or the refund is more than what is left."""


def before_refund(
    how: SharesReturn, *, amount_minor: int, left_minor: int, held: Sequence[Held]
) -> BeforeRefund:
    """Each receiver gives back its part of the refund, so that it holds the same part of what is left as before, to
    the last minor unit; the merchant bears the rest. `left_minor`: of the payment, not refunded yet. CannotReturn."""
    shared_minor = sum(each.amount_minor for each in held)
    if not 0 < amount_minor <= left_minor or shared_minor > left_minor:
        raise CannotReturn("the refund or the shares are more than what is left of the payment")
    if not shared_minor:
        return BeforeRefund()
    weights = [left_minor - shared_minor, *(each.amount_minor for each in held)]
    _, *parts = allocate(amount_minor, weights)
    returned = tuple(
        ReturnedShare(payee=each.payee, amount_minor=part)
        for each, part in zip(held, parts, strict=True)
        if part
    )
    match how:
        case SharesReturn.FIRST:
            return BeforeRefund(first=returned)
        case SharesReturn.WITH_REFUND:
            return BeforeRefund(within=returned)
        case SharesReturn.NEVER:
            raise CannotReturn("this provider has no splits: there can be nothing to return")
