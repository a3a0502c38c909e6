"""The provider as one thing: its parts put together, its routes, and its doors for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Route
from coinslot.sandbox.providers.phone import Act, Shown, Till
from coinslot.sandbox.providers.retries import Retries
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.account import WechatAccount
from coinslot.sandbox.providers.wechat.bills import Bills
from coinslot.sandbox.providers.wechat.book import Book, Kind, Order, Refund, RefundState
from coinslot.sandbox.providers.wechat.desk import Desk
from coinslot.sandbox.providers.wechat.notices import GAPS_S, Notices
from coinslot.sandbox.providers.wechat.openids import OpenIds
from coinslot.sandbox.providers.wechat.payments import Payments
from coinslot.sandbox.providers.wechat.refused import Refused
from coinslot.sandbox.providers.wechat.split_calls import SplitCalls
from coinslot.sandbox.providers.wechat.splits import Splits
from coinslot.sandbox.providers.wechat.transfer_calls import TransferCalls
from coinslot.sandbox.providers.wechat.transfers import Transfers


class WechatSandbox:
    """One merchant's WeChat Pay; see `server.ProviderSandbox`.

    `wire_now` is what signatures are dated with: real time unless told otherwise, so that clients whose clock nobody
    moves work while the sandbox's own time is moved.
    """

    def __init__(
        self,
        account: WechatAccount,
        *,
        clock: SandboxClock,
        switches: Switches,
        answer_within_s: float = 5.0,
        wire_by_sandbox_clock: bool = False,
    ) -> None:
        self.name = "wechat"
        self.account = account
        self.book = Book()
        self.retries = Retries(clock, GAPS_S, answer_within_s=answer_within_s)
        self.till: Till = WechatTill(self)
        self._clock = clock
        self._switches = switches
        self._wire_by_sandbox_clock = wire_by_sandbox_clock
        self.notices = Notices(account, clock, switches, self.retries, self.wire_now)
        self.openids = OpenIds(account, clock, switches)
        self.splits = Splits()
        self.transfers = Transfers()
        desk = Desk(account, switches, self.notices, self.wire_now)
        self._payments = Payments(self, desk, clock, switches)
        self.bills = Bills(account, self.book, desk, clock, switches)
        self._split_calls = SplitCalls(self, desk, clock, switches)
        self._transfer_calls = TransferCalls(self, desk, clock, switches)

    def routes(self) -> tuple[Route, ...]:
        """What it answers."""
        return (
            *self._payments.routes(),
            *self.bills.routes(),
            *self._split_calls.routes(),
            *self._transfer_calls.routes(),
            *self.openids.routes(),
        )

    def attach(self, url: str, wire_url: str) -> None:
        """See `server.ProviderSandbox`; links to files are made as they are asked for."""
        self._payments.url = url

    def change_key(self) -> dict[str, str]:
        """See `server.ProviderSandbox`: the earlier key is still known to whoever asks with it."""
        key = self.account.change_key()
        return {"id": key.id, "public_keys": key.pem()}

    def wire_now(self) -> datetime:
        """What signatures are dated with and judged by."""
        now = self._clock.now() if self._wire_by_sandbox_clock else datetime.now(UTC)
        skew = self._switches.take(Failure.CLOCK_SKEW)
        return now if skew is None else now + timedelta(seconds=skew.number(600))

    def pay(self, number: str, openid: str = "", *, although_closed: bool = False) -> None:
        """The payer pays; the merchant will be told. Refused when the provider would not take it."""
        self.pay_order(self.book.find(number), openid, although_closed=although_closed)

    def pay_order(self, order: Order, openid: str = "", *, although_closed: bool = False) -> None:
        """See `pay`."""
        payer = openid or (order.body.payer.openid if order.body.payer else self.openids.default)
        self.book.pay(order, payer, self._clock.now(), although_closed=although_closed)
        self.notices.paid(order)

    def confirm_transfer(self, number: str) -> None:
        """The payee takes what was sent. Refused when nothing waits for that."""
        self._transfer_calls.confirm(number)

    def end_refund(self, order: Order, refund: Refund) -> None:
        """The refund comes to its end now, unless it has already."""
        if refund.state is not RefundState.PROCESSING or self._switches.take(Failure.REFUND_STAYS):
            return
        if self._switches.take(Failure.REFUND_ABNORMAL):
            refund.state = RefundState.ABNORMAL
        elif self._switches.take(Failure.REFUND_CLOSED):
            refund.state = RefundState.CLOSED
        else:
            refund.state = RefundState.SUCCESS
        refund.ended_at = self._clock.now() if refund.state is RefundState.SUCCESS else None
        self.notices.refunded(order, refund)


class WechatTill:
    """The orders as payers see them; see `phone.Till`."""

    def __init__(self, sandbox: WechatSandbox) -> None:
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
        """See `phone.Till`."""
        order = self._sandbox.book.by_code(code)
        if order is None:
            return "This code belongs to no order."
        if act is Act.DECLINE:
            return "You did not pay."
        said = self._pay(order, although_closed=act is Act.PAY_AFTER_CLOSE)
        return f"{said} Pressed again: {self._pay(order)}" if act is Act.PAY_TWICE else said

    def _pay(self, order: Order, *, although_closed: bool = False) -> str:
        try:
            self._sandbox.pay_order(order, although_closed=although_closed)
        except Refused as refused:
            return f"Not paid: {refused.message}."
        return "Paid."

    def _shown(self, order: Order) -> Shown:
        amount = order.body.amount
        return Shown(
            code=order.code,
            provider="WeChat Pay" if order.kind is not Kind.H5 else "WeChat Pay (H5)",
            merchant=self._sandbox.account.name,
            subject=order.body.description,
            amount=f"{amount.total // 100}.{amount.total % 100:02d} {amount.currency}",
            state=order.state,
            number=order.body.out_trade_no,
        )
