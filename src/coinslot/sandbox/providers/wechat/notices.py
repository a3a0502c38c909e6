"""Notifications of the v3 wire: made, signed and encrypted afresh for each try."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.retries import Parcel, Retries
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.account import PlatformKey, WechatAccount
from coinslot.sandbox.providers.wechat.book import Order, Refund
from coinslot.sandbox.providers.wechat.signing import encrypted, signed_headers
from coinslot.sandbox.providers.wechat.told import (
    Content,
    distorted,
    moment,
    order_content,
    refund_notice_content,
)

GAPS_S: Final = (
    *(15, 15, 30, 180, 600, 1200),
    *(1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600),
)
"""15 s, 15 s, 30 s, 3 m, 10 m, 20 m, 30 m three times, 60 m, 3 h three times, 6 h twice."""

PROBE_SIGNATURE: Final = "WECHATPAY/SIGNTEST/"
PAYMENT: Final = "notify_payment"
REFUND: Final = "notify_refund"
"""The operations that switches know."""


class Notices:
    """Tells the merchant what happened."""

    def __init__(
        self,
        account: WechatAccount,
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
        self._stranger: PlatformKey | None = None

    def paid(self, order: Order) -> None:
        """The payment succeeded."""
        self._send(PAYMENT, order.body.notify_url, "TRANSACTION.SUCCESS", "transaction", order_content(order))

    def refunded(self, order: Order, refund: Refund) -> None:
        """The refund came to an end, if the merchant wants to hear of it."""
        if refund.body.notify_url:
            content = refund_notice_content(order, refund)
            self._send(REFUND, refund.body.notify_url, f"REFUND.{refund.state}", "refund", content)

    def stranger(self) -> PlatformKey:
        """A key that is nobody's."""
        if self._stranger is None:
            self._stranger = WechatAccount().signing_key
        return self._stranger

    def _send(self, operation: str, url: str, event: str, kind: str, content: Content) -> None:
        if self._switches.take(Failure.NOTIFY_NEVER, operation):
            return
        parcel = self._parcel(operation, url, event, kind, content)
        late = self._switches.take(Failure.NOTIFY_LATE, operation)
        after_s = 0 if late is None else late.number(600)
        if self._switches.take(Failure.NOTIFY_PROBE, operation):
            self._probe(parcel, after_s)
        at_once = self._switches.take(Failure.NOTIFY_AT_ONCE, operation)
        for _ in range(1 if at_once is None else at_once.number(5)):
            self._retries.send(parcel, after_s=after_s)
        if self._switches.take(Failure.NOTIFY_TWICE, operation):
            self._retries.send(parcel, after_s=after_s + 1)

    def _parcel(self, operation: str, url: str, event: str, kind: str, content: Content) -> Parcel:
        notification_id = f"EV-{secrets.token_hex(16)}"[:36]
        created = moment(self._clock.now())

        def make() -> tuple[Mapping[str, str], bytes]:
            told = distorted(content, lambda failure: self._switches.take(failure, operation))
            key = self._account.apiv3_key
            if self._switches.take(Failure.NOTIFY_WRONG_KEY, operation):
                key = secrets.token_hex(16)
            body = msgspec.json.encode(
                {
                    "id": notification_id,
                    "create_time": created,
                    "resource_type": "encrypt-resource",
                    "event_type": event,
                    "summary": event.lower().replace(".", " "),
                    "resource": encrypted(key, msgspec.json.encode(told), kind),
                }
            )
            headers = self._headers(operation, body)
            if self._switches.take(Failure.NOTIFY_TAMPERED, operation):
                body = body.replace(created[:10].encode(), b"2020-01-01", 1)
            return headers, body

        return Parcel(label=f"{operation} {event}", url=url, make=make, taken=_taken)

    def _headers(self, operation: str, body: bytes) -> Mapping[str, str]:
        at = self._wire_now()
        stale = self._switches.take(Failure.NOTIFY_STALE, operation)
        if stale is not None:
            at -= timedelta(seconds=stale.number(600))
        key = self._account.signing_key
        if self._switches.take(Failure.NOTIFY_UNKNOWN_SIGNER, operation):
            key = self.stranger()
        return {
            **signed_headers(key.id, key.private, body, at),
            "content-type": "application/json",
            "user-agent": "Mozilla/4.0",
        }

    def _probe(self, parcel: Parcel, after_s: float) -> None:
        def make() -> tuple[Mapping[str, str], bytes]:
            headers, body = parcel.make()
            noise = base64.b64encode(secrets.token_bytes(240)).decode()
            return {**headers, "Wechatpay-Signature": PROBE_SIGNATURE + noise}, body

        probe = Parcel(label="probe", url=parcel.url, make=make, taken=lambda status, body: status >= 400)

        async def once() -> None:
            await self._retries.once(probe)

        self._clock.after(after_s, once)


def _taken(status: int, body: bytes) -> bool:
    return status in (200, 204)
