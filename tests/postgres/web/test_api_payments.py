"""An operator's app collects money and gives it back: each request once, every refusal by name."""

from __future__ import annotations

import httpx
import pytest
import pytest_asyncio

from coinslot.fleet.topup_rules import Choice, TopupChanges, set_topup_rules
from tests.postgres.web.paying import Shop, mall, shop
from tests.support.played_provider import Fault

__all__ = ["mall", "shop"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


class App:
    """A program with the operator's key."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def posts(self, path: str, body: object, key: str = "one") -> httpx.Response:
        headers = {**self.shop.house.auth, "Idempotency-Key": key}
        return await self.shop.api.http.post(f"/api/v1{path}", json=body, headers=headers)

    async def gets(self, path: str) -> httpx.Response:
        return await self.shop.api.http.get(f"/api/v1{path}", headers=self.shop.house.auth)

    async def begins(self, key: str = "one", provider: str = "wechat", **changes: object) -> httpx.Response:
        merchant = self.shop.merchants[provider].merchant_id
        body = {"amount_minor": 5000, "merchant": merchant, "channel": "qr", **changes}
        return await self.posts(f"/customers/{self.shop.customer}/payments", body, key)


@pytest_asyncio.fixture(loop_scope="module")
async def app(shop: Shop) -> App:
    return App(shop)


async def test_an_app_shows_the_choices_begins_a_payment_once_and_sees_it_paid(app: App) -> None:
    shop = app.shop
    async with shop.api.pool.acquire() as connection:
        changes = TopupChanges(choices=[Choice(5000, 500)])
        await set_topup_rules(connection, shop.house.operator, changes, by="test")
    choices = (await app.gets("/top-up-choices")).json()
    assert choices["choices"] == [{"amount_minor": 5000, "bonus_minor": 500}]
    assert [one["provider"] for one in choices["merchants"]] == ["wechat", "alipay"]
    first, again = await app.begins(), await app.begins()
    assert first.status_code == again.status_code == 201
    made = first.json()
    assert (again.json(), made["state"], made["bonus_minor"]) == (made, "waiting", 500)
    assert made["pay"]["qr"].startswith("played://")
    other = await app.begins(amount_minor=6000)
    assert (other.status_code, other.json()["reason"]) == (409, "key_conflict")
    [attempt] = await shop.attempts()
    await shop.pays(attempt)
    seen = (await app.gets(f"/payments/{made['id']}")).json()
    assert (seen["state"], seen["pay"]) == ("paid", None)
    assert (await app.begins()).json() == seen
    over = await app.posts(
        f"/payments/{made['id']}/attempts", {"merchant": attempt.merchant_id, "channel": "qr"}, "two"
    )
    assert over.json()["state"] == "paid"
    assert (await shop.principal(), await shop.bonus()) == (70_00, 5_00)


async def test_another_way_closes_the_first_and_an_answer_that_is_lost_is_asked_for_again(app: App) -> None:
    shop = app.shop
    shop.alipay.faults["create"] = [Fault.LOST]
    made = (await app.begins()).json()
    way = {"merchant": shop.merchants["alipay"].merchant_id, "channel": "browser", "address": "203.0.113.7"}
    path = f"/payments/{made['id']}/attempts"
    assert (await app.posts(path, way, "way")).json()["state"] == "making"
    answer = await app.posts(path, way, "way")
    assert answer.json()["state"] == "waiting"
    assert answer.json()["pay"]["url"].startswith("https://alipay.example/")
    assert [one.state.value for one in await shop.attempts()] == ["closed", "pending"]
    shop.alipay.pays((await shop.attempts())[-1].number)
    asked = await app.posts(f"/payments/{made['id']}/ask", None)
    assert (asked.status_code, asked.json()["state"]) == (200, "paid")


async def test_what_cannot_be_collected_is_refused_by_name(app: App) -> None:
    refused: list[tuple[dict[str, object], int, str]] = [
        ({"amount_minor": 99}, 422, "invalid"),
        ({"amount_minor": 100_001}, 422, "invalid"),
        ({"amount_minor": 2**63}, 422, "invalid"),
        ({"amount_minor": -1}, 422, "invalid"),
        ({"amount_minor": 0.01}, 422, "invalid"),
        ({"bonus_minor": 500}, 422, "invalid"),
        ({"currency": "USD"}, 422, "invalid"),
        ({"channel": "in_app"}, 422, "invalid"),
        ({"channel": "browser"}, 422, "invalid"),
        ({"channel": "counter"}, 422, "invalid"),
        ({"return_url": "javascript:alert(1)"}, 422, "invalid"),
        ({"merchant": "mer_unknown"}, 409, "no_merchant"),
    ]
    for number, (changes, status, reason) in enumerate(refused):
        answer = await app.begins(f"key-{number}", **changes)
        assert (answer.status_code, answer.json()["reason"]) == (status, reason), changes
    assert await app.shop.intents() == []


async def test_everything_is_withdrawn_once_and_told_beforehand(app: App) -> None:
    shop = app.shop
    await app.begins()
    await shop.pays((await shop.attempts())[0])
    path = f"/customers/{shop.customer}/withdrawals"
    plan = (await app.posts(f"{path}/preview", {})).json()
    assert (plan["free_minor"], plan["by_hand_minor"]) == (70_00, 20_00)
    assert [part["amount_minor"] for part in plan["parts"]] == [50_00]
    much = await app.posts(path, {"amount_minor": 70_01}, "much")
    assert (much.status_code, much.json()["reason"], much.json()["balance_minor"]) == (409, "too_much", 70_00)
    first, again = await app.posts(path, {}, "all"), await app.posts(path, {}, "all")
    assert first.json()["id"] == again.json()["id"]
    assert (first.json()["amount_minor"], await shop.principal()) == (70_00, 0)
    await shop.cashier.once()
    seen = (await app.gets(f"/withdrawals/{first.json()['id']}")).json()
    assert [(part["state"], part["amount_minor"]) for part in seen["parts"]] == [("succeeded", 50_00)]
    assert (seen["paid_minor"], seen["by_hand_paid"], seen["ended_at"]) == (50_00, False, None)
