"""Fetching a day's bill: ask for it, follow the link, verify its hash."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Final

from wechatpayv3 import WeChatPay

from coinslot.payments.port import BillLine, Rejected, RetrySameKey, Unknown
from coinslot.providers.wechat.answers import BillAnswer, Unreadable, read
from coinslot.providers.wechat.bill import BEIJING, BadBill, parse, translated
from coinslot.providers.wechat.guard import Refusal
from coinslot.providers.wechat.refusals import refused

READY_AT: Final = time(10, 0)
"""Of the next day, in Beijing."""
_MOST_BYTES: Final = 256_000_000
_TRIES: Final = 2
"""A link lives for minutes: one that has expired, or a file that came damaged, is asked for once more."""
_GZIP: Final = b"\x1f\x8b"
_WITH_GZIP_HEADER: Final = 31


class _Again(Exception):
    """This try failed in a way that another may mend; `error` says how."""

    def __init__(self, error: RetrySameKey | Unknown) -> None:
        super().__init__(error.code)
        self.error = error


class BillDownload:
    """Blocks."""

    def __init__(self, client: WeChatPay, gateway: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._gateway = gateway
        self._now = now

    def of(self, day: date) -> tuple[BillLine, ...]:
        """The lines. RetrySameKey while the bill is not ready, Rejected when it is not as documented."""
        error: RetrySameKey | Unknown | None = None
        for _ in range(_TRIES):
            try:
                content = self._file(day)
                return () if content is None else translated(parse(content), day)
            except _Again as again:
                error = again.error
            except BadBill as doubt:
                raise Rejected("BILL_FORMAT", f"the bill is not as documented: {doubt}") from None
        assert error is not None
        raise error

    def _file(self, day: date) -> bytes | None:
        """The file, its hash verified; None: nothing happened on that day."""
        try:
            answer: tuple[int, str] = self._client.trade_bill(bill_date=day.isoformat())
            told = read(answer[1], BillAnswer)
        except Unreadable as doubt:
            raise Unknown("CONTENT", str(doubt)) from None
        except Refusal as refusal:
            why = refused(refusal)
            if not why.is_without_bill:
                raise why.error from None
            if self._now() < datetime.combine(day + timedelta(days=1), READY_AT, BEIJING):
                raise RetrySameKey(why.code, "the day's bill is not due yet") from None
            return None
        if told.hash_type != "SHA1" or not told.download_url.startswith(self._gateway + "/"):
            raise Unknown("CONTENT", "the bill's hash or address is not as documented")
        content = self._fetched(told.download_url)
        if hashlib.sha1(content, usedforsecurity=False).hexdigest() != told.hash_value.lower():
            raise _Again(Unknown("WRONG_HASH", "the bill is not the file whose hash was signed"))
        return content

    def _fetched(self, url: str) -> bytes:
        try:
            answer: tuple[int, bytes] = self._client.download_bill(url)
        except Refusal as refusal:
            raise _Again(RetrySameKey(f"HTTP {refusal.status}", "the bill's link does not work")) from None
        return _plain(answer[1])


def _plain(content: bytes) -> bytes:
    """Unzipped if it is zipped."""
    if not content.startswith(_GZIP):
        return content
    unzip = zlib.decompressobj(_WITH_GZIP_HEADER)
    try:
        plain = unzip.decompress(content, _MOST_BYTES)
    except zlib.error:
        raise _Again(Unknown("DAMAGED", "the bill came damaged")) from None
    if unzip.unconsumed_tail or not unzip.eof:
        raise _Again(Unknown("DAMAGED", "the bill came cut off, or is longer than any"))
    return plain
