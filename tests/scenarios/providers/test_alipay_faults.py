"""What may go wrong between us and Alipay: nobody is charged twice, nothing is believed that was not signed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot.payments.port import (
    PaymentOrder,
    PaymentState,
    ProviderError,
    RefundState,
    Rejected,
    RetrySameKey,
    Unknown,
)
from coinslot.providers.alipay import Alipay, probe
from coinslot.providers.exchange import Deadlines
from coinslot.sandbox.providers.switches import Failure
from tests.support.alipay import BUYER, QUICK, World, adapter, alipay_world, keys, refund_of, stranger

UNBELIEVABLE = (
    Failure.TAMPERED,
    Failure.UNSIGNED,
    Failure.UNKNOWN_SIGNER,
    Failure.REFUSED_UNSIGNED,
    Failure.SERVER_ERROR,
    Failure.SERVER_ERROR_AFTER,
    Failure.SILENT_BEFORE,
    Failure.SILENT_AFTER,
    Failure.CUT_AFTER,
)
"""After any of them nobody knows what has happened."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with alipay_world(deadlines=QUICK) as made:
        yield made


async def refused_by(call: Awaitable[object]) -> ProviderError:
    """What a call ends with; nothing personal is in it, and no key."""
    with pytest.raises(ProviderError) as caught:
        await call
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert not [each for each in (*BUYER, "BEGIN", "from here") if each in shown]
    return caught.value


@pytest.mark.parametrize("failure", UNBELIEVABLE)
async def test_an_answer_that_cannot_be_believed_is_no_answer(world: World, failure: Failure) -> None:
    order = world.order()
    trade_no = await world.paid(order)
    new, refund = world.order(), refund_of(order, trade_no, 25)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "create": lambda: world.alipay.create(new),
        "query": lambda: world.alipay.query(order.number),
        "close": lambda: world.alipay.close(order.number),
        "refund": lambda: world.alipay.refund(refund),
        "query_refund": lambda: world.alipay.query_refund(refund.number, order.number),
    }
    for operation in calls:
        world.switches.turn_on(failure, on=operation)
    errors = await asyncio.gather(*(refused_by(call()) for call in calls.values()))
    assert [type(error) for error in errors] == [Unknown] * len(calls)
    world.switches.turn_off()
    assert (await world.alipay.query(order.number)).state is PaymentState.PAID
    assert (await world.alipay.refund(refund)).state is RefundState.SUCCEEDED
    made = world.sandbox.book.order(order.number)
    assert made is not None
    assert made.refunded() == 25


async def test_create_may_be_accepted_without_an_answer_and_is_the_same_order_when_asked_again(
    world: World,
) -> None:
    order = world.order()
    world.switches.turn_on(Failure.SILENT_AFTER, on="create", times=1)
    assert isinstance(await refused_by(world.alipay.create(order)), Unknown)
    created = await world.alipay.create(order)
    assert len(world.sandbox.book.orders()) == 1
    made = world.sandbox.book.order(order.number)
    assert made is not None
    assert created.qr.endswith(made.code)


async def test_a_refund_without_an_answer_is_asked_for_again_with_its_number(world: World) -> None:
    order = world.order(500)
    refund = refund_of(order, await world.paid(order), 200)
    world.switches.turn_on(Failure.SILENT_AFTER, on="refund", times=1)
    assert isinstance(await refused_by(world.alipay.refund(refund)), Unknown)
    assert (await world.alipay.query_refund(refund.number, order.number)).state is RefundState.SUCCEEDED
    assert (await world.alipay.refund(refund)).state is RefundState.SUCCEEDED
    made = world.sandbox.book.order(order.number)
    assert made is not None
    assert made.refunded() == 200


CODES: tuple[tuple[str, type[ProviderError]], ...] = (
    ("20000 isp.unknow-error", Unknown),
    ("20000 aop.ACQ.SYSTEM_ERROR", Unknown),
    ("40004 ACQ.SYSTEM_ERROR", Unknown),
    ("40004 AQC.SYSTEM_ERROR", Unknown),
    ("40004 ACQ.REFUND_CHARGE_ERROR", Unknown),
    ("10003 WAITING", Unknown),
    ("99999 ACQ.NEW", Unknown),
    ("40005 isv.method-call-limited", RetrySameKey),
    ("40004 ACQ.SELLER_BALANCE_NOT_ENOUGH", RetrySameKey),
    ("40004 ACQ.TRADE_HAS_FINISHED", Rejected),
    ("40004 ACQ.NOBODY_KNOWS_THIS", Rejected),
    ("40006 isv.insufficient-isv-permissions", Rejected),
)


async def test_codes_say_whether_it_is_for_good(world: World) -> None:
    order = world.order()
    refund = refund_of(order, await world.paid(order), 25)
    for told, kind in CODES:
        world.switches.turn_on(Failure.REFUSED, on="refund", times=1, value=told)
        error = await refused_by(world.alipay.refund(refund))
        assert type(error) is kind, told
        assert error.code == told.split(" ")[1]
        assert "as asked for" not in str(error)


async def test_too_many_calls_are_not_now(world: World) -> None:
    order = world.order()
    world.switches.turn_on(Failure.RATE_LIMIT)
    for call in (
        world.alipay.create(order),
        world.alipay.query(order.number),
        world.alipay.close(order.number),
    ):
        assert isinstance(await refused_by(call), RetrySameKey)
    assert world.sandbox.book.orders() == ()


async def test_an_answer_about_another_order_is_none(world: World) -> None:
    order = world.order()
    refund = refund_of(order, await world.paid(order), 25)
    world.switches.turn_on(Failure.WRONG_NUMBER)
    for call in (
        world.alipay.query(order.number),
        world.alipay.create(world.order()),
        world.alipay.refund(refund),
        world.alipay.query_refund(refund.number, order.number),
    ):
        assert isinstance(await refused_by(call), Unknown)


async def test_a_wrong_amount_is_told_as_it_is_and_not_made_right(world: World) -> None:
    order = world.order()
    await world.paid(order)
    world.switches.turn_on(Failure.WRONG_AMOUNT, on="query", value="99")
    assert (await world.alipay.query(order.number)).amount_minor == 99


async def test_clocks_that_differ_are_named(world: World) -> None:
    world.switches.turn_on(Failure.CLOCK_SKEW, value="3600")
    error = await refused_by(world.alipay.create(world.order()))
    assert (type(error), error.code) == (Unknown, "isv.invalid-timestamp")
    world.switches.turn_off()
    world.switches.turn_on(Failure.CLOCK_SKEW, value="-1200")
    await world.alipay.create(world.order())


async def test_the_time_is_beijings_whatever_this_machine_thinks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for zone in ("UTC", "EST5EDT", "CST-8", "LINT-14"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            await world.alipay.create(world.order())
        finally:
            monkeypatch.undo()
            time.tzset()


async def test_wrong_keys_and_apps_are_named_and_not_believed(world: World) -> None:
    other = stranger()
    wrong = {
        "isv.invalid-app-id": replace(keys(), app_id=other.app_id),
        "isv.invalid-signature": replace(keys(), private_pem=other.private_pkcs8_pem()),
        "UNVERIFIED": replace(keys(), public_pems=(other.public_pem(),)),
    }
    for code, each in wrong.items():
        with adapter(replace(each, gateway=world.gateway), QUICK) as alipay:
            error = await refused_by(alipay.create(world.order()))
            assert (type(error), error.code) == (Unknown, code)


async def test_settings_can_be_tried_out_with_one_question(world: World) -> None:
    assert await probe(world.alipay) == []
    other = stranger()
    wrong = {
        "app_id": replace(keys(), app_id=other.app_id),
        "private_key": replace(keys(), private_pem=other.private_pkcs8_pem()),
        "public_key": replace(keys(), public_pems=(other.public_pem(),)),
    }
    for setting, each in wrong.items():
        with adapter(replace(each, gateway=world.gateway), QUICK) as alipay:
            assert [finding.setting for finding in await probe(alipay)] == [setting]
    world.switches.turn_on(Failure.CLOCK_SKEW, value="3600")
    assert [finding.setting for finding in await probe(world.alipay)] == ["clock"]
    world.switches.turn_on(Failure.SERVER_ERROR)
    assert [finding.wrong for finding in await probe(world.alipay)] == ["is answered with HTTP 500"]


async def test_the_providers_key_may_change(world: World) -> None:
    order = world.order()
    await world.paid(order)
    world.account.change_key()
    assert isinstance(await refused_by(world.alipay.query(order.number)), Unknown)
    both = (world.account.public_pem(), *keys().public_pems)
    with adapter(replace(keys(), gateway=world.gateway, public_pems=both), QUICK) as alipay:
        assert (await alipay.query(order.number)).state is PaymentState.PAID
        assert alipay.parse_notification({}, world.door.arrived[0], datetime.now(UTC)).notification_id


async def test_nothing_was_sent_where_nobody_listens(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}/gateway.do"
        with adapter(replace(keys(), gateway=gone), QUICK) as alipay:
            assert isinstance(await refused_by(alipay.query("0" * 32)), RetrySameKey)


@contextlib.asynccontextmanager
async def answering(answer: bytes, deadlines: Deadlines = QUICK) -> AsyncIterator[Alipay]:
    """An adapter whose gateway says this to everything, and then nothing more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    gateway = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/gateway.do"
    with adapter(replace(keys(), gateway=gateway), deadlines) as alipay:
        yield alipay
    server.close()


def http(status: str, body: bytes, *headers: str) -> bytes:
    """An answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


ELSEWHERE = http("302 Found", b"", "Location: http://127.0.0.1:1/")
ODD = {
    "a page": http("200 OK", b"<html>hello</html>"),
    "nothing": http("200 OK", b""),
    "depth": http("200 OK", b'{"alipay_trade_query_response":' + b"[" * 200_000),
    "a list": http("200 OK", b"[]"),
    "no UTF-8": http("200 OK", b'{"alipay_trade_query_response":"\xff"}'),
    "another call's": http("200 OK", b'{"alipay_trade_close_response":{"code":"10000"},"sign":"AAAA"}'),
    "twice": http("200 OK", b'{"alipay_trade_query_response":{},"alipay_trade_query_response":{}}'),
    "a number": http("200 OK", b'{"alipay_trade_query_response":{"code":1},"sign":1}'),
    "elsewhere": ELSEWHERE,
    "too many": http("429 Too Many Requests", b""),
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "endless": http("200 OK", b"x" * 1_100_000),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=list(ODD))
async def test_whatever_else_comes_is_unknown(answer: bytes) -> None:
    async with answering(answer) as alipay:
        assert type(await refused_by(alipay.query("0" * 32))) is Unknown


async def test_calls_that_find_no_thread_were_not_sent_and_giving_up_ends_none_otherwise() -> None:
    patient = Deadlines(connect_s=0.1, silence_s=0.5, whole_s=0.5)
    async with answering(b"", patient) as alipay:
        calls = [asyncio.create_task(refused_by(alipay.query("0" * 32))) for _ in range(20)]
        kinds = Counter(type(error) for error in await asyncio.gather(*calls))
        assert kinds == {Unknown: 16, RetrySameKey: 4}
        calls = [asyncio.create_task(refused_by(alipay.query("0" * 32))) for _ in range(20)]
        await asyncio.sleep(0)
        alipay.close_connections()
        kinds = Counter(type(error) for error in await asyncio.gather(*calls))
        assert set(kinds) <= {Unknown, RetrySameKey}


async def test_no_key_no_buyer_and_no_address_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    order: PaymentOrder = world.order()
    trade_no = await world.paid(order)
    await world.alipay.query(order.number)
    await world.alipay.refund(refund_of(order, trade_no, 25))
    for failure in (Failure.TAMPERED, Failure.SERVER_ERROR, Failure.REFUSED):
        world.switches.turn_on(failure, on="query", times=1)
        await refused_by(world.alipay.query(order.number))
    private = keys().private_pem
    secrets = [*BUYER, private[60:100], "biz_content", "sign="]
    # The sandbox's own server is not ours.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    text = "\n".join([*ours, repr(keys()), repr(world.alipay)])
    assert [each for each in secrets if each in text] == []


async def test_an_order_lives_as_long_as_it_was_asked_to(world: World) -> None:
    order = world.order(lives=timedelta(seconds=-1))
    assert isinstance(await refused_by(world.alipay.create(order)), Rejected)
