"""The provider as one thing: its parts put together, its routes, and its doors for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from coinslot.sandbox.providers.alipay.account import AlipayAccount
from coinslot.sandbox.providers.alipay.bills import Bills
from coinslot.sandbox.providers.alipay.book import Book, Kind, Order
from coinslot.sandbox.providers.alipay.calls import Calls
from coinslot.sandbox.providers.alipay.gateway import Gateway
from coinslot.sandbox.providers.alipay.notices import GAPS_S, Notices
from coinslot.sandbox.providers.alipay.refused import Refused, failed
from coinslot.sandbox.providers.alipay.royalties import Royalties
from coinslot.sandbox.providers.alipay.royalty_calls import RoyaltyCalls
from coinslot.sandbox.providers.alipay.told import yuan
from coinslot.sandbox.providers.alipay.transfers import TransferCalls, Transfers
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Reply, Request, Route, html_reply, json_reply, redirect
from coinslot.sandbox.providers.pages import page
from coinslot.sandbox.providers.phone import Act, Shown, Till, unknown_code
from coinslot.sandbox.providers.retries import Retries
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.words import words_for


class AlipaySandbox:
    """One merchant's Alipay; see `server.ProviderSandbox`.

    `wire_now` is what is signed and judged by: real time unless told otherwise, so that clients whose clock nobody
    moves work while the sandbox's own time is moved.
    """

    def __init__(
        self,
        account: AlipayAccount,
        *,
        clock: SandboxClock,
        switches: Switches,
        answer_within_s: float = 5.0,
        wire_by_sandbox_clock: bool = False,
    ) -> None:
        self.name = "alipay"
        self.account = account
        self.book = Book()
        self.retries = Retries(clock, GAPS_S, answer_within_s=answer_within_s)
        self.till: Till = AlipayTill(self)
        self._clock = clock
        self._switches = switches
        self._wire_by_sandbox_clock = wire_by_sandbox_clock
        self.notices = Notices(account, switches, self.retries, self.wire_now)
        self._gateway = Gateway(account, switches, self.notices, self.wire_now)
        self._calls = Calls(self, self._gateway, clock, switches)
        self.royalties = Royalties()
        self.transfers = Transfers()
        RoyaltyCalls(self, self._gateway, clock, switches)
        TransferCalls(self.transfers, self._gateway, clock, switches)
        self._bills = Bills(account, self.book, self._gateway, clock, switches)

    def routes(self) -> tuple[Route, ...]:
        """What it answers."""
        return (
            *self._gateway.routes(),
            *self._bills.routes(),
            Route("GET", "/alipay/qr/{code}", self._scanned),
            Route("POST", "/sandbox/alipay/{code}/scan", self._scan_for_programs),
        )

    def attach(self, url: str, wire_url: str) -> None:
        """See `server.ProviderSandbox`."""
        self._calls.url = url
        self._bills.url = wire_url

    def change_key(self) -> dict[str, str]:
        """See `server.ProviderSandbox`."""
        self.account.change_key()
        return {"public_key": self.account.public_pem()}

    def wire_now(self) -> datetime:
        """What signatures are dated with and judged by."""
        now = self._clock.now() if self._wire_by_sandbox_clock else datetime.now(UTC)
        skew = self._switches.take(Failure.CLOCK_SKEW)
        return now if skew is None else now + timedelta(seconds=skew.number(600))

    def scan(self, order: Order, *, although_closed: bool = False) -> None:
        """Somebody looks at what is to be paid: from now on there is a trade, which ends by itself. Refused."""
        if not self.book.scan(order, self._clock.now(), although_closed=although_closed):
            return
        assert order.expires_at is not None

        async def end() -> None:
            if self.book.expire(order, self._clock.now()):
                self.notices.changed(order)

        self._clock.after((order.expires_at - self._clock.now()).total_seconds(), end)

    def pay(self, number: str, *, although_closed: bool = False) -> None:
        """The payer scans and pays; the merchant will be told. Refused when the provider would not take it."""
        order = self.book.order(number)
        if order is None:
            raise failed("ACQ.TRADE_NOT_EXIST", "there is no such order")
        self.pay_order(order, although_closed=although_closed)

    def pay_order(self, order: Order, *, although_closed: bool = False) -> None:
        """See `pay`."""
        self.scan(order, although_closed=although_closed)
        self.book.pay(order, self._clock.now(), although_closed=although_closed)
        self.notices.changed(order)

    async def _scanned(self, request: Request) -> Reply:
        """What a camera opens."""
        order = self.book.by_code(request.matched["code"])
        if order is None:
            return unknown_code(words_for(request))
        try:
            self.scan(order)
        except Refused:
            words = words_for(request)
            body = f"<section><p>{words('Ask for a new one.')}</p></section>"
            return html_reply(page("Code no longer valid", body, words=words), 410)
        return redirect(f"/pay/{order.code}")

    async def _scan_for_programs(self, request: Request) -> Reply:
        order = self.book.by_code(request.matched["code"])
        if order is None:
            return json_reply(404, {"message": "no order has this code"})
        try:
            self.scan(order)
        except Refused as refused:
            return json_reply(410, {"message": refused.words})
        return json_reply(200, self.till.show(order.code))


class AlipayTill:
    """The orders as payers see them; see `phone.Till`."""

    def __init__(self, sandbox: AlipaySandbox) -> None:
        self.name = sandbox.name
        self._sandbox = sandbox

    def show(self, code: str) -> Shown | None:
        """See `phone.Till`."""
        order = self._sandbox.book.by_code(code)
        return None if order is None else self._shown(order)

    def orders(self) -> Iterable[Shown]:
        """See `phone.Till`."""
        return [self._shown(order) for order in reversed(self._sandbox.book.orders())]

    def act(self, code: str, act: Act) -> str:
        """See `phone.Till`. Whoever declines has scanned it first."""
        order = self._sandbox.book.by_code(code)
        if order is None:
            return "This code belongs to no order."
        if act is Act.DECLINE:
            try:
                self._sandbox.scan(order)
            except Refused as refused:
                return f"Not paid: {refused.words}."
            return "You did not pay."
        said = self._pay(order, although_closed=act is Act.PAY_AFTER_CLOSE)
        return f"{said} Pressed again: {self._pay(order)}" if act is Act.PAY_TWICE else said

    def _pay(self, order: Order, *, although_closed: bool = False) -> str:
        try:
            self._sandbox.pay_order(order, although_closed=although_closed)
        except Refused as refused:
            return f"Not paid: {refused.words}."
        return "Paid."

    def _shown(self, order: Order) -> Shown:
        return Shown(
            code=order.code,
            provider="Alipay" if order.kind is Kind.QR else "Alipay (mobile web)",
            merchant=self._sandbox.account.name,
            subject=order.body.subject,
            amount=f"{yuan(order.body.fen)} CNY",
            state=order.state.value if order.trade_no else "not scanned yet",
            number=order.body.out_trade_no,
            return_url=order.return_url,
        )
