"""An operator that takes money online, and somebody with a phone who tops up there: providers played by hand."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest_asyncio

from coinslot.engines.broker import EmbeddedBroker
from coinslot.engines.connect import open_pool
from coinslot.ledger import accounts
from coinslot.ledger import store as ledger
from coinslot.link.clients import connect
from coinslot.link.outgoing import Outgoing
from coinslot.payments.model import Attempt, Intent, Merchant
from coinslot.payments.port import Channel, Created, PaymentOrder, Rejected
from coinslot.rows import many
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.inbox import take_notification
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.rows import ATTEMPT_COLUMNS, INTENT_COLUMNS
from coinslot.settlement.payments.worker import Cashier
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web.app import build_app
from coinslot.web.live.board import LiveBoard
from coinslot.web.services import Services
from coinslot.web.streams import Streams
from coinslot.wire.ids import CustomerId, new_id
from tests.postgres.web.arriving import Browser, Form, Shown
from tests.postgres.web.conftest import DOOR, KEYRING, Api, House, Phones
from tests.support.api_document import Document
from tests.support.engines import create_database, drop_database
from tests.support.played_provider import PlayedProvider
from tests.support.using import log_in

PHONE = "Mozilla/5.0 (Linux; Android 14; HarmonyOS) Mobile Safari/537.36"
COMPUTER = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
WECHAT = f"{PHONE} MicroMessenger/8.0.50"
ALIPAY = f"{PHONE} AlipayClient/10.5"
_ADDRESSES = itertools.count(1)
_PAY = re.compile(r"/pay/(pay_[0-9a-z]+)")


class Wallet(PlayedProvider):
    """WeChat or Alipay, as far as pages see them: codes, pages, and who pays inside its app."""

    knows_payers = True

    def __init__(self, merchant: str, name: str) -> None:
        super().__init__(merchant, name)
        self.codes: dict[str, str] = {}
        """Who each code is for; each serves once."""
        self.asked: list[PaymentOrder] = []

    async def create(self, order: PaymentOrder) -> Created:
        self.asked.append(order)
        made = await super().create(order)
        match order.channel:
            case Channel.BROWSER:
                return Created(url=f"https://{self.name}.example/{order.number}")
            case Channel.IN_APP:
                if order.payer not in ("openid-lin", "openid-mei"):
                    raise Rejected("PAYER")
                return Created(in_app={"package": f"prepay_id={order.number}"})
            case _:
                return made

    def authorize_url(self, redirect: str, state: str) -> str:
        query = urlencode({"redirect_uri": redirect, "state": state})
        return f"https://{self.name}.example/authorize?{query}"

    async def openid_of(self, code: str) -> str:
        if code not in self.codes:
            raise Rejected("40029")
        return self.codes.pop(code)


@dataclass
class Shop:
    """One operator with WeChat Pay and Alipay."""

    api: Api
    house: House
    wechat: Wallet
    alipay: Wallet
    merchants: dict[str, Merchant]
    cashier: Cashier

    @property
    def customer(self) -> CustomerId:
        """The first customer, with 20.00 of cash."""
        return self.house.customers[0]

    def wallet(self, provider: str) -> Wallet:
        """The played provider of this name."""
        return {"wechat": self.wechat, "alipay": self.alipay}[provider]

    async def visitor(self, number: int = 0, *, agent: str = PHONE, language: str = "en") -> Visitor:
        """A browser that is logged in as one of the customers."""
        token = await log_in(self.api.pool, self.house.operator, self.house.customers[number])
        return self.browser(token, agent=agent, language=language)

    def browser(self, token: str = "", *, agent: str = PHONE, language: str = "en") -> Visitor:
        """A browser with this token in its cookie."""
        # Each from an address of its own: what one may send is limited by it.
        visitor = Visitor(self.api, language=language, address=f"198.51.100.{next(_ADDRESSES) % 250}")
        visitor.http.headers["User-Agent"] = agent
        if token:
            visitor.http.cookies.set("cs", token, domain="api.test")
        return visitor

    async def intents(self) -> list[Intent]:
        """Oldest first."""
        rows = await self.api.pool.fetch(
            f"SELECT {INTENT_COLUMNS} FROM payment_intent i WHERE i.operator_id = $1 ORDER BY i.opened_at, i.intent_id",
            self.house.operator,
        )
        return many(rows, Intent)

    async def attempts(self) -> list[Attempt]:
        """Likewise."""
        rows = await self.api.pool.fetch(
            f"SELECT {ATTEMPT_COLUMNS} FROM payment_attempt a WHERE a.operator_id = $1 ORDER BY a.made_at, a.number",
            self.house.operator,
        )
        return many(rows, Attempt)

    async def pays(self, attempt: Attempt) -> None:
        """The payer pays at the provider, which tells us of it."""
        self.wallet(attempt.provider).pays(attempt.number)
        await self.notified(attempt)

    async def notified(self, attempt: Attempt) -> None:
        """The provider tells us how it stands, and the cashier acts on it."""
        merchant, provider = self.merchants[attempt.provider], self.wallet(attempt.provider)
        said = provider.notice(attempt.number)
        await take_notification(self.api.pool, merchant, provider, *said, provider.now())
        await self.cashier.once()

    async def passes(self, minutes: int) -> None:
        """Time, for what is under way."""
        await self.api.pool.execute(
            "WITH a AS (UPDATE payment_intent SET opened_at = opened_at - $1::interval, expires_at = expires_at - $1"
            " WHERE operator_id = $2)"
            " UPDATE payment_attempt SET made_at = made_at - $1, expires_at = expires_at - $1,"
            " next_poll_at = next_poll_at - $1 WHERE operator_id = $2",
            timedelta(minutes=minutes),
            self.house.operator,
        )
        for provider in (self.wechat, self.alipay):
            for order in provider.sheet.orders.values():
                order.expires_at -= timedelta(minutes=minutes)

    async def principal(self) -> int:
        """What the first customer's wallet has of it, minor units."""
        return await ledger.balance(
            self.api.pool, self.house.operator, accounts.customer_principal(self.customer), "CNY"
        )

    async def bonus(self) -> int:
        """Likewise of bonus."""
        return await ledger.balance(
            self.api.pool, self.house.operator, accounts.customer_bonus(self.customer), "CNY"
        )


class Visitor(Browser):
    """Somebody who tops up."""

    async def tops_up(
        self, amount: str = "50.00", way: str = "", path: str = "/topup", **changes: str
    ) -> Shown:
        """Choose and press; the payment's page."""
        page = await self.open(path)
        if way:
            changes["way"] = way
        return await self.press(page.main, amount=amount, **changes)


def payment_of(page: Shown) -> str:
    """Which payment a page is about."""
    found = _PAY.search(page.text)
    assert found is not None, page.text
    return found[1]


def with_field(form: Form | None, **fields: str) -> Form:
    """The form with other fields."""
    assert form is not None
    return Form(form.action, {**form.fields, **fields})


@dataclass
class Mall:
    """A server for all shops of a test file: what costs seconds is made once."""

    api: Api
    wallets: dict[str, Wallet] = field(default_factory=dict)
    """By merchant."""

    def find(self, merchant: Merchant) -> Wallet | None:
        """What the door asks for adapters."""
        return self.wallets.get(merchant.merchant_id)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def mall(admin_url: str, template_name: str, broker_engine: EmbeddedBroker) -> AsyncIterator[Mall]:
    """One for the whole file: each test comes with an operator of its own."""
    url, access = await create_database(admin_url, template_name), broker_engine.access
    client = await connect(access.url, user=access.server_user, password=access.server_password, name="mall")
    pool = await open_pool(url, min_size=1, max_size=10)
    try:
        wallets: dict[str, Wallet] = {}
        live, phones = LiveBoard(pool, client), Phones()
        starter = Starter(PostgresBooks(pool), Outgoing(client).send_all)
        await live.start()

        async def connected() -> None:
            """Nobody asks here."""

        door = PaymentDoor(
            pool=pool,
            find=lambda merchant: wallets.get(merchant.merchant_id),
            notify_url=lambda merchant: f"https://api.test/{merchant.merchant_id}",
        )
        app = build_app(
            Services(
                pool=pool,
                starter=starter,
                door=DOOR,
                check_broker=connected,
                keyring=KEYRING,
                notifier=phones,
                live=live,
                streams=Streams(),
                payments=door,
            )
        )
        transport = httpx.ASGITransport(app)
        hooks = {"response": [Document(app).check]}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://api.test", event_hooks=hooks
        ) as http:
            yield Mall(Api(http, pool, phones, app), wallets)
        await live.stop()
        await starter.close()
    finally:
        await client.close()
        pool.terminate()
        await drop_database(admin_url, url)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(mall: Mall) -> Shop:
    """A new operator, which takes money online."""
    api = mall.api
    house = await api.house(new_id("North"))
    number = len(mall.wallets)
    wechat, alipay = Wallet(f"19{number}", "wechat"), Wallet(f"20{number}", "alipay")
    merchants = {}
    async with api.pool.acquire() as connection:
        for provider in (wechat, alipay):
            merchant = await add_merchant(
                connection,
                house.operator,
                provider=provider.name,
                account=provider.merchant,
                app=provider.app,
                name=f"{provider.name} of North",
                by="test",
            )
            merchants[provider.name] = merchant
            mall.wallets[merchant.merchant_id] = provider
    return Shop(api, house, wechat, alipay, merchants, Cashier(api.pool, mall.find))
