"""The payer of the made-up Alipay, by page and by program: scans, pays, declines, pays twice, pays what is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from coinslot.payments.port import PaymentState
from coinslot.sandbox.providers.alipay.book import State
from coinslot.sandbox.providers.switches import Failure
from tests.support.alipay import World, alipay_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with alipay_world() as made:
        yield made


@pytest.fixture
async def web(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A program at the sandbox's door."""
    async with httpx.AsyncClient(base_url=world.server.url, trust_env=False) as client:
        yield client


async def made(world: World, web: httpx.AsyncClient) -> tuple[str, str]:
    """An order's number and the code on its screen."""
    order = world.order()
    created = await world.alipay.create(order)
    shown = (await web.get("/sandbox/orders")).json()[0]
    assert (shown["number"], shown["state"]) == (order.number, "not scanned yet")
    assert created.qr.endswith(shown["code"])
    return order.number, shown["code"]


async def test_scanning_makes_the_trade_and_looking_at_the_list_does_not(
    world: World, web: httpx.AsyncClient
) -> None:
    number, code = await made(world, web)
    await web.get(f"/sandbox/orders/{code}")
    assert (await world.alipay.query(number)).state is PaymentState.ABSENT
    shown = (await web.post(f"/sandbox/alipay/{code}/scan")).json()
    assert shown["state"] == State.WAIT.value
    assert (await world.alipay.query(number)).state is PaymentState.WAITING
    said = (await web.post(f"/sandbox/orders/{code}/pay")).json()
    assert said["order"]["state"] == State.SUCCESS.value
    again = (await web.post(f"/sandbox/orders/{code}/pay_twice")).json()
    assert "has been paid" in again["said"]
    await world.clock.settled()
    assert len(world.door.arrived) == 1
    told = (await web.get("/sandbox/notifications")).json()["alipay"]
    assert [each["taken"] for each in told] == [True]


async def test_who_declines_has_scanned_and_may_pay_what_was_closed_when_asked_to(
    world: World, web: httpx.AsyncClient
) -> None:
    number, code = await made(world, web)
    await web.post(f"/sandbox/orders/{code}/decline")
    assert (await world.alipay.close(number)).state is PaymentState.CLOSED
    assert "closed" in (await web.post(f"/sandbox/orders/{code}/pay")).json()["said"]
    await web.post(f"/sandbox/orders/{code}/pay_after_close")
    assert (await world.alipay.query(number)).state is PaymentState.PAID


async def test_a_code_whose_life_has_ended_opens_nothing_but_may_be_paid_when_asked_to(
    world: World, web: httpx.AsyncClient
) -> None:
    number, code = await made(world, web)
    await world.clock.advance(3600)
    assert (await web.post(f"/sandbox/alipay/{code}/scan")).status_code == 410
    assert (await web.get(f"/alipay/qr/{code}")).status_code == 410
    assert "no longer valid" in (await web.post(f"/sandbox/orders/{code}/decline")).json()["said"]
    assert (await world.alipay.query(number)).state is PaymentState.ABSENT
    await web.post(f"/sandbox/orders/{code}/pay_after_close")
    await world.clock.settled()
    assert (await world.alipay.query(number)).state is PaymentState.PAID
    for path in ("/alipay/qr/bax", "/alipay/bill"):
        assert (await web.get(path)).status_code in (200, 404)
    assert (await web.post("/sandbox/alipay/bax/scan")).status_code == 404


async def test_failures_are_switched_by_program(world: World, web: httpx.AsyncClient) -> None:
    armed = {"failure": Failure.RATE_LIMIT.value, "on": "query", "times": 1}
    assert (await web.post("/sandbox/switches", json=armed)).status_code == 201
    form = {"method": "alipay.trade.query"}
    limited = (await web.post("/gateway.do", data=form)).json()["alipay_trade_query_response"]
    assert limited["code"] == "40005"
    refused = (await web.post("/gateway.do", data=form)).json()["alipay_trade_query_response"]
    assert refused["sub_code"] == "isv.missing-app-id"
    unknown = (await web.get("/gateway.do", params={"method": "alipay.trade.none"})).json()
    assert unknown["error_response"]["sub_code"] == "isv.invalid-method"
