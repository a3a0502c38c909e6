"""Fetching a day's bill: ask for it, follow the link within its half minute, see that it is whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final
from urllib.parse import urlsplit

from coinslot.payments.port import BillLine, Rejected, RetrySameKey, Unknown
from coinslot.providers.alipay.answers import BillAnswer, Unreadable, read
from coinslot.providers.alipay.bill import BadBill, NotWhole, due_at, is_zip, lines_of
from coinslot.providers.alipay.library import BEIJING, Client
from coinslot.providers.alipay.refusals import Refused
from coinslot.providers.alipay.settings import AlipayKeys
from coinslot.providers.alipay.wire import Wire
from coinslot.providers.findings import is_loopback

_METHOD: Final = "alipay.data.dataservice.bill.downloadurl.query"
_TRIES: Final = 2
"""A link that has expired, or a file that came damaged, is asked for once more."""


class _Again(Exception):
    """This try failed in a way that another may mend; `error` says how."""

    def __init__(self, error: RetrySameKey | Unknown) -> None:
        super().__init__(error.code)
        self.error = error


class BillDownload:
    """Blocks."""

    def __init__(self, keys: AlipayKeys, client: Client, wire: Wire, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._client = client
        self._wire = wire
        self._now = now

    def of(self, day: date) -> tuple[BillLine, ...]:
        """The lines. RetrySameKey while the bill is not ready, Rejected when it is not as documented."""
        if self._now().astimezone(BEIJING).date() <= day:
            raise RetrySameKey("NOT_OVER", "the day is not over in Beijing")
        error: RetrySameKey | Unknown | None = None
        for _ in range(_TRIES):
            try:
                return self._fetched(day)
            except _Again as again:
                error = again.error
            except BadBill as doubt:
                raise Rejected("BILL_FORMAT", f"the bill is not as documented: {doubt}") from None
        assert error is not None
        raise error

    def _fetched(self, day: date) -> tuple[BillLine, ...]:
        try:
            asked = {"bill_type": "trade", "bill_date": day.isoformat()}
            told = read(self._client.server_api(_METHOD, asked), BillAnswer)
        except Unreadable as doubt:
            raise Unknown("CONTENT", str(doubt)) from None
        except Refused as refused:
            if not refused.is_without_bill:
                raise refused.error from None
            if self._now() < due_at(day):
                raise RetrySameKey(refused.code, "the day's bill is not there yet") from None
            return ()
        content = self._wire.fetch(self._link(told.bill_download_url))
        if content is None or not is_zip(content):
            raise _Again(RetrySameKey("BILL_LINK", "the bill's link does not work any more"))
        try:
            return lines_of(content, day, self._keys.seller_id)
        except NotWhole as doubt:
            raise _Again(Unknown("BILL_NOT_WHOLE", f"the bill cannot be relied upon: {doubt}")) from None

    def _link(self, url: str) -> str:
        """Signed, but often plain HTTP, which anybody on the way could answer: only this machine may."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unknown("CONTENT", "the bill's address is none")
        if self._keys.is_sandbox and is_loopback(url):
            return url
        return parts._replace(scheme="https").geturl()
