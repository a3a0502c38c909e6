"""Payments under our numbers: made once, found again, ended. Blocks; `Refused` is left to the caller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from coinslot.payments.port import (
    Channel,
    Created,
    PaymentOrder,
    PaymentSeen,
    PaymentState,
    RetrySameKey,
    Unknown,
)
from coinslot.providers.stripe.answers import Session, Unreadable, payment_seen
from coinslot.providers.stripe.calls import session_parameters
from coinslot.providers.stripe.finding import Finder
from coinslot.providers.stripe.library import Library
from coinslot.providers.stripe.refunding import key
from coinslot.providers.stripe.refusals import Refused
from coinslot.providers.stripe.settings import StripeKeys

_MOST_KEYS: Final = 4


class Payments:
    """Of one account."""

    def __init__(
        self, library: Library, finder: Finder, keys: StripeKeys, now: Callable[[], datetime]
    ) -> None:
        self._library = library
        self._finder = finder
        self._keys = keys
        self._now = now

    def create(self, order: PaymentOrder) -> Created:
        """See `payments.port.Provider.create`."""
        session = self._made(order)
        seen = self._seen(session, order.number)
        self._finder.remember(session, order.number)
        if (seen.amount_minor, seen.currency) != (order.amount_minor, order.currency):
            raise Unknown("OTHER_VALUES", "there is something of this number with other values")
        if seen.state is not PaymentState.WAITING or not session.url:
            raise Unknown("OVER", "there is something of this number that cannot be paid any more")
        return Created(qr=session.url) if order.channel is Channel.QR else Created(url=session.url)

    def query(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider.query`."""
        session = self._finder.find(number)
        return self._absent(number) if session is None else self._seen(session, number)

    def close(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider.close`."""
        session = self._finder.find(number)
        if session is None:
            return self._absent(number)
        seen = self._seen(session, number)
        if seen.state is not PaymentState.WAITING:
            return seen
        try:
            return self._seen(self._library.expire(session.id), number)
        except Refused as refused:
            if isinstance(refused.error, RetrySameKey | Unknown):
                raise
            # It was not open any more, or the key may not do this.
            seen = self.query(number)
            if seen.state is PaymentState.WAITING:
                raise
            return seen

    def _made(self, order: PaymentOrder) -> Session:
        """The session of this order, whichever request has made it."""
        parameters = session_parameters(order, self._now())
        for turn in range(_MOST_KEYS):
            try:
                session, is_replayed = self._library.create_session(parameters, key(order.number, turn))
                return self._library.session(session.id) if is_replayed else session
            except Refused as refused:
                if not (refused.is_replayed or refused.is_other_request):
                    raise
                found = self._finder.look(order.number)
                if found is not None:
                    return found
                if refused.is_other_request:
                    raise
                # That request is over and has made nothing, but Stripe would repeat its answer for a day.
        raise Unknown("SPENT", "it was refused too often")

    def _seen(self, session: Session, number: str) -> PaymentSeen:
        try:
            seen = payment_seen(session, self._keys.account, is_live=self._keys.is_live)
        except Unreadable as doubt:
            raise Unknown("CONTENT", str(doubt)) from None
        if seen.number != number:
            raise Unknown("CONTENT", "the answer is about another order")
        return seen

    def _absent(self, number: str) -> PaymentSeen:
        return PaymentSeen(number=number, state=PaymentState.ABSENT, merchant=self._keys.account)
