"""Refunds under our numbers. Blocks.

A key protects for a day, while a refund is asked for until it is done: so before each request all refunds of the
payment are looked through, and one that is there is not made again. A key whose stored answer is an error is spent,
since Stripe gives that same answer again: the next one is tried. What raises `Refused` leaves it to the caller.
"""

from __future__ import annotations

from typing import Final

from coinslot.payments.port import RefundOrder, RefundSeen, RefundState, Rejected, Unknown
from coinslot.providers.stripe.answers import OVER, Refund, Unreadable, of_number, refund_seen
from coinslot.providers.stripe.calls import refund_parameters
from coinslot.providers.stripe.finding import Finder
from coinslot.providers.stripe.library import Library
from coinslot.providers.stripe.refusals import Refused

MOST_KEYS: Final = 12


def key(number: str, turn: int) -> str:
    """The key of a number's request, from turn 0."""
    return number if not turn else f"{number}-{turn + 1}"


class Refunds:
    """Of one account."""

    def __init__(self, library: Library, finder: Finder, account: str) -> None:
        self._library = library
        self._finder = finder
        self._account = account

    def ask(self, order: RefundOrder) -> RefundSeen:
        """See `payments.port.Provider.refund`."""
        intent = order.provider_payment_id or self._intent(order.payment_number)
        if not intent:
            raise Rejected("NOT_PAID", "nothing was paid under this number")
        parameters = refund_parameters(order, intent)
        earlier = [each for each in self._library.refunds(intent) if each.number == order.number]
        under_way = [each for each in earlier if each.status not in OVER]
        if under_way:
            return self._same(under_way[0], order)
        # Those that came to nothing have used up as many keys.
        for turn in range(len(earlier), MOST_KEYS):
            try:
                refund, is_replayed = self._library.create_refund(parameters, key(order.number, turn))
            except Refused as refused:
                if not refused.is_replayed or refused.is_other_request:
                    raise
                continue
            if is_replayed:
                refund = self._now(refund)
                if refund.status in OVER:
                    continue
            return self._same(refund, order)
        raise Unknown("SPENT", "it was refused too often: ask again tomorrow")

    def query(self, number: str, payment_number: str) -> RefundSeen:
        """See `payments.port.Provider.query_refund`."""
        intent = self._intent(payment_number)
        refund = of_number(self._library.refunds(intent), number) if intent else None
        if refund is None:
            return RefundSeen(
                number=number,
                payment_number=payment_number,
                state=RefundState.ABSENT,
                merchant=self._account,
            )
        return self._seen(refund, payment_number)

    def _intent(self, payment_number: str) -> str:
        session = self._finder.find(payment_number)
        return "" if session is None else session.intent_id

    def _now(self, refund: Refund) -> Refund:
        """A replayed answer says how things were."""
        return self._library.refund(refund.id)

    def _same(self, refund: Refund, order: RefundOrder) -> RefundSeen:
        seen = self._seen(refund, order.payment_number)
        if (seen.number, seen.amount_minor, seen.currency) != (
            order.number,
            order.amount_minor,
            order.currency,
        ):
            raise Unknown("OTHER_VALUES", "the refund of this number has other values")
        return seen

    def _seen(self, refund: Refund, payment_number: str) -> RefundSeen:
        try:
            return refund_seen(refund, payment_number, self._account)
        except Unreadable as doubt:
            raise Unknown("CONTENT", str(doubt)) from None
