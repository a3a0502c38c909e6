"""Events: made and signed afresh for each try."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.retries import Parcel, Retries
from coinslot.sandbox.providers.stripe.account import Endpoint, StripeAccount, letters, new_id
from coinslot.sandbox.providers.stripe.told import STRANGER, Content, distorted, seconds
from coinslot.sandbox.providers.switches import Failure, Switches

GAPS_S: Final = (300, 1800, 7200, 18_000, 36_000, *(43_200,) * 4)
"""5 m, 30 m, 2 h, 5 h, 10 h, and every 12 h until three days are over."""
PAYMENT: Final = "notify_payment"
REFUND: Final = "notify_refund"
OTHER: Final = "notify_other"
"""The operations that switches know."""
VERSION: Final = "2026-10-28.endive"


class Notices:
    """Tells the account's endpoints what happened."""

    def __init__(
        self,
        account: StripeAccount,
        clock: SandboxClock,
        switches: Switches,
        retries: Retries,
        wire_now: Callable[[], datetime],
    ) -> None:
        self._account = account
        self._clock = clock
        self._switches = switches
        self._retries = retries
        self._wire_now = wire_now

    def tell(self, operation: str, kind: str, content: Content) -> None:
        """An event of this kind about that, to whoever wants it."""
        wanting = [each for each in self._account.endpoints if each.wants(kind)]
        if not wanting or self._switches.take(Failure.NOTIFY_NEVER, operation):
            return
        late = self._switches.take(Failure.NOTIFY_LATE, operation)
        after_s = 0 if late is None else late.number(600)
        at_once = self._switches.take(Failure.NOTIFY_AT_ONCE, operation)
        is_twice = self._switches.take(Failure.NOTIFY_TWICE, operation) is not None
        event_id = new_id("evt")
        for endpoint in wanting:
            parcel = self._parcel(endpoint, operation, kind, event_id, content)
            for _ in range(1 if at_once is None else at_once.number(5)):
                self._retries.send(parcel, after_s=after_s)
            if is_twice:
                self._retries.send(parcel, after_s=after_s + 1)

    def _parcel(
        self, endpoint: Endpoint, operation: str, kind: str, event_id: str, content: Content
    ) -> Parcel:
        created = seconds(self._clock.now())

        def make() -> tuple[Mapping[str, str], bytes]:
            take = self._switches.take
            told = distorted(content, lambda failure: take(failure, operation))
            event: Content = {
                "id": event_id,
                "object": "event",
                "api_version": VERSION,
                "created": created,
                "data": {"object": told},
                "livemode": told.get("livemode", False),
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            }
            if take(Failure.WRONG_MERCHANT, operation):
                event["account"] = STRANGER
            # As the real one writes it, with line ends and spaces.
            body = msgspec.json.format(msgspec.json.encode(event), indent=2)
            headers = self._headers(endpoint, operation, body)
            if take(Failure.NOTIFY_TAMPERED, operation):
                body = body.replace(str(created).encode(), str(created + 1).encode(), 1)
            return headers, body

        return Parcel(label=f"{operation} {kind}", url=endpoint.url, make=make, taken=_taken)

    def _headers(self, endpoint: Endpoint, operation: str, body: bytes) -> Mapping[str, str]:
        at, secret = self._wire_now(), endpoint.secret
        stale = self._switches.take(Failure.NOTIFY_STALE, operation)
        if stale is not None:
            at -= timedelta(seconds=stale.number(600))
        if self._switches.take(Failure.NOTIFY_UNKNOWN_SIGNER, operation) or self._switches.take(
            Failure.NOTIFY_WRONG_KEY, operation
        ):
            secret = f"whsec_{letters(32)}"
        return {
            "stripe-signature": signature(secret, body, at),
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }


def signature(secret: str, body: bytes, at: datetime) -> str:
    """The header of an event."""
    moment = seconds(at)
    made = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={made},v0={'0' * 64}"


def _taken(status: int, body: bytes) -> bool:
    return 200 <= status < 300
