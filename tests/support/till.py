"""Payments on real PostgreSQL, with played providers: an operator, customers, and a cashier who works when told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from coinslot.engines.connect import Pool
from coinslot.fleet.store import create_operator
from coinslot.ledger import accounts
from coinslot.ledger import store as ledger
from coinslot.ledger.events import cash_topup, late_usage
from coinslot.ledger.verify import verify
from coinslot.payments.model import Attempt, Intent, IntentPurpose, Merchant, Refund
from coinslot.payments.port import Channel, Headers, Outcome
from coinslot.people.customers import add_customer
from coinslot.rows import many
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.attempts import BeginAttempt, OrderDetails, begin_attempt
from coinslot.settlement.payments.collecting import close_attempt, create
from coinslot.settlement.payments.inbox import take_notification
from coinslot.settlement.payments.intents import OpenIntent, open_intent
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.rows import REFUND_COLUMNS, find_attempt, find_intent
from coinslot.settlement.payments.worker import Cashier
from coinslot.wire.ids import CustomerId, OperatorId, new_id
from tests.support.played_provider import PlayedProvider

CNY = "CNY"
DETAILS = OrderDetails(subject="Top-up {10}", notify_url="https://campus.example/pay/played")
_SHIFT = """
    WITH a AS (UPDATE payment_intent SET opened_at = opened_at - $1::interval, expires_at = expires_at - $1,
                 paid_at = paid_at - $1, follow_at = follow_at - $1),
         b AS (UPDATE payment_attempt SET made_at = made_at - $1, expires_at = expires_at - $1, paid_at = paid_at - $1,
                 next_poll_at = next_poll_at - $1)
    UPDATE refund SET sent_at = sent_at - $1, next_at = next_at - $1, requested_at = requested_at - $1
"""


class Till:
    """One operator's payments."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.operator = OperatorId("")
        self.providers: dict[str, PlayedProvider] = {}
        self.merchants: list[Merchant] = []
        self._keys = 0
        self.cashier = Cashier(pool, self.find, every_s=0.05)

    async def open(self, merchants: Sequence[str] = ("1900",)) -> Till:
        """An operator with these accounts, each at a provider of its own."""
        async with self.pool.acquire() as connection:
            made = await create_operator(
                connection, name=new_id("name"), currency=CNY, timezone="Asia/Shanghai", by="test"
            )
            self.operator = made.operator_id
        for account in merchants:
            await self.add_merchant(PlayedProvider(account))
        return self

    async def add_merchant(self, provider: PlayedProvider) -> Merchant:
        """One more account."""
        async with self.pool.acquire() as connection:
            merchant = await add_merchant(
                connection,
                self.operator,
                provider=provider.name,
                account=provider.merchant,
                app=provider.app,
                name=f"Account {provider.merchant}",
                by="test",
            )
        self.providers[merchant.merchant_id] = provider
        self.merchants.append(merchant)
        return merchant

    def find(self, merchant: Merchant) -> PlayedProvider | None:
        """What the cashier asks for adapters."""
        return self.providers.get(merchant.merchant_id)

    @property
    def merchant(self) -> Merchant:
        """The first account."""
        return self.merchants[0]

    @property
    def provider(self) -> PlayedProvider:
        """Its provider."""
        return self.providers[self.merchant.merchant_id]

    def key(self) -> str:
        """A new request key."""
        self._keys += 1
        return f"k{self._keys}"

    async def customer(self, *, cash_minor: int = 0, owes_minor: int = 0) -> CustomerId:
        """Somebody with a wallet."""
        self._keys += 1
        async with self.pool.acquire() as connection:
            made = await add_customer(connection, self.operator, name=f"Lin {self._keys}", by="test")
            customer = made.customer_id
            entries = []
            if cash_minor:
                entries.append(
                    cash_topup(self.operator, f"cash:{customer}", customer, CNY, amount_minor=cash_minor)
                )
            if owes_minor:
                entries.append(late_usage(self.operator, "s0", customer, CNY, arrears_minor=owes_minor))
            await ledger.post(connection, entries)
        return customer

    def purse(self, customer: CustomerId) -> Purse:
        """The customer's accounts."""
        return Purse(self.operator, customer, CNY)

    async def topup(
        self, customer: CustomerId, amount_minor: int = 10_00, *, bonus_minor: int = 0, key: str = ""
    ) -> Intent:
        """Somebody wants to fill a wallet."""
        return await open_intent(
            self.pool,
            OpenIntent(
                operator=self.operator,
                key=key or self.key(),
                purpose=IntentPurpose.TOPUP,
                customer=customer,
                currency=CNY,
                amount_minor=amount_minor,
                bonus_minor=bonus_minor,
            ),
        )

    async def direct(self, amount_minor: int = 5_00, *, key: str = "") -> Intent:
        """Somebody wants to pay for one use."""
        return await open_intent(
            self.pool,
            OpenIntent(
                operator=self.operator,
                key=key or self.key(),
                purpose=IntentPurpose.DIRECT_SESSION,
                customer=None,
                currency=CNY,
                amount_minor=amount_minor,
                about="outlet 1",
            ),
        )

    async def begin(self, intent: Intent, merchant: Merchant | None = None, *, key: str = "") -> Attempt:
        """An attempt, of which the provider has not heard."""
        return await begin_attempt(
            self.pool,
            BeginAttempt(
                operator=self.operator,
                key=key or self.key(),
                intent=intent.intent_id,
                merchant=(merchant or self.merchant).merchant_id,
                channel=Channel.QR,
            ),
        )

    async def create(self, attempt: Attempt) -> Attempt:
        """The provider is called."""
        return await create(self.pool, self.providers[attempt.merchant_id], attempt, DETAILS)

    async def offered(self, intent: Intent, merchant: Merchant | None = None) -> Attempt:
        """An attempt that can be paid."""
        return await self.create(await self.begin(intent, merchant))

    async def paid_topup(
        self, customer: CustomerId, amount_minor: int = 10_00, merchant: Merchant | None = None
    ) -> Attempt:
        """A wallet filled, all the way."""
        attempt = await self.offered(await self.topup(customer, amount_minor), merchant)
        self.providers[attempt.merchant_id].pays(attempt.number)
        assert await self.notified(attempt) is Outcome.TAKEN
        await self.cashier.apply()
        return await self.attempt(attempt)

    async def notified(self, attempt: Attempt, notification_id: str = "", /, **changed: object) -> Outcome:
        """The provider says how the payment stands."""
        provider = self.providers[attempt.merchant_id]
        return await self.hears(
            provider.notice(attempt.number, notification_id, **changed), attempt.merchant_id
        )

    async def hears(self, said: tuple[Headers, bytes], merchant_id: str = "") -> Outcome:
        """Anything, as it comes over HTTP."""
        merchant = next(
            m for m in self.merchants if m.merchant_id == (merchant_id or self.merchant.merchant_id)
        )
        provider = self.providers[merchant.merchant_id]
        reply = await take_notification(self.pool, merchant, provider, *said, provider.now())
        return Outcome(reply.body.decode())

    async def closed(self, attempt: Attempt) -> Attempt:
        """Somebody thinks better of it."""
        merchant = next(m for m in self.merchants if m.merchant_id == attempt.merchant_id)
        return await close_attempt(self.pool, self.providers[attempt.merchant_id], merchant, attempt)

    async def passes(self, time: timedelta) -> None:
        """Time, for us and for the providers."""
        await self.pool.execute(_SHIFT, time)
        for provider in self.providers.values():
            for order in provider.sheet.orders.values():
                order.expires_at -= time

    async def works(self, *, rounds: int = 1, every: timedelta = timedelta()) -> None:
        """The cashier does all that is due, so many times."""
        for _ in range(rounds):
            await self.passes(every)
            await self.cashier.once()

    async def attempt(self, attempt: Attempt) -> Attempt:
        """As it is now."""
        found = await find_attempt(self.pool, self.operator, attempt.number)
        assert found is not None
        return found

    async def intent(self, intent: Intent | Attempt) -> Intent:
        """As it is now."""
        found = await find_intent(self.pool, self.operator, intent.intent_id)
        assert found is not None
        return found

    async def refunds(self) -> list[Refund]:
        """All there are, oldest first."""
        rows = await self.pool.fetch(
            f"SELECT {REFUND_COLUMNS} FROM refund r ORDER BY r.requested_at, r.number"
        )
        return many(rows, Refund)

    async def balance(self, path: str) -> int:
        """In its natural sign."""
        return await ledger.balance(self.pool, self.operator, path, CNY)

    async def principal(self, customer: CustomerId) -> int:
        """What is refundable in the wallet."""
        return await self.balance(accounts.customer_principal(customer))

    async def clearing(self, merchant: Merchant | None = None) -> int:
        """What the provider holds by our books."""
        return await self.balance(accounts.merchant_clearing((merchant or self.merchant).merchant_id))

    async def due(self) -> int:
        """What payers are owed through the first account."""
        return await self.balance(accounts.merchant_refunds_due(self.merchant.merchant_id))

    async def suspense(self) -> int:
        """Money that nobody asked for, at the first account."""
        return await self.balance(accounts.merchant_suspense(self.merchant.merchant_id))

    async def reviews(self) -> list[str]:
        """What people have to look at."""
        return [row[0] for row in await self.pool.fetch("SELECT reason FROM review ORDER BY review_id")]

    async def inbox(self) -> list[tuple[str, str]]:
        """State and reason of everything that was heard."""
        rows = await self.pool.fetch(
            "SELECT state, reason FROM payment_inbox ORDER BY received_at, notification_id"
        )
        return [(row[0], row[1].split(" ", 1)[0]) for row in rows]

    async def in_order(self, *, exactly: bool = True) -> None:
        """The ledger is sound, and by its books the providers hold what they really hold."""
        async with self.pool.acquire() as connection:
            report = await verify(connection, operator=self.operator)
        assert report.sound, report.faults
        for merchant in self.merchants if exactly else ():
            assert await self.clearing(merchant) == self.providers[merchant.merchant_id].holds_minor
        wrong = await self.pool.fetch(
            "SELECT a.number FROM payment_attempt a WHERE (a.refunding_minor, a.refunded_minor) <> ("
            " SELECT coalesce(sum(r.amount_minor) FILTER (WHERE r.state <> 'closed'), 0),"
            " coalesce(sum(r.amount_minor) FILTER (WHERE r.state = 'succeeded'), 0)"
            " FROM refund r WHERE r.attempt_number = a.number)"
        )
        assert not wrong


async def meanwhile(provider: PlayedProvider, call: str, deed: Callable[[], Awaitable[object]]) -> None:
    """Let this happen between the provider's deed and its answer."""

    async def happen() -> None:
        await deed()

    provider.meanwhile[call] = happen
