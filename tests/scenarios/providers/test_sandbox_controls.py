"""The sandbox by its pages and its JSON: the payer's phone, switches, time, notifications; and who it lets in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx
import pytest
from wechatpayv3.utils import build_authorization

from coinslot.payments.port import PaymentState
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.server import SandboxServer
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat import WechatSandbox
from coinslot.sandbox.providers.words import TRANSLATED
from tests.support.wechat import SHORT, World, account, keys_of, opened_door, payment, wechat_world

NUMBER = "Attempt0000000000000000000000001"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with wechat_world() as made:
        yield made


@pytest.fixture
async def provider(world: World) -> AsyncIterator[WechatPay]:
    made = WechatPay(keys_of(world), deadlines=SHORT)
    yield made
    made.close_connections()


@pytest.fixture
async def phone(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=world.server.url, follow_redirects=True) as client:
        yield client


async def test_a_scanned_code_shows_whom_what_for_and_how_much(
    world: World, provider: WechatPay, phone: httpx.AsyncClient
) -> None:
    order = payment(NUMBER, world.door, subject='<script>alert("x")</script>', amount_minor=5)
    created = await provider.create(order)
    page = (await phone.get(created.qr)).text
    for text in ("Sandbox Water Co.", "&lt;script&gt;", "0.05 CNY", NUMBER, "NOTPAY"):
        assert text in page
    assert "<script" not in page
    assert "You did not pay." in (await phone.post(created.qr, data={"act": "decline"})).text
    assert (await provider.query(NUMBER)).state is PaymentState.WAITING
    said = (await phone.post(created.qr, data={"act": "pay_twice"})).text
    assert "Paid. Pressed again: Not paid: this order has been paid." in said
    await world.clock.settled()
    assert len(world.door.arrived) == 1
    assert (await provider.query(NUMBER)).state is PaymentState.PAID


async def test_a_race_is_paid_although_closed(
    world: World, provider: WechatPay, phone: httpx.AsyncClient
) -> None:
    created = await provider.create(payment(NUMBER, world.door))
    await provider.close(NUMBER)
    assert "Not paid" in (await phone.post(created.qr, data={"act": "pay"})).text
    assert "Paid." in (await phone.post(created.qr, data={"act": "pay_after_close"})).text
    assert (await provider.query(NUMBER)).state is PaymentState.PAID


async def test_two_people_press_at_the_same_moment(
    world: World, provider: WechatPay, phone: httpx.AsyncClient
) -> None:
    await provider.create(payment(NUMBER, world.door))
    code = world.wechat.book.find(NUMBER).code
    answers = await asyncio.gather(*(phone.post(f"/sandbox/orders/{code}/pay") for _ in range(8)))
    assert sorted(answer.json()["said"] == "Paid." for answer in answers) == [False] * 7 + [True]


async def test_programs_list_and_pay_orders(
    world: World, provider: WechatPay, phone: httpx.AsyncClient
) -> None:
    await provider.create(payment(NUMBER, world.door))
    [listed] = (await phone.get("/sandbox/orders")).json()
    assert (listed["number"], listed["state"]) == (NUMBER, "NOTPAY")
    assert (await phone.get(f"/sandbox/orders/{listed['code']}")).json() == listed
    paid = (await phone.post(f"/sandbox/orders/{listed['code']}/pay")).json()
    assert (paid["said"], paid["order"]["state"]) == ("Paid.", "SUCCESS")
    await world.clock.settled()
    [told] = (await phone.get("/sandbox/notifications")).json()["wechat"]
    assert (told["status"], told["taken"]) == (200, True)
    assert (await phone.post(f"/sandbox/orders/{listed['code']}/steal")).status_code == 422
    for missing in ("/sandbox/orders/x", "/pay/x", "/nowhere"):
        assert (await phone.get(missing)).status_code == 404


async def test_failures_are_switched_by_page_and_by_program(world: World, phone: httpx.AsyncClient) -> None:
    page = (await phone.post("/failures", data={"act": "on", "failure": "rate_limit", "on": "create"})).text
    assert "rate_limit · create" in page
    asked = {"failure": "wrong_amount", "on": "notify_payment", "times": 2, "value": "1"}
    assert (await phone.post("/sandbox/switches", json=asked)).json() == asked
    assert len((await phone.get("/sandbox/switches")).json()) == 2
    assert (await phone.delete("/sandbox/switches/rate_limit")).status_code == 204
    assert (await phone.get("/sandbox/switches")).json() == [asked]
    assert (await phone.delete("/sandbox/switches")).status_code == 204
    assert (await phone.get("/sandbox/switches")).json() == []
    for wrong in ({"failure": "no_such"}, {"failure": "rate_limit", "colour": 1}, []):
        assert (await phone.post("/sandbox/switches", json=wrong)).status_code == 422
    assert (await phone.delete("/sandbox/switches/no_such")).status_code == 404


async def test_what_a_switch_cannot_be_told_is_refused(world: World, phone: httpx.AsyncClient) -> None:
    for wrong in (
        {"failure": "notify_late", "value": "soon"},
        {"failure": "notify_at_once", "value": "101"},
        {"failure": "clock_skew", "value": "9" * 12},
        {"failure": "rate_limit", "times": "0"},
        {"failure": "rate_limit", "times": "-1"},
    ):
        page = await phone.post("/failures", data={"act": "on", **wrong})
        assert page.status_code == 422, wrong
        assert 'role="alert"' in page.text
    asked = {"failure": "notify_late", "value": "soon"}
    assert (await phone.post("/sandbox/switches", json=asked)).status_code == 422
    assert (await phone.get("/sandbox/switches")).json() == []
    listed = (await phone.get("/failures")).text
    assert all(f'value="{failure}"' in listed for failure in Failure), "every failure has its switch"


async def test_a_wet_thumb_pays_once_and_is_told_so(
    world: World, provider: WechatPay, phone: httpx.AsyncClient
) -> None:
    created = await provider.create(payment(NUMBER, world.door))
    assert '<div class="dock">' in (await phone.get(created.qr)).text
    assert "Paid." in (await phone.post(created.qr, data={"act": "pay"})).text
    again = (await phone.post(created.qr, data={"act": "pay"})).text
    assert "It was paid before; nothing was taken again." in again
    assert '<div class="dock">' not in again
    await world.clock.settled()
    assert len(world.door.arrived) == 1


async def test_a_code_is_pasted_and_pages_speak_the_phones_language(
    world: World, provider: WechatPay, phone: httpx.AsyncClient
) -> None:
    created = await provider.create(payment(NUMBER, world.door))
    code = created.qr.rpartition("/")[2]
    for held in (created.qr, f" {code} ", f"https://elsewhere.example/pay/{code}?x=1"):
        opened = await phone.post("/", data={"held": held})
        assert (opened.status_code, opened.url.path) == (200, f"/pay/{code}"), held
    for strange in ("", "nothing", "https://[", f"//evil.example/{code}"):
        answer = await phone.post("/", data={"held": strange})
        assert answer.url.host == "127.0.0.1"
        assert answer.status_code == 404
    for path in ("/", f"/pay/{code}", "/failures", "/notifications", "/clock"):
        page = (await phone.get(path, headers={"Accept-Language": "zh-CN,en;q=0.5"})).text
        assert 'lang="zh-CN"' in page
        assert not set(_texts(page)) & set(_texts((await phone.get(path)).text)) & set(TRANSLATED), path
    assert "待支付" in (await phone.get("/", headers={"Accept-Language": "zh"})).text


def _texts(page: str) -> list[str]:
    return [
        text.strip() for text in re.sub(r"<style>.*?</style>", "", page).replace(">", "<").split("<")[::2]
    ]


async def test_a_new_key_is_handed_out_and_signs(
    world: World, provider: WechatPay, phone: httpx.AsyncClient
) -> None:
    before = world.account.signing_key.id
    made = (await phone.post("/sandbox/keys/wechat")).json()
    assert made["id"] != before
    assert "BEGIN PUBLIC KEY" in made["public_keys"]
    assert "PUB_KEY_ID_" in (await phone.post("/failures/key/wechat")).text
    assert (await phone.post("/sandbox/keys/nobody")).status_code == 404
    assert (await phone.post("/failures/key/nobody")).status_code == 404
    created = await provider.create(payment(NUMBER, world.door))
    await phone.post(created.qr, data={"act": "pay"})
    await world.clock.settled()
    [(headers, _)] = world.door.arrived
    assert headers["wechatpay-serial"] == world.account.signing_key.id


async def test_retries_are_seen_to_come(world: World, provider: WechatPay, phone: httpx.AsyncClient) -> None:
    world.door.status = 500
    await provider.create(payment(NUMBER, world.door))
    world.wechat.pay(NUMBER)
    await world.clock.settled()
    page = (await phone.get("/notifications")).text
    assert "not taken, again at" in page
    again = datetime.fromisoformat(
        (await phone.get("/sandbox/notifications")).json()["wechat"][0]["again_at"]
    )
    assert again - world.clock.now() <= timedelta(seconds=15)
    assert (await phone.post("/clock", data={"seconds": "60"})).status_code == 200
    assert len(world.door.arrived) == 4
    for wrong in ("", "-1", "1e9", "99999999"):
        assert (await phone.post("/clock", data={"seconds": wrong})).status_code == 422


async def test_time_is_moved(world: World, phone: httpx.AsyncClient) -> None:
    before = datetime.fromisoformat((await phone.get("/sandbox/clock")).json()["now"])
    after = datetime.fromisoformat((await phone.post("/sandbox/clock", json={"seconds": 90})).json()["now"])
    assert (after - before).total_seconds() == 90
    for wrong in ("x", -1, 1e12):
        assert (await phone.post("/sandbox/clock", json={"seconds": wrong})).status_code == 422


def authorization(world: World, path: str, **changes: str) -> str:
    """A right one for a GET, but for what is changed."""
    account = world.account
    made: str = build_authorization(path, "GET", account.mchid, account.serial, account.private)
    for name, value in changes.items():
        before, _, rest = made.partition(f'{name}="')
        made = f'{before}{name}="{value}"{rest.partition(chr(34))[2]}'
    return made


async def test_only_what_the_merchant_signed_is_let_in_and_once(
    world: World, phone: httpx.AsyncClient
) -> None:
    path = f"/v3/pay/transactions/out-trade-no/{NUMBER}?mchid={world.account.mchid}"

    async def ask(value: str, **headers: str) -> httpx.Response:
        return await phone.get(
            path, headers={"Authorization": value, "Accept": "application/json", **headers}
        )

    right = authorization(world, path)
    assert (await ask(right)).json()["code"] == "ORDER_NOT_EXIST"
    replayed = await ask(right)
    assert (replayed.status_code, replayed.json()["detail"]["field"]) == (401, "nonce_str")
    for name, value in {
        "mchid": "1900000999",
        "serial_no": "A" * 40,
        "timestamp": "1600000000",
        "nonce_str": "another",
        "signature": "AAAA",
    }.items():
        refused = await ask(authorization(world, path, **{name: value}))
        assert (refused.status_code, refused.json()["code"]) == (401, "SIGN_ERROR"), name
        assert refused.headers["wechatpay-signature"], "errors are signed too"
        assert refused.headers["request-id"]
    for value in ("", "Bearer x", right.replace("SHA256", "SHA1")):
        assert (await ask(value)).status_code == 401
    unknown = await ask(authorization(world, path), **{"Wechatpay-Serial": "PUB_KEY_ID_0"})
    assert unknown.status_code == 500, "as the real one says to a key that it does not know"
    assert (await ask(authorization(world, path), Accept="text/html")).status_code == 406


async def test_hurried_time_tells_and_refunds_by_itself() -> None:
    clock, switches = SandboxClock(speed=2000), Switches()
    wechat = WechatSandbox(account(), clock=clock, switches=switches)
    server = SandboxServer(clock=clock, switches=switches, public_url="https://pay.example.org/")
    server.add(wechat)
    told = asyncio.Event()
    async with opened_door() as door, server:

        def third_time(headers: dict[str, str], body: bytes) -> int:
            if len(door.arrived) < 3:
                return 500
            told.set()
            return 204

        door.judge = third_time
        provider = WechatPay(keys_of(World(server, wechat, switches, clock, door)))
        soon = clock.now() + timedelta(days=1)
        created = await provider.create(payment(NUMBER, door, expires_at=soon))
        assert created.qr.startswith("https://pay.example.org/pay/")
        wechat.pay(NUMBER)
        async with asyncio.timeout(10):
            await told.wait()
        assert [each.taken for each in wechat.retries.tries[:2]] == [False, False]
        provider.close_connections()


async def test_a_sandbox_serves_until_it_is_cancelled() -> None:
    clock, switches = SandboxClock(), Switches()
    async with SandboxServer(clock=clock, switches=switches) as server:
        serving = asyncio.create_task(server.serve())
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/sandbox/switches")).json() == []
        assert not serving.done()
        serving.cancel()
    async with httpx.AsyncClient(base_url=server.url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/sandbox/switches")
