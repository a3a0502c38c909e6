"""The daily bill: when there is one, where it is fetched, and for how long."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from coinslot.sandbox.providers.alipay.account import AlipayAccount
from coinslot.sandbox.providers.alipay.bill_file import (
    Line,
    bill_zip,
    payment_line,
    refund_line,
    stray_line,
)
from coinslot.sandbox.providers.alipay.bodies import BillBody, read
from coinslot.sandbox.providers.alipay.book import Book
from coinslot.sandbox.providers.alipay.gateway import Call, Gateway, Parameters
from coinslot.sandbox.providers.alipay.refused import Refused, failed
from coinslot.sandbox.providers.alipay.signing import BEIJING
from coinslot.sandbox.providers.alipay.told import OK, Content
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import SILENCE, Reply, Request, Route
from coinslot.sandbox.providers.switches import Failure, Switches

READY_AT: Final = time(9, 0)
LINK_LIVES: Final = timedelta(seconds=30)
_METHOD: Final = "alipay.data.dataservice.bill.downloadurl.query"
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class _File:
    content: bytes
    until: datetime


class Bills:
    """The gateway's method and `/alipay/bill`."""

    def __init__(
        self, account: AlipayAccount, book: Book, gateway: Gateway, clock: SandboxClock, switches: Switches
    ) -> None:
        self.url = ""
        """The server's."""
        self._account = account
        self._book = book
        self._clock = clock
        self._switches = switches
        self._files: dict[str, _File] = {}
        gateway.calls[_METHOD] = Call("bill", self._ask)

    def routes(self) -> tuple[Route, ...]:
        """What is answered beside the gateway."""
        return (Route("GET", "/alipay/bill", self._download),)

    def lines(self, day: date) -> list[Line]:
        """What happened on that day in Beijing, oldest first."""
        lines = []
        for order in self._book.orders():
            if order.paid_at is not None and order.paid_at.astimezone(BEIJING).date() == day:
                lines.append(payment_line(order, order.paid_at))
            lines += [
                refund_line(order, refund)
                for refund in order.refunds
                if refund.done and refund.at.astimezone(BEIJING).date() == day
            ]
        return sorted(lines)

    def _ask(self, parameters: Parameters) -> Content:
        asked = read(parameters.get("biz_content", ""), BillBody)
        if asked.bill_type != "trade" or not _DAY.fullmatch(asked.bill_date):
            raise Refused("40004", "isv.invalid_arguments", "bill_type trade, bill_date as 2016-04-05")
        day, now = date.fromisoformat(asked.bill_date), self._clock.now().astimezone(BEIJING)
        if now.date() <= day:
            raise Refused("40004", "isv.invalid_arguments", "the day is not over")
        ready = datetime.combine(day + timedelta(days=1), READY_AT, BEIJING)
        if now < ready or self._switches.take(Failure.BILL_NOT_READY, "bill"):
            raise failed("isp.bill_not_exist", "there is no such bill")
        token = secrets.token_urlsafe(24)
        self._files[token] = _File(self._content(day), self._clock.now() + LINK_LIVES)
        return {**OK, "bill_download_url": f"{self.url}/alipay/bill?token={token}"}

    def _content(self, day: date) -> bytes:
        lines = self.lines(day)
        if self._switches.take(Failure.BILL_MISSING_LINE, "bill"):
            lines = lines[1:]
        if self._switches.take(Failure.BILL_UNKNOWN_LINE, "bill"):
            lines.append(stray_line(datetime.combine(day, time(12, 0), BEIJING)))
        if not lines:
            raise failed("isp.bill_not_exist", "there is no such bill")
        reordered = self._switches.take(Failure.BILL_REORDERED, "bill") is not None
        wrong = self._switches.take(Failure.BILL_WRONG_HASH, "bill")
        if wrong is not None and wrong.value == "crc":
            content = bill_zip(self._account, day, lines, reordered=reordered, wrong_sum=False)
            return _spoilt(content)
        return bill_zip(self._account, day, lines, reordered=reordered, wrong_sum=wrong is not None)

    async def _download(self, request: Request) -> Reply:
        """The file itself, which nobody signs."""
        take = self._switches.take
        if take(Failure.SILENT_BEFORE, "bill_file"):
            return SILENCE
        if take(Failure.SERVER_ERROR, "bill_file"):
            return Reply(500, b"Server Error", "text/html")
        found = self._files.get(request.query.get("token", ""))
        expired = take(Failure.BILL_LINK_EXPIRED, "bill_file") is not None
        if found is None or expired or self._clock.now() > found.until:
            return Reply(200, "<html>链接已失效</html>".encode("gbk"), "text/html;charset=GBK")
        return Reply(200, found.content, "application/zip")


def _spoilt(content: bytes) -> bytes:
    """A byte of the first file's data is another: its checksum no longer fits."""
    start = 30 + int.from_bytes(content[26:28], "little") + int.from_bytes(content[28:30], "little")
    at = start + 20
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
