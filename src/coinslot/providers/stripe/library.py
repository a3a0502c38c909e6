"""The library's calls, each with its answer read and its errors translated. Blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec
import stripe

from coinslot.payments.port import Unknown
from coinslot.providers.stripe.answers import Page, Refund, Session, Unreadable, read
from coinslot.providers.stripe.refusals import Refused, refused
from coinslot.providers.stripe.wire import REPLAYED

if TYPE_CHECKING:
    from stripe.params._refund_create_params import RefundCreateParams
    from stripe.params.checkout._session_create_params import SessionCreateParams

PAGE: Final = 100
"""As many as a list gives at once."""
_MOST_PAGES: Final = 200
_INTENT: Final = "payment_intent.latest_charge"
_T = TypeVar("_T")


class _Known(msgspec.Struct, frozen=True):
    id: str


class Made(NamedTuple):
    """What a request with a key has made, or an earlier one with the same key."""

    body: str
    is_replayed: bool
    """The answer is the earlier one's: how things were then."""


class Library:
    """Every method raises Refused, RetrySameKey or Unknown."""

    def __init__(self, client: stripe.StripeClient, within_s: float) -> None:
        """`within_s`: for all pages of one list."""
        self._v1 = client.v1
        self._within_s = within_s

    def create_session(self, parameters: SessionCreateParams, key: str) -> tuple[Session, bool]:
        """The session, and whether that is the answer to an earlier request."""
        made = _made(
            lambda: self._v1.checkout.sessions.create(params=parameters, options={"idempotency_key": key})
        )
        return _read(made.body, Session, "checkout.session"), made.is_replayed

    def session(self, session_id: str) -> Session:
        """As it is now, with its payment."""
        made = _made(lambda: self._v1.checkout.sessions.retrieve(session_id, {"expand": [_INTENT]}))
        return _read(made.body, Session, "checkout.session")

    def expire(self, session_id: str) -> Session:
        """Nobody can pay it any more."""
        made = _made(lambda: self._v1.checkout.sessions.expire(session_id))
        return _read(made.body, Session, "checkout.session")

    def sessions(self, since: int, until: int) -> Iterator[Session]:
        """Those made from `since` to `until`, both included, the newest first; all of them."""
        yield from self._pages(
            lambda after: self._v1.checkout.sessions.list(
                {
                    "created": {"gte": since, "lte": until},
                    "limit": PAGE,
                    "expand": [f"data.{_INTENT}"],
                    **({"starting_after": after} if after else {}),
                }
            ),
            Session,
        )

    def create_refund(self, parameters: RefundCreateParams, key: str) -> tuple[Refund, bool]:
        """The refund, and whether that is the answer to an earlier request."""
        made = _made(lambda: self._v1.refunds.create(params=parameters, options={"idempotency_key": key}))
        return _read(made.body, Refund, "refund"), made.is_replayed

    def refund(self, refund_id: str) -> Refund:
        """As it is now."""
        return _read(_made(lambda: self._v1.refunds.retrieve(refund_id)).body, Refund, "refund")

    def refunds(self, intent: str) -> list[Refund]:
        """All of one payment."""
        return list(
            self._pages(
                lambda after: self._v1.refunds.list(
                    {
                        "payment_intent": intent,
                        "limit": PAGE,
                        **({"starting_after": after} if after else {}),
                    }
                ),
                Refund,
            )
        )

    def balance(self, since: int, until: int) -> Iterator[msgspec.Raw]:
        """Balance transactions made from `since` until before `until`, each with what it is about."""
        yield from self._pages(
            lambda after: self._v1.balance_transactions.list(
                {
                    "created": {"gte": since, "lt": until},
                    "limit": PAGE,
                    "expand": ["data.source"],
                    **({"starting_after": after} if after else {}),
                }
            ),
            msgspec.Raw,
        )

    def _pages(self, ask: Callable[[str], object], kind: type[_T]) -> Iterator[_T]:
        """Every part of a list to its end, or Unknown: half of one proves nothing."""
        after, until = "", time.monotonic() + self._within_s
        for _ in range(_MOST_PAGES):
            body = _made(lambda after=after: ask(after)).body  # type: ignore[misc]
            page = _read(body, Page[kind], "list")  # type: ignore[valid-type]
            yield from page.data
            if not page.has_more:
                return
            last = _read(body, Page[_Known], "list").data[-1:]
            if not last or last[0].id == after:
                raise Unknown("CONTENT", "a list does not go on")
            if time.monotonic() > until:
                raise Unknown("TIMEOUT", "a list did not end in time")
            after = last[0].id
        raise Unknown("TOO_MANY", "a list has no end")


def _made(work: Callable[[], object]) -> Made:
    try:
        response = getattr(work(), "last_response", None)
    except stripe.StripeError as error:
        # Without its cause, which holds the answer's words.
        raise refused(error) from None
    if response is None or not isinstance(response.body, str):
        raise Unknown("CONTENT", "the library gave no answer")
    return Made(response.body, response.headers.get(REPLAYED, "") == "true")


def _read(body: str, kind: type[_T], what: str) -> _T:
    try:
        return read(body, kind, what)
    except Unreadable as doubt:
        raise Unknown("CONTENT", str(doubt)) from None


__all__ = ["Library", "Refused"]
