"""Our adapter's calls to WeChat Pay, and everything that can happen to one on its way there and back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from coinslot.payments.port import (
    Channel,
    PaymentState,
    ProviderError,
    RefundState,
    Rejected,
    RetrySameKey,
    Unknown,
)
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.switches import Failure
from tests.support.wechat import SHORT, World, keys_of, payment, refund, wechat_world

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


async def test_a_payment_by_qr_from_order_to_refund(world: World, provider: WechatPay) -> None:
    order = payment(NUMBER, world.door)
    created = await provider.create(order)
    assert created.qr == f"{world.server.url}/pay/{world.wechat.book.find(NUMBER).code}"
    assert await provider.create(order) == created, "the same order again is the same attempt"
    assert (await provider.query(NUMBER)).state is PaymentState.WAITING

    world.wechat.pay(NUMBER)
    seen = await provider.query(NUMBER)
    assert (seen.state, seen.amount_minor, seen.currency) == (PaymentState.PAID, 300, "CNY")
    assert (seen.merchant, seen.app) == (world.account.mchid, world.account.appid)
    assert seen.provider_id == world.wechat.book.find(NUMBER).transaction_id
    assert seen.paid_at is not None
    assert (await provider.close(NUMBER)).state is PaymentState.PAID

    accepted = await provider.refund(refund("R1", NUMBER, world.door))
    assert (accepted.state, accepted.amount_minor) == (RefundState.PROCESSING, 100)
    await world.clock.advance(5)
    done = await provider.query_refund("R1", NUMBER)
    assert (done.state, done.payment_number, done.provider_id) == (
        RefundState.SUCCEEDED,
        NUMBER,
        accepted.provider_id,
    )
    assert (await provider.query(NUMBER)).state is PaymentState.PAID


async def test_a_browser_is_led_to_the_providers_page_and_back(world: World, provider: WechatPay) -> None:
    order = payment(
        NUMBER,
        world.door,
        channel=Channel.BROWSER,
        client_ip="203.0.113.9",
        return_url="https://wash.example.org/s/1?x=1&y=2",
    )
    created = await provider.create(order)
    assert created.url.endswith("redirect_url=https%3A%2F%2Fwash.example.org%2Fs%2F1%3Fx%3D1%26y%3D2")
    async with httpx.AsyncClient() as phone:
        page = (await phone.get(created.url)).text
        assert 'href="https://wash.example.org/s/1?x=1&amp;y=2"' in page
        assert "Paid." in (await phone.post(created.url, data={"act": "pay"})).text
    assert (await provider.query(NUMBER)).state is PaymentState.PAID


async def test_inside_the_app_the_payer_is_known_by_a_redirect(world: World, provider: WechatPay) -> None:
    url = provider.authorize_url("https://wash.example.org/m/T?step=pay", "state 1")
    async with httpx.AsyncClient() as phone:
        back = httpx.URL((await phone.get(url.partition("#")[0])).headers["location"])
    assert (back.params["step"], back.params["state"]) == ("pay", "state 1")
    openid = await provider.openid_of(back.params["code"])
    with pytest.raises(Rejected, match="40163"):
        await provider.openid_of(back.params["code"])

    created = await provider.create(payment(NUMBER, world.door, channel=Channel.IN_APP, payer=openid))
    assert created.in_app["package"] == f"prepay_id={world.wechat.book.find(NUMBER).prepay_id}"
    assert set(created.in_app) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
    world.wechat.pay(NUMBER)
    assert (await provider.query(NUMBER)).payer == openid


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure.RATE_LIMIT, RetrySameKey),
        (Failure.SERVER_ERROR, RetrySameKey),
        (Failure.SILENT_BEFORE, Unknown),
    ],
)
async def test_the_openid_may_not_be_told(
    world: World, provider: WechatPay, failure: Failure, expected: type[ProviderError]
) -> None:
    world.switches.turn_on(failure, on="openid", times=1)
    with pytest.raises(expected):
        await provider.openid_of("x")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"currency": "USD"},
        {"channel": Channel.BROWSER},
        {"channel": Channel.IN_APP},
        {"channel": Channel.COUNTER},
        {"notify_url": "https://wash.example.org/notify?secret=1"},
        {"number": "../../x?mchid=1"},
        {"number": ""},
    ],
)
async def test_what_could_never_be_sent_is_not_sent(
    world: World, provider: WechatPay, changes: dict[str, object]
) -> None:
    with pytest.raises(Rejected):
        await provider.create(payment(**{"number": NUMBER, "door": world.door, **changes}))  # type: ignore[arg-type]
    assert world.wechat.book.orders() == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": datetime.now(UTC) - timedelta(minutes=1)},
        {"channel": Channel.IN_APP, "payer": "oNobodyOfThisApp"},
        {"number": "short"},
        {"notify_url": "http://wash.example.org/notify"},
    ],
)
async def test_what_the_provider_refuses_for_good(
    world: World, provider: WechatPay, changes: dict[str, object]
) -> None:
    with pytest.raises(Rejected):
        await provider.create(payment(**{"number": NUMBER, "door": world.door, **changes}))  # type: ignore[arg-type]


@pytest.mark.parametrize("number", ["", "a/b", "a?b", "a b", "..", "a" * 65])
async def test_a_number_cannot_stand_for_another_address(provider: WechatPay, number: str) -> None:
    for asked in (provider.query(number), provider.close(number), provider.query_refund(number, NUMBER)):
        with pytest.raises(Rejected, match="NUMBER"):
            await asked


async def test_a_subject_is_made_to_fit(world: World, provider: WechatPay) -> None:
    subject = "热水`,\n\t机\u202e🚿" + "长" * 80
    await provider.create(payment(NUMBER, world.door, subject=subject))
    sent = world.wechat.book.find(NUMBER).body.description
    assert sent.startswith("热水 机 🚿长")
    assert len(sent.encode()) <= 127
    assert not re.search("[`,\n\u202e]", sent)


# Failure 3 and 16: what nobody knows is Unknown, and the order is there or not.
@pytest.mark.parametrize(
    ("failure", "expected", "is_there"),
    [
        (Failure.SILENT_AFTER, Unknown, True),
        (Failure.SILENT_BEFORE, Unknown, False),
        (Failure.CUT_AFTER, Unknown, True),
        (Failure.SERVER_ERROR, Unknown, False),
        (Failure.SERVER_ERROR_AFTER, Unknown, True),
        (Failure.RATE_LIMIT, RetrySameKey, False),
        # Failure 7.
        (Failure.TAMPERED, Unknown, True),
        (Failure.UNSIGNED, Unknown, True),
        (Failure.UNKNOWN_SIGNER, Unknown, True),
        (Failure.REFUSED_UNSIGNED, Unknown, False),
        (Failure.REFUSED, Rejected, False),
    ],
)
async def test_a_create_that_goes_wrong(
    world: World, provider: WechatPay, failure: Failure, expected: type[ProviderError], is_there: bool
) -> None:
    world.switches.turn_on(failure, on="create", times=1)
    order = payment(NUMBER, world.door)
    with pytest.raises(ProviderError) as caught:
        await provider.create(order)
    assert type(caught.value) is expected
    state = (await provider.query(NUMBER)).state
    assert state is (PaymentState.WAITING if is_there else PaymentState.ABSENT)
    assert (await provider.create(order)).qr, "the same order may be asked for again"


@pytest.mark.parametrize("operation", ["query", "close"])
@pytest.mark.parametrize(
    "failure", [Failure.TAMPERED, Failure.UNSIGNED, Failure.UNKNOWN_SIGNER, Failure.SERVER_ERROR_AFTER]
)
async def test_an_answer_that_is_not_proven_decides_nothing(
    world: World, provider: WechatPay, operation: str, failure: Failure
) -> None:
    await provider.create(payment(NUMBER, world.door))
    world.switches.turn_on(failure, on=operation, times=1)
    with pytest.raises(Unknown):
        await getattr(provider, operation)(NUMBER)


async def test_an_unsigned_not_found_is_not_absence(world: World, provider: WechatPay) -> None:
    world.switches.turn_on(Failure.UNSIGNED, on="query", times=1)
    with pytest.raises(Unknown, match="ORDER_NOT_EXIST"):
        await provider.query(NUMBER)
    assert (await provider.query(NUMBER)).state is PaymentState.ABSENT


async def test_a_refusal_is_not_final_when_an_earlier_try_has_made_the_order(
    world: World, provider: WechatPay
) -> None:
    order = payment(NUMBER, world.door)
    await provider.create(order)
    with pytest.raises(Unknown):
        await provider.create(payment(NUMBER, world.door, amount_minor=301))
    # Too little time is left for the provider to take the same order again.
    late = datetime.now(UTC) + timedelta(seconds=20)
    with pytest.raises(Unknown):
        await provider.create(payment(NUMBER, world.door, expires_at=late))
    world.wechat.pay(NUMBER)
    with pytest.raises(Unknown, match="ORDERPAID"):
        await provider.create(order)


async def test_closing(world: World, provider: WechatPay) -> None:
    assert (await provider.close(NUMBER)).state is PaymentState.ABSENT
    await provider.create(payment(NUMBER, world.door))
    assert (await provider.close(NUMBER)).state is PaymentState.CLOSED
    assert (await provider.close(NUMBER)).state is PaymentState.CLOSED
    assert (await provider.query(NUMBER)).state is PaymentState.CLOSED
    with pytest.raises(Rejected):
        await provider.create(payment(NUMBER, world.door))


async def test_the_payer_is_quicker_than_the_close(world: World, provider: WechatPay) -> None:
    await provider.create(payment(NUMBER, world.door))
    world.switches.turn_on(Failure.SILENT_AFTER, on="close", times=1)
    with pytest.raises(Unknown):
        await provider.close(NUMBER)
    world.wechat.pay(NUMBER, although_closed=True)
    assert (await provider.close(NUMBER)).state is PaymentState.PAID


async def test_an_order_cannot_be_paid_after_its_time(world: World, provider: WechatPay) -> None:
    await provider.create(payment(NUMBER, world.door))
    await world.clock.advance(301)
    async with httpx.AsyncClient(base_url=world.server.url) as phone:
        code = world.wechat.book.find(NUMBER).code
        assert "expired" in (await phone.post(f"/sandbox/orders/{code}/pay")).json()["said"]
    assert (await provider.query(NUMBER)).state is PaymentState.WAITING
    assert (await provider.close(NUMBER)).state is PaymentState.CLOSED


async def paid(world: World, provider: WechatPay) -> None:
    """An order over 3.00 that has been paid."""
    await provider.create(payment(NUMBER, world.door))
    world.wechat.pay(NUMBER)


# Failure 10.
async def test_a_refund_that_timed_out_is_asked_for_again_by_the_same_number(
    world: World, provider: WechatPay
) -> None:
    await paid(world, provider)
    order = refund("R1", NUMBER, world.door)
    for failure in (Failure.SILENT_AFTER, Failure.SERVER_ERROR_AFTER, Failure.TAMPERED, Failure.UNSIGNED):
        world.switches.turn_on(failure, on="refund", times=1)
        with pytest.raises(Unknown):
            await provider.refund(order)
    assert (await provider.refund(order)).state is RefundState.PROCESSING
    assert len(world.wechat.book.find(NUMBER).refunds) == 1


async def test_more_than_was_paid_is_not_refunded(world: World, provider: WechatPay) -> None:
    await paid(world, provider)
    with pytest.raises(Rejected):
        await provider.refund(refund("R1", NUMBER, world.door, 301))
    await provider.refund(refund("R2", NUMBER, world.door, 200))
    with pytest.raises(Rejected, match="INVALID_REQUEST"):
        await provider.refund(refund("R3", NUMBER, world.door, 101))
    with pytest.raises(RetrySameKey):
        await provider.refund(refund("R4", NUMBER, world.door, 100))
    await world.clock.advance(61)
    await provider.refund(refund("R4", NUMBER, world.door, 100))


async def test_a_refund_after_a_split_waits_for_the_split_to_come_back(
    world: World, provider: WechatPay
) -> None:
    await paid(world, provider)
    order = world.wechat.book.find(NUMBER)
    order.split_out = 90
    with pytest.raises(RetrySameKey, match="NOT_ENOUGH"):
        await provider.refund(refund("R1", NUMBER, world.door, 300))
    order.split_out = 0
    assert (await provider.refund(refund("R1", NUMBER, world.door, 300))).state is RefundState.PROCESSING


# Failure 16.
async def test_a_storm_of_errors_makes_one_order_and_one_refund(world: World, provider: WechatPay) -> None:
    order, back = payment(NUMBER, world.door), refund("R1", NUMBER, world.door)
    storm = (Failure.SERVER_ERROR_AFTER, Failure.RATE_LIMIT, Failure.SERVER_ERROR, Failure.CUT_AFTER)
    for failure in storm:
        for operation in ("create", "refund"):
            world.switches.turn_on(failure, on=operation, times=3)

    async def insisting(work: Callable[[], Awaitable[object]]) -> int:
        for turn in range(20):
            try:
                await work()
            except (Unknown, RetrySameKey):
                continue
            return turn
        raise AssertionError("it never got through")

    assert await insisting(lambda: provider.create(order)) == 12
    world.wechat.pay(NUMBER)
    assert await insisting(lambda: provider.refund(back)) == 12
    assert len(world.wechat.book.orders()) == 1
    assert len(world.wechat.book.find(NUMBER).refunds) == 1


async def test_a_refused_refund_may_be_one_that_was_accepted_before(
    world: World, provider: WechatPay
) -> None:
    await paid(world, provider)
    order = refund("R1", NUMBER, world.door)
    await provider.refund(order)
    world.switches.turn_on(Failure.REFUSED, on="refund", times=1, value="400 INVALID_REQUEST")
    assert (await provider.refund(order)).state is RefundState.PROCESSING
    with pytest.raises(Unknown):
        await provider.refund(refund("R1", NUMBER, world.door, 99))
    world.switches.turn_on(Failure.REFUSED, on="refund", times=1, value="401 SIGN_ERROR")
    world.switches.turn_on(Failure.SERVER_ERROR, on="query_refund", times=1)
    with pytest.raises(Unknown, match="SIGN_ERROR"):
        await provider.refund(order)


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (Failure.REFUND_ABNORMAL, RefundState.ABNORMAL),
        (Failure.REFUND_CLOSED, RefundState.CLOSED),
        (Failure.REFUND_STAYS, RefundState.PROCESSING),
    ],
)
async def test_how_refunds_may_end(
    world: World, provider: WechatPay, failure: Failure, state: RefundState
) -> None:
    await paid(world, provider)
    world.switches.turn_on(failure)
    await provider.refund(refund("R1", NUMBER, world.door))
    await world.clock.advance(10)
    assert (await provider.query_refund("R1", NUMBER)).state is state


async def test_a_refund_that_nobody_asked_for_is_absent(world: World, provider: WechatPay) -> None:
    assert (await provider.query_refund("R1", NUMBER)).state is RefundState.ABSENT


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("403 NOT_ENOUGH", RetrySameKey),
        ("403 USER_ACCOUNT_ABNORMAL", Rejected),
        ("404 RESOURCE_NOT_EXISTS", Rejected),
        ("429 FREQUENCY_LIMITED", RetrySameKey),
        ("500 SYSTEM_ERROR", Unknown),
        ("502 X", Unknown),
    ],
)
async def test_refusals_of_a_refund(
    world: World, provider: WechatPay, code: str, expected: type[ProviderError]
) -> None:
    await paid(world, provider)
    world.switches.turn_on(Failure.REFUSED, on="refund", times=1, value=code)
    with pytest.raises(ProviderError) as caught:
        await provider.refund(refund("R1", NUMBER, world.door))
    assert type(caught.value) is expected


# Failure 16.
async def test_clocks_that_differ_are_named(world: World, provider: WechatPay) -> None:
    world.switches.turn_on(Failure.CLOCK_SKEW, value="900")
    with pytest.raises(Unknown, match=r"SIGN_ERROR: .* -(899|90[01]) s from ours"):
        await provider.create(payment(NUMBER, world.door))
    world.switches.turn_off(Failure.CLOCK_SKEW)
    world.switches.turn_on(Failure.CLOCK_SKEW, value="200")
    assert (await provider.create(payment(NUMBER, world.door))).qr


async def test_nobody_there_means_that_nothing_was_sent(world: World) -> None:
    gone = WechatPay(keys_of(world, gateway="http://127.0.0.1:9"), deadlines=SHORT)
    with pytest.raises(RetrySameKey, match="UNREACHABLE"):
        await gone.create(payment(NUMBER, world.door))
    gone.close_connections()


async def test_many_calls_at_once(world: World, provider: WechatPay) -> None:
    numbers = [f"Attempt{index:025d}" for index in range(24)]
    created = await asyncio.gather(*(provider.create(payment(number, world.door)) for number in numbers))
    assert len({each.qr for each in created}) == 24
    seen = await asyncio.gather(*(provider.query(number) for number in numbers))
    assert {each.state for each in seen} == {PaymentState.WAITING}
