"""Finding a payment by our number alone.

Stripe gives ids of its own, and its search lags behind by up to an hour, so that "not found" there means nothing. Its
lists do not lag. Our numbers tell when they were made, and an order is made within an hour of that or never: whatever
is not among all sessions of that hour does not exist.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import timedelta
from typing import Final

from coinslot.providers.stripe.answers import Session
from coinslot.providers.stripe.calls import MADE_WITHIN, PAYMENT, moment
from coinslot.providers.stripe.library import Library

_SKEW: Final = timedelta(minutes=5)
"""How far Stripe's clock may be from that of the machine that made the number; events are held to the same."""
_MOSTLY_WITHIN: Final = timedelta(seconds=30)
"""Nearly all are made at once: that part of the hour is looked at first."""
_REMEMBERED: Final = 10_000


class Finder:
    """Remembers which session was whose; may be used by any number of threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._known: OrderedDict[str, str] = OrderedDict()

    def remember(self, session: Session, number: str) -> None:
        """This is the number's session."""
        with self._lock:
            self._known[number] = session.id
            self._known.move_to_end(number)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def find(self, number: str) -> Session | None:
        """As it is now; None when there is none, for certain. Rejected for what is no number of a payment; else as
        `Library`."""
        with self._lock:
            known = self._known.get(number)
        if known is not None:
            return self._library.session(known)
        return self.look(number)

    def look(self, number: str) -> Session | None:
        """The same without what is remembered."""
        made = moment(number)
        early = int((made - _SKEW).timestamp())
        soon = int((made + _SKEW + _MOSTLY_WITHIN).timestamp())
        late = int((made + _SKEW + MADE_WITHIN).timestamp()) + 1
        for since, until in ((early, soon), (soon + 1, late)):
            for session in self._library.sessions(since, until):
                # Others' sessions of the same account are passed over whatever they look like.
                if number in (session.client_reference_id, (session.metadata or {}).get(PAYMENT)):
                    self.remember(session, number)
                    return session
        return None
