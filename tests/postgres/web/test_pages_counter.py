"""Topping up with cash: the same page, six digits to show, and somebody at the desk who has received it."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx

from coinslot.ledger import accounts
from coinslot.ledger import store as ledger
from coinslot.providers.counter import with_counters
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.counter import receive, waiting_cash
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from coinslot.settlement.payments.worker import Cashier
from coinslot.web.app import build_app
from coinslot.web.services import Services
from coinslot.wire.ids import StaffId
from tests.postgres.web.arriving import Browser
from tests.postgres.web.conftest import Api, House
from tests.support.using import log_in


async def test_a_customer_shows_a_code_and_the_page_goes_on_once_the_cash_is_there(
    api: Api, house: House
) -> None:
    pool, operator, customer = api.pool, house.operator, house.customers[0]
    services: Services = api.app.state.services
    find = with_counters(pool, lambda _: None)
    door = PaymentDoor(pool=pool, find=find)
    dora = StaffId("stf_dora")
    async with pool.acquire() as connection:
        drawer = await add_merchant(
            connection, operator, provider="counter", account="desk-1", name="Desk", by="test"
        )
        await connection.execute(
            "INSERT INTO staff (operator_id, staff_id, login, name, role, password_hash)"
            " VALUES ($1, $2, 'dora', 'Dora', 'desk', 'none')",
            operator,
            dora,
        )
    app = build_app(replace(services, payments=door))
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as http,
        Browser(Api(http, pool, api.phones, app), language="en") as lin,
    ):
        lin.http.cookies.set("cs", await log_in(pool, operator, customer), domain="api.test")
        page = await lin.press((await lin.open("/topup")).main, amount="50.00", way=drawer.merchant_id)
        [slip] = (await waiting_cash(pool, operator)).receive
        said = f"{slip.code[:3]} {slip.code[3:]}"
        for words in (said, "put down exactly ¥50.00", "Waiting for payment"):
            assert words in page.text, words
        found = re.search(r"/pay/pay_[0-9a-z]+", page.text)
        assert found is not None
        await receive(door, operator, dora, code=said, amount_minor=50_00)
        await Cashier(pool, find).once()
        page = await lin.open(found[0])
        assert "It is in your wallet" in page.text
        assert said not in page.text
        # It goes back the same way, to who shows the code of its own.
        wish = WithdrawalRequest(
            purse=Purse(operator, customer, "CNY"), key="w", amount_minor=30_00, by="test"
        )
        back = await withdraw(pool, wish)
        await Cashier(pool, find).once()
        [out] = (await waiting_cash(pool, operator)).pay_out
        page = await lin.open(f"/me/withdraw/{back.withdrawal_id}")
        assert f"show {out.code[:3]} {out.code[3:]} there" in page.text
    left = await ledger.balance(pool, operator, accounts.customer_principal(customer), "CNY")
    assert left == 20_00 + 20_00
