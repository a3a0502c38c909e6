"""Both providers made up, with their own books and keys: what they sign, and the adapters that read it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from coinslot.app.benches.repeats_plan import Arrival, Kind, Payment, Words
from coinslot.app.errors import Problem
from coinslot.app.merchants import Merchants
from coinslot.app.merchants_file import read_merchants
from coinslot.app.sandbox_keys import Accounts, open_accounts, write_merchants
from coinslot.payments.port import Headers
from coinslot.sandbox.providers import alipay, wechat
from coinslot.sandbox.providers.alipay.bodies import OrderBody as AlipayBody
from coinslot.sandbox.providers.alipay.book import Kind as AlipayKind
from coinslot.sandbox.providers.alipay.told import yuan
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.retries import Parcel, Retries
from coinslot.sandbox.providers.server import SandboxServer
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.bodies import Amount
from coinslot.sandbox.providers.wechat.bodies import OrderBody as WechatBody
from coinslot.sandbox.providers.wechat.book import Kind as WechatKind

_NOWHERE: Final = "http://127.0.0.1:9/notify"
"""What orders name as our address: nothing is sent there, arrivals are handed over."""
_LIFE: Final = timedelta(days=5)
_FAILURES: Final = {
    Words.MERCHANT: Failure.WRONG_MERCHANT,
    Words.FORGED: Failure.NOTIFY_UNKNOWN_SIGNER,
    Words.TAMPERED: Failure.NOTIFY_TAMPERED,
}


class Kept(Retries):
    """Keeps what it was to deliver."""

    def __init__(self, clock: SandboxClock) -> None:
        super().__init__(clock, ())
        self.parcels: list[Parcel] = []

    def send(self, parcel: Parcel, *, after_s: float = 0.0) -> None:
        """Nobody's schedule: the plan has its own."""
        self.parcels.append(parcel)


class Providers:
    """Made by `open_providers`. Orders are put into their books directly; the rest is as merchants know them."""

    def __init__(self, accounts: Accounts, server: SandboxServer, merchants: Merchants) -> None:
        self.accounts = accounts
        self.merchants = merchants
        self.server = server
        self.began = datetime.now(UTC)
        """The virtual clock's zero."""
        self.signed = 0
        """Signatures made so far."""
        clock, quiet = SandboxClock(), Switches()
        self._wechat = wechat.WechatSandbox(accounts.wechat, clock=server.clock, switches=server.switches)
        self._alipay = alipay.AlipaySandbox(accounts.alipay, clock=server.clock, switches=server.switches)
        server.add(self._wechat)
        server.add(self._alipay)
        self._at = self.began
        self._switches = quiet
        self._kept = Kept(clock)
        now: Callable[[], datetime] = lambda: self._at  # noqa: E731
        self._wechat_says = wechat.notices.Notices(accounts.wechat, clock, quiet, self._kept, now)
        self._alipay_says = alipay.notices.Notices(accounts.alipay, quiet, self._kept, now)
        self._parcels: dict[int, list[Parcel]] = {}

    def at(self, seconds: float) -> datetime:
        """A moment of the virtual clock."""
        return self.began + timedelta(seconds=seconds)

    def pays(self, payment: Payment, at: datetime) -> None:
        """Somebody orders and pays."""
        if payment.provider == "wechat":
            self._pay_wechat(payment, at)
        else:
            self._pay_alipay(payment, at)

    def says(self, arrival: Arrival, payment: Payment) -> tuple[Headers, bytes]:
        """One try: signed now, dated in virtual time. Header names in lower case, as they come over HTTP."""
        self._at = self.at(arrival.signed_at_s)
        self.signed += 1
        parcels = self._parcels.setdefault(payment.at, [])
        while len(parcels) <= arrival.parcel:
            self._note(payment)
            parcels.append(self._kept.parcels.pop())
        failure = _FAILURES.get(arrival.words)
        if failure is not None:
            self._switches.turn_on(failure, times=1)
        headers, body = parcels[arrival.parcel].make()
        return {name.lower(): value for name, value in headers.items()}, body

    def forget(self, payment: int) -> None:
        """No more will be said of it."""
        self._parcels.pop(payment, None)

    def paid_id(self, payment: Payment) -> str:
        """The provider's own id of what was paid."""
        if payment.provider == "wechat":
            return self._wechat.book.find(payment.number).transaction_id
        return self._alipay.book.trade(payment.number, "").trade_no

    def held_minor(self, provider: str, payments: Sequence[Payment]) -> int:
        """What the provider's book has of these: paid and not given back, fen."""
        ours = [payment for payment in payments if payment.provider == provider]
        if provider == "wechat":
            orders = [self._wechat.book.find(payment.number) for payment in ours]
            return sum(order.body.amount.total - order.refunded() for order in orders)
        trades = [self._alipay.book.trade(payment.number, "") for payment in ours]
        return sum(trade.body.fen - trade.refunded() for trade in trades)

    def _note(self, payment: Payment) -> None:
        if payment.provider == "wechat":
            self._wechat_says.paid(self._wechat.book.find(payment.number))
            return
        trade = self._alipay.book.trade(payment.number, "")
        trade.notify_url = _NOWHERE
        self._alipay_says.changed(trade)
        trade.notify_url = ""  # what becomes of refunds is asked for

    def _pay_wechat(self, payment: Payment, at: datetime) -> None:
        account, book = self.accounts.wechat, self._wechat.book
        body = WechatBody(
            appid=account.appid,
            mchid=account.mchid,
            description="Top-up",
            out_trade_no=payment.number,
            notify_url=_NOWHERE,
            amount=Amount(payment.paid_minor),
        )
        order = book.create(WechatKind.NATIVE, body, at)
        book.pay(order, "", at, although_closed=payment.kind is Kind.LATE)

    def _pay_alipay(self, payment: Payment, at: datetime) -> None:
        book = self._alipay.book
        body = AlipayBody(
            out_trade_no=payment.number, total_amount=yuan(payment.paid_minor), subject="Top-up"
        )
        trade = book.make(AlipayKind.QR, body, "", "", at)
        book.scan(trade, at, although_closed=True)
        book.pay(trade, at, although_closed=True)


@contextlib.asynccontextmanager
async def open_providers(folder: Path, operator: str) -> AsyncIterator[Providers]:
    """Providers on loopback, and adapters with keys of both sides, kept in the folder."""
    accounts = open_accounts(folder)
    # A refund takes three of its seconds.
    server = SandboxServer(clock=SandboxClock(speed=60), switches=Switches())
    merchants = Merchants()
    providers = Providers(accounts, server, merchants)
    async with server:
        file = folder / "repeats.toml"
        write_merchants(file, accounts, server.url, operator)
        contents = read_merchants(file)
        if contents.wrong:
            raise Problem(contents.wrong[0].message, "This is a mistake of the measurement.")
        providers.merchants = Merchants(contents.entries)
        try:
            yield providers
        finally:
            providers.merchants.close()


def accounts_of(accounts: Accounts) -> Mapping[str, tuple[str, str]]:
    """Account and app by provider, as a merchant is noted."""
    return {
        "wechat": (accounts.wechat.mchid, accounts.wechat.appid),
        "alipay": (accounts.alipay.seller_id, accounts.alipay.app_id),
    }
