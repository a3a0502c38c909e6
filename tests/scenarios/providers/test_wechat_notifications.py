"""Notifications of the made-up WeChat Pay: what our adapter believes, and what it answers."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from coinslot.payments.port import (
    Forged,
    Outcome,
    PaymentSeen,
    PaymentState,
    RefundSeen,
    RefundState,
    VerifiedEvent,
)
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.switches import Failure
from coinslot.sandbox.providers.wechat.notices import GAPS_S
from coinslot.sandbox.providers.wechat.signing import encrypted, signed_headers
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


class Judge:
    """The merchant's handler: believes or not, and answers accordingly."""

    def __init__(self, provider: WechatPay) -> None:
        self.provider = provider
        self.believed: list[VerifiedEvent] = []
        self.refused: list[Forged] = []

    def __call__(self, headers: dict[str, str], body: bytes) -> int:
        try:
            self.believed.append(self.provider.parse_notification(headers, body, datetime.now(UTC)))
        except Forged as error:
            self.refused.append(error)
            return self.provider.answer(Outcome.REFUSED).status
        return self.provider.answer(Outcome.TAKEN).status


@pytest.fixture
def judge(world: World, provider: WechatPay) -> Judge:
    made = Judge(provider)
    world.door.judge = made
    return made


async def paid(world: World, provider: WechatPay) -> None:
    """An order over 3.00, paid, and the notification sent."""
    await provider.create(payment(NUMBER, world.door))
    world.wechat.pay(NUMBER)
    await world.clock.settled()


def seen_of(event: VerifiedEvent) -> PaymentSeen:
    """It is about a payment."""
    assert isinstance(event.seen, PaymentSeen)
    return event.seen


async def test_a_payment_is_told(world: World, provider: WechatPay, judge: Judge) -> None:
    await paid(world, provider)
    [event] = judge.believed
    seen = seen_of(event)
    assert event.notification_id.startswith("EV-")
    assert (seen.number, seen.state, seen.amount_minor, seen.currency) == (
        NUMBER,
        PaymentState.PAID,
        300,
        "CNY",
    )
    assert (seen.merchant, seen.app) == (world.account.mchid, world.account.appid)
    assert seen == await provider.query(NUMBER), "both ways tell the same"


async def test_a_refund_is_told(world: World, provider: WechatPay, judge: Judge) -> None:
    await paid(world, provider)
    await provider.refund(refund("R1", NUMBER, world.door))
    await world.clock.advance(5)
    seen = judge.believed[-1].seen
    assert isinstance(seen, RefundSeen)
    assert (seen.number, seen.payment_number, seen.state, seen.amount_minor, seen.merchant) == (
        "R1",
        NUMBER,
        RefundState.SUCCEEDED,
        100,
        world.account.mchid,
    )
    assert seen == await provider.query_refund("R1", NUMBER)


# Failure 1.
async def test_the_same_notification_twice_and_at_once_has_one_id(
    world: World, provider: WechatPay, judge: Judge
) -> None:
    world.switches.turn_on(Failure.NOTIFY_AT_ONCE, times=1, value="4")
    world.switches.turn_on(Failure.NOTIFY_TWICE, times=1)
    await paid(world, provider)
    await world.clock.advance(1)
    assert len(judge.believed) == 5
    assert len({event.notification_id for event in judge.believed}) == 1


async def test_a_replayed_notification_is_refused_after_five_minutes(
    world: World, provider: WechatPay, judge: Judge
) -> None:
    await paid(world, provider)
    [(headers, body)] = world.door.arrived
    now = datetime.now(UTC)
    provider.parse_notification(headers, body, now + timedelta(seconds=290))
    for moment in (now + timedelta(seconds=310), now + timedelta(days=30), now - timedelta(seconds=310)):
        with pytest.raises(Forged, match="old, or a clock is wrong"):
            provider.parse_notification(headers, body, moment)


async def test_a_stale_signature_is_refused_and_the_next_try_is_believed(
    world: World, provider: WechatPay, judge: Judge
) -> None:
    world.switches.turn_on(Failure.NOTIFY_STALE, times=1)
    await paid(world, provider)
    assert (len(judge.believed), len(judge.refused)) == (0, 1)
    await world.clock.advance(15)
    assert (len(judge.believed), len(judge.refused)) == (1, 1)


# Failure 2.
async def test_a_notification_may_come_before_the_answer(
    world: World, provider: WechatPay, judge: Judge
) -> None:
    world.switches.turn_on(Failure.PAID_BEFORE_ANSWER, on="create", times=1)
    created = asyncio.create_task(provider.create(payment(NUMBER, world.door)))
    assert (await created).qr
    assert [seen_of(event).number for event in judge.believed] == [NUMBER]
    world.switches.turn_on(Failure.REFUNDED_BEFORE_ANSWER, on="refund", times=1)
    # The answer was made before the refund ended; the notification is the newer truth.
    assert (await provider.refund(refund("R1", NUMBER, world.door))).state is RefundState.PROCESSING
    assert judge.believed[-1].seen.state is RefundState.SUCCEEDED


# Failure 4.
async def test_a_notification_that_never_comes_is_made_up_for_by_asking(
    world: World, provider: WechatPay, judge: Judge
) -> None:
    world.switches.turn_on(Failure.NOTIFY_NEVER)
    await paid(world, provider)
    await world.clock.advance(90_000)
    assert world.door.arrived == []
    assert (await provider.query(NUMBER)).state is PaymentState.PAID


async def test_late_and_out_of_order(world: World, provider: WechatPay, judge: Judge) -> None:
    world.switches.turn_on(Failure.NOTIFY_LATE, on="notify_payment", value="120")
    await paid(world, provider)
    await provider.refund(refund("R1", NUMBER, world.door))
    await world.clock.advance(121)
    assert [type(event.seen) for event in judge.believed] == [RefundSeen, PaymentSeen]


# Failure 5: the signature is right; comparing is the core's, telling what was said is ours.
@pytest.mark.parametrize(
    ("failure", "name", "told"),
    [
        (Failure.WRONG_AMOUNT, "amount_minor", 299),
        (Failure.WRONG_MERCHANT, "merchant", "1900000999"),
        (Failure.WRONG_APP, "app", "wx0000000000000000"),
        (Failure.WRONG_NUMBER, "number", "SomebodyElsesOrder00000000000001"),
    ],
)
async def test_a_valid_signature_over_something_wrong(
    world: World, provider: WechatPay, judge: Judge, failure: Failure, name: str, told: object
) -> None:
    world.switches.turn_on(failure, on="notify_payment", times=1)
    await paid(world, provider)
    assert getattr(judge.believed[0].seen, name) == told


# Failure 6.
@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure.NOTIFY_TAMPERED, "its signature does not fit"),
        (Failure.NOTIFY_UNKNOWN_SIGNER, "not among `public_keys`"),
        (Failure.NOTIFY_WRONG_KEY, "no `apiv3_key` opens it"),
        (Failure.NOTIFY_STALE, "s from ours"),
    ],
)
async def test_what_is_not_the_providers_is_refused_and_said_again(
    world: World, provider: WechatPay, judge: Judge, failure: Failure, reason: str
) -> None:
    world.switches.turn_on(failure, times=2)
    await paid(world, provider)
    await world.clock.advance(30)
    assert [reason in str(error) for error in judge.refused] == [True, True]
    assert len(judge.believed) == 1


async def test_a_probe_is_answered_as_a_failed_verification(
    world: World, provider: WechatPay, judge: Judge
) -> None:
    world.switches.turn_on(Failure.NOTIFY_PROBE, times=1)
    await paid(world, provider)
    probe = next(each for each in world.wechat.retries.tries if each.label == "probe")
    assert (probe.status, probe.taken) == (401, True)
    assert len(judge.believed) == 1


async def test_a_flood_of_forged_serials_asks_nobody(
    world: World, provider: WechatPay, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paid(world, provider)
    [(headers, body)] = world.door.arrived
    opened: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *arguments: opened.append(arguments))
    for index in range(1000):
        forged = {**headers, "wechatpay-serial": f"{index:040X}"}
        with pytest.raises(Forged, match="not among"):
            provider.parse_notification(forged, body, datetime.now(UTC))
    assert opened == []


async def test_the_providers_key_is_changed(world: World, provider: WechatPay, judge: Judge) -> None:
    world.account.change_key()
    await paid(world, provider)
    assert len(judge.refused) == 1, "the new key is not known yet"

    judge.provider = WechatPay(keys_of(world), deadlines=SHORT)
    await world.clock.advance(15)
    assert len(judge.believed) == 1, "both keys are known"
    assert (await provider.query(NUMBER)).state is PaymentState.PAID, "who asks by the old key is answered"
    world.account.withdraw_keys()
    assert (await judge.provider.query(NUMBER)).state is PaymentState.PAID
    judge.provider.close_connections()


async def test_the_merchants_apiv3_key_is_changed(world: World, provider: WechatPay, judge: Judge) -> None:
    earlier = world.account.apiv3_key
    world.account.apiv3_key = "n" * 32
    changed = {"apiv3_keys": ("n" * 32, earlier)}
    judge.provider = WechatPay(keys_of(world), deadlines=SHORT)
    await paid(world, provider)
    world.account.apiv3_key = earlier
    await provider.refund(refund("R1", NUMBER, world.door))
    await world.clock.advance(5)
    assert (len(judge.believed), len(judge.refused)) == (1, 1), "only the new one was set"
    both = WechatPay(structs.replace(keys_of(world), **changed), deadlines=SHORT)
    for headers, body in world.door.arrived:
        both.parse_notification(headers, body, datetime.now(UTC))
    both.close_connections()
    judge.provider.close_connections()


@pytest.mark.parametrize(
    "changes",
    [
        {"wechatpay-signature": ""},
        {"wechatpay-signature": "%%%"},
        {"wechatpay-signature": "AAAA"},
        {"wechatpay-nonce": ""},
        {"wechatpay-nonce": "x"},
        {"wechatpay-timestamp": ""},
        {"wechatpay-timestamp": "١٢٣"},
        {"wechatpay-timestamp": "9" * 400},
        {"wechatpay-timestamp": "-1"},
        {"wechatpay-signature-type": "WECHATPAY2-SM2-WITH-SM3"},
        {"wechatpay-serial": ""},
    ],
)
async def test_headers_that_are_not_right(
    world: World, provider: WechatPay, judge: Judge, changes: dict[str, str]
) -> None:
    await paid(world, provider)
    [(headers, body)] = world.door.arrived
    with pytest.raises(Forged):
        provider.parse_notification({**headers, **changes}, body, datetime.now(UTC))
    with pytest.raises(Forged):
        provider.parse_notification({}, body, datetime.now(UTC))


RIGHT = {
    "mchid": "1900000001",
    "appid": "wxd678efh567hg6787",
    "out_trade_no": NUMBER,
    "transaction_id": "4200001",
    "trade_state": "SUCCESS",
    "amount": {"total": 300, "currency": "CNY"},
}
"""What a payment's notification holds at least."""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 5000,
        json.dumps({**RIGHT, "amount": {"total": 300.0}}).encode(),
        json.dumps({**RIGHT, "amount": {"total": "300"}}).encode(),
        json.dumps({**RIGHT, "amount": {"total": 10**30}}).encode(),
        json.dumps({**RIGHT, "amount": None}).encode(),
        json.dumps({**RIGHT, "transaction_id": ""}).encode(),
        json.dumps({**RIGHT, "trade_state": "WHATEVER"}).encode(),
        json.dumps({**RIGHT, "success_time": "2026-03-01T12:00:00"}).encode(),
    ],
)
async def test_a_signed_notification_of_another_form_is_refused(
    world: World, provider: WechatPay, content: bytes
) -> None:
    for resource in (
        {**encrypted(world.account.apiv3_key, content, "transaction")},
        {**encrypted(world.account.apiv3_key, content, "transaction"), "algorithm": "NONE"},
        {**encrypted(world.account.apiv3_key, content, "transaction"), "nonce": "1"},
        {**encrypted(world.account.apiv3_key, content, "transaction"), "ciphertext": "?"},
    ):
        body = json.dumps(
            {
                "id": "EV-1",
                "event_type": "TRANSACTION.SUCCESS",
                "resource_type": "encrypt-resource",
                "resource": resource,
            }
        ).encode()
        key = world.account.signing_key
        headers = signed_headers(key.id, key.private, body, datetime.now(UTC))
        with pytest.raises(Forged):
            provider.parse_notification(
                {name.lower(): value for name, value in headers.items()}, body, datetime.now(UTC)
            )


async def test_a_signed_body_of_another_form_is_refused(world: World, provider: WechatPay) -> None:
    key, now = world.account.signing_key, datetime.now(UTC)
    event = {"id": "E", "event_type": "COUPON.USE", "resource_type": "encrypt-resource"}
    resource = dict(encrypted(world.account.apiv3_key, json.dumps(RIGHT).encode(), "coupon"))
    for body in (
        b"",
        b"{}",
        b"x" * 70_000,
        base64.b64decode("/w=="),
        json.dumps({**event, "resource": resource}).encode(),
        json.dumps({**event, "id": "", "resource": resource}).encode(),
    ):
        headers = signed_headers(key.id, key.private, body, now)
        with pytest.raises(Forged):
            provider.parse_notification({name.lower(): value for name, value in headers.items()}, body, now)


async def test_a_slow_handler_is_asked_again_by_the_providers_schedule() -> None:
    async with wechat_world(answer_within_s=1.0) as world:
        provider = WechatPay(keys_of(world), deadlines=SHORT)
        world.door.silent = True
        await paid(world, provider)
        provider.close_connections()
        world.door.silent = False
        world.door.status = 500
        await world.clock.advance(sum(GAPS_S) + 10 + 90_000)
    tries = world.wechat.retries.tries
    assert tries[0].status is None
    assert [round((b.at - a.at).total_seconds()) for a, b in itertools.pairwise(tries)] == [*GAPS_S]
    assert sum(GAPS_S) == 24 * 3600 + 4 * 60
    assert len(tries) == len(GAPS_S) + 1, "then it gives up"


def test_answers() -> None:
    answers = {outcome: WechatPay.answer(None, outcome) for outcome in Outcome}  # type: ignore[arg-type]
    assert {outcome: reply.status for outcome, reply in answers.items()} == {
        Outcome.TAKEN: 200,
        Outcome.REFUSED: 401,
        Outcome.AGAIN: 503,
    }
    assert json.loads(answers[Outcome.TAKEN].body)["code"] == "SUCCESS"
    assert json.loads(answers[Outcome.AGAIN].body)["code"] == "FAIL"
