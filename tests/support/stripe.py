"""A made-up Stripe, a merchant's door that keeps what comes in, and our adapter."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import structs

from coinslot.payments.numbers import payment_number, refund_number
from coinslot.payments.port import Channel, PaymentOrder, RefundOrder, VerifiedEvent
from coinslot.providers.exchange import Deadlines
from coinslot.providers.stripe import Stripe, StripeKeys, StripeSettings, read_keys
from coinslot.sandbox.providers.clock import STILL, SandboxClock
from coinslot.sandbox.providers.server import SandboxServer
from coinslot.sandbox.providers.stripe import StripeAccount, StripeSandbox
from coinslot.sandbox.providers.stripe.book import Session
from coinslot.sandbox.providers.stripe.told import PAYER
from coinslot.sandbox.providers.switches import Switches
from tests.support.wechat import Door, opened_door

PERSONAL = tuple(PAYER.values())
"""What must never be seen outside."""
QUICK = Deadlines(connect_s=2.0, silence_s=0.7, whole_s=3.0, file_s=3.0)
"""For tests that wait for a time-out."""


def settings(made: StripeAccount, gateway: str = "http://127.0.0.1:1") -> StripeSettings:
    """As its operator would write them."""
    return StripeSettings(
        account_id=made.id,
        secret_key=made.secret_key,
        webhook_secret=made.webhook_secret,
        gateway=gateway,
    )


@dataclass
class World:
    """The sandbox, the door to which it tells what happens, and the adapter."""

    server: SandboxServer
    sandbox: StripeSandbox
    switches: Switches
    clock: SandboxClock
    door: Door
    keys: StripeKeys
    stripe: Stripe

    @property
    def account(self) -> StripeAccount:
        """The merchant's."""
        return self.sandbox.account

    def adapter(self, deadlines: Deadlines | None = None, **changes: object) -> Stripe:
        """Another one of the same account, that remembers nothing. To be closed."""
        return Stripe(structs.replace(self.keys, **changes), deadlines=deadlines)

    def order(self, amount_minor: int = 500, **changes: object) -> PaymentOrder:
        """An order of now, of ten minutes."""
        order = PaymentOrder(
            number=payment_number(),
            amount_minor=amount_minor,
            currency="CNY",
            subject="热水 5 分钟",
            channel=Channel.BROWSER,
            expires_at=datetime.now(UTC) + timedelta(minutes=10),
            notify_url=self.door.url,
            return_url="https://wash.example.org/pay",
        )
        return structs.replace(order, **changes)

    def session(self, number: str) -> Session:
        """As the provider has it."""
        found = self.sandbox.book.of_number(number)
        assert found is not None
        return found

    async def paid(self, order: PaymentOrder) -> str:
        """Made and paid, its events delivered; the provider's id of the payment."""
        await self.stripe.create(order)
        self.sandbox.pay(order.number)
        await self.clock.settled()
        return self.session(order.number).intent

    def heard(self, index: int = -1, now: datetime | None = None) -> VerifiedEvent:
        """What came in, parsed."""
        headers, body = self.door.arrived[index]
        return self.stripe.parse_notification(headers, body, now or datetime.now(UTC))


def refund_of(order: PaymentOrder, intent: str, amount_minor: int) -> RefundOrder:
    """A refund with a number of its own."""
    return RefundOrder(
        number=refund_number(),
        payment_number=order.number,
        provider_payment_id=intent,
        amount_minor=amount_minor,
        total_minor=order.amount_minor,
        currency=order.currency,
        reason="unused",
    )


@contextlib.asynccontextmanager
async def stripe_world(*, deadlines: Deadlines | None = None) -> AsyncIterator[World]:
    """A sandbox whose time stands still until it is moved; events go to the door."""
    clock, switches = SandboxClock(speed=STILL), Switches()
    sandbox = StripeSandbox(StripeAccount(), clock=clock, switches=switches)
    server = SandboxServer(clock=clock, switches=switches)
    server.add(sandbox)
    async with opened_door() as door, server:
        sandbox.account.listen(door.url)
        keys = read_keys(settings(sandbox.account, server.url))
        adapter = Stripe(keys, deadlines=deadlines)
        try:
            yield World(server, sandbox, switches, clock, door, keys, adapter)
        finally:
            adapter.close_connections()
