"""Topping up with cash: the same page, six digits to show, and somebody at the desk who has received it."""

from __future__ import annotations

from dataclasses import replace

import httpx

from coinslot.payments.port import Channel
from coinslot.providers.counter import with_counters
from coinslot.settlement.payments.counter import receive, waiting_cash
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.worker import Cashier
from coinslot.web.app import build_app
from coinslot.web.services import Services
from coinslot.wire.ids import StaffId
from tests.postgres.web.conftest import Api
from tests.postgres.web.paying import Shop, shop

__all__ = ["shop"]


async def test_a_customer_shows_a_code_and_the_page_goes_on_once_the_cash_is_there(shop: Shop) -> None:
    pool, operator = shop.api.pool, shop.house.operator
    services: Services = shop.api.app.state.services
    assert services.payments is not None
    find = with_counters(pool, shop.find)
    door = replace(services.payments, find=find)
    async with pool.acquire() as connection:
        drawer = await add_merchant(
            connection, operator, provider="counter", account="desk-1", name="Desk", by="test"
        )
    dora = StaffId("stf_dora")
    await pool.execute(
        "INSERT INTO staff (operator_id, staff_id, login, name, role, password_hash)"
        " VALUES ($1, $2, 'dora', 'Dora', 'desk', 'none')",
        operator,
        dora,
    )
    app = build_app(replace(services, payments=door))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as http:
        shop.api = Api(http, pool, shop.api.phones, app)
        async with await shop.visitor() as lin:
            page = await lin.tops_up(way=drawer.merchant_id)
            [slip] = (await waiting_cash(pool, operator)).receive
            said = f"{slip.code[:3]} {slip.code[3:]}"
            for words in (said, "put down exactly ¥50.00", "Waiting for payment"):
                assert words in page.text, words
            [attempt] = await shop.attempts()
            assert (attempt.channel, slip.number) == (Channel.COUNTER, attempt.number)
            await receive(door, operator, dora, code=said, amount_minor=50_00)
            await Cashier(pool, find).once()
            page = await lin.open(f"/pay/{attempt.intent_id}")
            assert "It is in your wallet" in page.text
            assert said not in page.text
    assert await shop.principal() == 70_00
