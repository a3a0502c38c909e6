"""The daily bill: when there is one, what it says, and its file."""

from __future__ import annotations

import gzip
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Reply, Request, Route
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.account import WechatAccount
from coinslot.sandbox.providers.wechat.bill_file import Line, bill_file, payment_line, refund_line, stray_line
from coinslot.sandbox.providers.wechat.book import Book
from coinslot.sandbox.providers.wechat.desk import Desk
from coinslot.sandbox.providers.wechat.refused import Refused
from coinslot.sandbox.providers.wechat.told import BEIJING, Content

_READY_AT: Final = time(10, 0)
_KEPT: Final = timedelta(days=92)
_LINK_LIVES: Final = timedelta(minutes=5)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class _File:
    content: bytes
    zipped: bool
    until: datetime


class Bills:
    """`/v3/bill/tradebill` and `/v3/billdownload/file`."""

    def __init__(
        self, account: WechatAccount, book: Book, desk: Desk, clock: SandboxClock, switches: Switches
    ) -> None:
        self._account = account
        self._book = book
        self._desk = desk
        self._clock = clock
        self._switches = switches
        self._files: dict[str, _File] = {}

    def routes(self) -> tuple[Route, ...]:
        """What is answered."""
        return (
            Route("GET", "/v3/bill/tradebill", self._desk.handler("bill", self._ask)),
            Route("GET", "/v3/billdownload/file", self._download),
        )

    def lines(self, day: date) -> list[Line]:
        """What happened on that day in Beijing, oldest first."""
        lines = []
        for order in self._book.orders():
            if order.paid_at is not None and order.paid_at.astimezone(BEIJING).date() == day:
                lines.append(payment_line(order, order.paid_at))
            lines += [
                refund_line(order, refund)
                for refund in order.refunds
                if refund.created_at.astimezone(BEIJING).date() == day
            ]
        return sorted(lines, key=lambda line: line.at)

    def _ask(self, request: Request) -> Content:
        asked = request.query
        if not _DAY.fullmatch(asked.get("bill_date", "")):
            raise Refused(400, "PARAM_ERROR", "bill_date has to be as 2019-06-11")
        if asked.get("bill_type", "ALL") != "ALL" or asked.get("tar_type", "GZIP") != "GZIP":
            raise Refused(400, "PARAM_ERROR", "this sandbox makes whole bills, plain or as GZIP")
        day, now = date.fromisoformat(asked["bill_date"]), self._clock.now().astimezone(BEIJING)
        ready = datetime.combine(day + timedelta(days=1), _READY_AT, BEIJING)
        if now < ready or self._switches.take(Failure.BILL_NOT_READY, "bill"):
            raise Refused(400, "STATEMENT_CREATING", "the bill is being made")
        if now - ready > _KEPT:
            raise Refused(400, "INVALID_REQUEST", "bills are kept for three months")
        content = self._content(day)
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if self._switches.take(Failure.BILL_WRONG_HASH, "bill"):
            digest = hashlib.sha1(b"another file", usedforsecurity=False).hexdigest()
        token = secrets.token_urlsafe(24)
        zipped = asked.get("tar_type") == "GZIP"
        self._files[token] = _File(content, zipped, self._clock.now() + _LINK_LIVES)
        # On the address that was asked: the merchant may know this server by another name than payers do.
        link = f"http://{request.headers['host']}/v3/billdownload/file?token={token}" + (
            "&tartype=gzip" if zipped else ""
        )
        return {"hash_type": "SHA1", "hash_value": digest, "download_url": link}

    def _content(self, day: date) -> bytes:
        lines = self.lines(day)
        if self._switches.take(Failure.BILL_MISSING_LINE, "bill"):
            lines = lines[1:]
        if self._switches.take(Failure.BILL_UNKNOWN_LINE, "bill"):
            lines.append(stray_line(self._account, datetime.combine(day, time(12, 0), BEIJING)))
        if not lines:
            raise Refused(400, "NO_STATEMENT_EXIST", "there is no bill of that day")
        return bill_file(lines, reordered=self._switches.take(Failure.BILL_REORDERED, "bill") is not None)

    async def _download(self, request: Request) -> Reply:
        """The file itself, which nobody signs: its hash was."""

        def work(request: Request) -> Content:
            found = self._files.get(request.query.get("token", ""))
            expired = self._switches.take(Failure.BILL_LINK_EXPIRED, "bill_file") is not None
            if found is None or expired or self._clock.now() > found.until:
                raise Refused(400, "INVALID_REQUEST", "the link has expired")
            return {}

        reply = self._desk.answer("bill_file", work, request)
        if reply.status != 200 or not reply.headers:
            return reply
        found = self._files[request.query["token"]]
        content = gzip.compress(found.content) if found.zipped else found.content
        return Reply(
            200, content, "application/x-gzip" if found.zipped else "text/plain", ending=reply.ending
        )
