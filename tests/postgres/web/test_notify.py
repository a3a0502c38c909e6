"""Notifications over HTTP: the sandbox pays, a running server hears of it, the wallet is filled; and what strangers send."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Request
from litestar.datastructures import State

from coinslot.app.merchants import Merchants
from coinslot.app.merchants_file import read_merchants
from coinslot.app.sandbox import make_sandbox
from coinslot.app.sandbox_keys import Accounts, open_accounts, write_merchants
from coinslot.app.settings import Role
from coinslot.app.stack import PaymentOptions, Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.payments.model import Merchant
from coinslot.sandbox.providers.server import SandboxServer
from coinslot.settlement.payments.attempts import OrderDetails
from coinslot.settlement.payments.collecting import create
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.web.payments.notify import MAX_NOTIFICATION_BYTES, headers_of
from tests.support.till import Till

_WAIT_S = 20.0
FORGED = {
    "Wechatpay-Timestamp": "1",
    "Wechatpay-Nonce": "n",
    "Wechatpay-Signature": "AAAA",
    "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Accounts]:
    """Keys take a second to make."""
    folder = tmp_path_factory.mktemp("keys")
    return folder, open_accounts(folder)


@dataclass
class Shop:
    """A running server, its operator's merchants, and the providers."""

    stack: Stack
    sandbox: SandboxServer
    till: Till
    merchants: dict[str, Merchant]
    http: httpx.AsyncClient

    @property
    def door(self) -> PaymentDoor:
        assert self.stack.payments is not None
        return self.stack.payments

    def path(self, provider: str) -> str:
        return urlsplit(self.door.notify_url(self.merchants[provider])).path

    async def figure(self, provider: str, outcome: str) -> float:
        """Of the metrics."""
        name = f'coinslot_notifications_total{{outcome="{outcome}",provider="{provider}"}} '
        lines = (await self.http.get("/metrics")).text.splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.fixture
async def shop(
    database_url: str, pool: Pool, broker: BrokerAccess, accounts: tuple[Path, Accounts]
) -> AsyncIterator[Shop]:
    folder, known = accounts
    till = await Till(pool).open(merchants=())
    sandbox = make_sandbox(known, host="127.0.0.1", port=0, public_url="")
    async with contextlib.AsyncExitStack() as ending:
        await ending.enter_async_context(sandbox)
        write_merchants(folder / "merchants.toml", known, sandbox.url, till.operator)
        keys = Merchants(read_merchants(folder / "merchants.toml").entries)
        ending.callback(keys.close)
        rows = {}
        async with pool.acquire() as connection:
            for entry in keys.entries:
                rows[entry.provider] = await add_merchant(
                    connection,
                    till.operator,
                    provider=entry.provider,
                    account=entry.account,
                    app=entry.app,
                    name=entry.provider,
                    by="test",
                )
            assert list(await keys.meet(connection)) == []
        options = StackOptions(payments=PaymentOptions(find=keys.find))
        stack = await ending.enter_async_context(Stack(database_url, broker, {Role.WEB, Role.SWEEP}, options))
        http = await ending.enter_async_context(httpx.AsyncClient(base_url=stack.http_url, timeout=10))
        made = Shop(stack, sandbox, till, rows, http)
        known.stripe.endpoints.clear()
        known.stripe.listen(made.door.notify_url(rows["stripe"]))
        yield made


async def test_what_is_paid_at_any_provider_is_on_the_wallet(shop: Shop) -> None:
    for provider, merchant in shop.merchants.items():
        customer = await shop.till.customer()
        intent = await shop.till.topup(customer, 12_34)
        adapter = shop.door.find(merchant)
        assert adapter is not None
        details = OrderDetails(subject="Top-up", notify_url=shop.door.notify_url(merchant))
        made = await create(shop.till.pool, adapter, await shop.till.begin(intent, merchant), details)
        async with httpx.AsyncClient(base_url=shop.sandbox.url) as phone:
            (order,) = (
                each for each in (await phone.get("/sandbox/orders")).json() if each["number"] == made.number
            )
            paid = await phone.post(f"/sandbox/orders/{order['code']}/pay")
            assert paid.json()["said"] == "Paid."
            async with asyncio.timeout(_WAIT_S):
                while await shop.till.principal(customer) != 12_34:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            told = (await phone.get("/sandbox/notifications")).json()[provider]
        assert [(each["status"], each["taken"]) for each in told] == [(200, True)]
        assert await shop.figure(provider, "taken") == 1


async def test_strangers_are_refused_alike_and_leave_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    path = shop.path("wechat")
    merchant = path.rpartition("/")[2]
    with caplog.at_level(logging.INFO):
        forged = [await shop.http.post(path, headers=FORGED, content=b"canary-body") for _ in range(20)]
        assert {answer.status_code for answer in forged} == {401}
        for other in (f"/notify/alipay/{merchant}", "/notify/wechat/mer_nobody", "/notify/stripe/x"):
            answer = await shop.http.post(other, content=b"canary-body")
            assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")
        assert (await shop.http.get(path)).status_code == 405
        assert (await shop.http.post(shop.path("alipay"), content=b"canary-body")).content == b"failure"
    assert "canary" not in caplog.text
    assert merchant not in "".join(
        record.getMessage() for record in caplog.records if record.name.endswith("tracing")
    )
    assert await shop.figure("wechat", "refused") == 20
    assert await shop.till.pool.fetchval("SELECT count(*) FROM payment_inbox") == 0


async def test_bodies_in_pieces_too_long_or_cut_off_do_no_harm(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    path = shop.path("alipay")

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"a=1&" * 1024

    assert (await shop.http.post(path, content=pieces(2))).content == b"failure"
    assert (await shop.http.post(path, content=pieces(17))).status_code == 413
    too_long = b"x" * (MAX_NOTIFICATION_BYTES + 1)
    assert (await shop.http.post(path, content=too_long)).status_code == 413
    with caplog.at_level(logging.WARNING):
        port = urlsplit(shop.stack.http_url).port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        # Another one over the same loop: what came before it has been looked at.
        assert (await shop.http.post(path, content=b"")).status_code == 401
    assert [record for record in caplog.records if record.exc_info] == []


def test_a_header_that_stands_twice_has_both_values_so_that_no_signature_fits() -> None:
    headers = [(b"Wechatpay-Nonce", b"a"), (b"wechatpay-nonce", b"b"), (b"x", b"\xff")]
    request: Request[object, object, State] = Request({"type": "http", "headers": headers})  # type: ignore[arg-type]
    assert headers_of(request) == {"wechatpay-nonce": "a, b", "x": "ÿ"}
