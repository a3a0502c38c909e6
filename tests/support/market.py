"""An operator that takes money through a made-up WeChat Pay and Alipay, each on its own wire, and people with phones."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from msgspec import structs

from coinslot.access import stickers
from coinslot.app.seed import make_fleet
from coinslot.app.settings import Role
from coinslot.app.stack import PaymentOptions, Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.fleet.store import create_operator
from coinslot.fleet.topup_rules import Choice, TopupChanges, set_topup_rules
from coinslot.keyring import Keyring
from coinslot.ledger.events import cash_topup
from coinslot.ledger.store import post
from coinslot.payments.model import Merchant
from coinslot.payments.port import Provider
from coinslot.people.browsers import begin_login
from coinslot.people.customers import add_customer
from coinslot.providers.alipay import Alipay
from coinslot.providers.wechat import WechatPay, read_keys
from coinslot.sandbox.providers.alipay import AlipaySandbox
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.server import SandboxServer
from coinslot.sandbox.providers.switches import Switches
from coinslot.sandbox.providers.wechat import WechatSandbox
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.wire.ids import CustomerId, OperatorId
from tests.postgres.web.conftest import Phones
from tests.support import alipay as alipay_support
from tests.support import wechat as wechat_support

ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"
IN_WECHAT = f"{ANDROID} MicroMessenger/8.0.50"


@dataclass
class Market:
    """Everything of it."""

    stack: Stack
    server: SandboxServer
    wechat: WechatSandbox
    alipay: AlipaySandbox
    switches: Switches
    keyring: Keyring
    operator: OperatorId
    sticker: str
    """The path of an appliance's page."""

    @property
    def url(self) -> str:
        """Of the pages."""
        return self.stack.http_url

    async def customer(self, *, cash_minor: int = 0) -> tuple[CustomerId, str]:
        """Somebody new, and the token of a browser that is theirs."""
        async with self.stack.pool.acquire() as connection, connection.transaction():
            customer = (await add_customer(connection, self.operator, name="Lin", by="test")).customer_id
            if cash_minor:
                entry = cash_topup(
                    self.operator, f"cash:{customer}", customer, "CNY", amount_minor=cash_minor
                )
                await post(connection, [entry])
            return customer, await begin_login(connection, self.operator, customer, None)


@contextlib.asynccontextmanager
async def open_market(database_url: str, broker: BrokerAccess) -> AsyncIterator[Market]:
    """The server with its cashier, the sandbox, one appliance. Both of them in this process."""
    clock, switches = SandboxClock(), Switches()
    wechat = WechatSandbox(wechat_support.account(), clock=clock, switches=switches)
    alipay = AlipaySandbox(alipay_support.account(), clock=clock, switches=switches)
    server = SandboxServer(clock=clock, switches=switches)
    server.add(wechat)
    server.add(alipay)
    async with contextlib.AsyncExitStack() as ending:
        await ending.enter_async_context(server)
        wechat_pay = WechatPay(read_keys(wechat_support.settings_of(wechat.account, server.url)))
        ali_pay = Alipay(structs.replace(alipay_support.keys(), gateway=f"{server.url}/gateway.do"))
        adapters: dict[str, Provider] = {"wechat": wechat_pay, "alipay": ali_pay}
        ending.callback(wechat_pay.close_connections)
        ending.callback(ali_pay.close_connections)

        def find(merchant: Merchant) -> Provider | None:
            return adapters.get(merchant.provider)

        keyring = Keyring("a secret for tests alone, 32 letters")
        options = StackOptions(keyring=keyring, notifier=Phones(), payments=PaymentOptions(find=find))
        stack = await ending.enter_async_context(Stack(database_url, broker, {Role.WEB, Role.SWEEP}, options))
        async with stack.pool.acquire() as connection:
            operator = (
                await create_operator(
                    connection,
                    name="North Campus",
                    currency="CNY",
                    timezone="Asia/Shanghai",
                    help_phone="400 800 1234",
                    by="test",
                )
            ).operator_id
            for name, account, app in (
                ("wechat", wechat.account.mchid, wechat.account.appid),
                ("alipay", alipay.account.seller_id, alipay.account.app_id),
            ):
                await add_merchant(
                    connection, operator, provider=name, account=account, app=app, name=name, by="test"
                )
            choices = TopupChanges(choices=[Choice(20_00), Choice(50_00, 5_00), Choice(100_00, 15_00)])
            await set_topup_rules(connection, operator, choices, by="test")
            [terminal] = await make_fleet(connection, operator, terminals=1)
            await connection.execute(
                "UPDATE terminal_link SET online = true, link = 1, link_began_at = now(), epoch = 'epo_1'"
            )
        sticker = f"/m/{stickers.sign(keyring, terminal.appliance_code)}"
        yield Market(stack, server, wechat, alipay, switches, keyring, operator, sticker)
