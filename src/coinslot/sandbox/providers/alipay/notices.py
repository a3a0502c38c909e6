"""Notifications: forms, signed afresh for each try, until they are answered with `success`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from coinslot.sandbox.providers.alipay.account import AlipayAccount
from coinslot.sandbox.providers.alipay.book import Order, Refund
from coinslot.sandbox.providers.alipay.signing import moment, signature_of, signed_text
from coinslot.sandbox.providers.alipay.told import distorted, notice_content
from coinslot.sandbox.providers.retries import Parcel, Retries
from coinslot.sandbox.providers.switches import Failure, Switches

GAPS_S: Final = (240, 600, 600, 3600, 7200, 21600, 54000)
"""4 m, 10 m, 10 m, 1 h, 2 h, 6 h, 15 h."""
PAYMENT: Final = "notify_payment"
REFUND: Final = "notify_refund"
"""The operations that switches know: paid or closed, and refunded."""


class Notices:
    """Tells the merchant what happened."""

    def __init__(
        self,
        account: AlipayAccount,
        switches: Switches,
        retries: Retries,
        wire_now: Callable[[], datetime],
    ) -> None:
        self._account = account
        self._switches = switches
        self._retries = retries
        self._wire_now = wire_now
        self._stranger: RSAPrivateKey | None = None

    def changed(self, order: Order) -> None:
        """It was paid, or it was closed without that."""
        self._send(PAYMENT, order, None)

    def refunded(self, order: Order, refund: Refund) -> None:
        """Part of it went back, or the last part."""
        self._send(REFUND, order, refund)

    def stranger(self) -> RSAPrivateKey:
        """A key that is nobody's."""
        if self._stranger is None:
            self._stranger = AlipayAccount().signing
        return self._stranger

    def _send(self, operation: str, order: Order, refund: Refund | None) -> None:
        if not order.notify_url or self._switches.take(Failure.NOTIFY_NEVER, operation):
            return
        parcel = self._parcel(operation, order, notice_content(self._account, order, refund))
        late = self._switches.take(Failure.NOTIFY_LATE, operation)
        after_s = 0 if late is None else late.number(600)
        at_once = self._switches.take(Failure.NOTIFY_AT_ONCE, operation)
        for _ in range(1 if at_once is None else at_once.number(5)):
            self._retries.send(parcel, after_s=after_s)
        if self._switches.take(Failure.NOTIFY_TWICE, operation):
            self._retries.send(parcel, after_s=after_s + 1)

    def _parcel(self, operation: str, order: Order, content: Mapping[str, str]) -> Parcel:
        notify_id = f"{self._wire_now():%Y%m%d}002{secrets.randbelow(10**23):023d}"

        def make() -> tuple[Mapping[str, str], bytes]:
            told = distorted(dict(content), lambda failure: self._switches.take(failure, operation))
            form = {name: str(value) for name, value in told.items()}
            form |= {"notify_id": notify_id, "notify_time": moment(self._sent_at(operation))}
            key = self._account.signing
            if self._switches.take(Failure.NOTIFY_UNKNOWN_SIGNER, operation):
                key = self.stranger()
            elif self._switches.take(Failure.NOTIFY_WRONG_KEY, operation):
                key = self._account.private
            form |= {"sign": signature_of(key, signed_text(form).encode()), "sign_type": "RSA2"}
            if self._switches.take(Failure.NOTIFY_TAMPERED, operation):
                form["total_amount"] = "0.01"
            body = urlencode(form).encode()
            return {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, body

        label = f"{operation} {order.state}"
        return Parcel(label=label, url=order.notify_url, make=make, taken=_taken)

    def _sent_at(self, operation: str) -> datetime:
        stale = self._switches.take(Failure.NOTIFY_STALE, operation)
        ago_s = 0 if stale is None else stale.number(600)
        return self._wire_now() - timedelta(seconds=ago_s)


def _taken(status: int, body: bytes) -> bool:
    # Whatever the status says: the provider reads nothing but this word.
    return body == b"success"
