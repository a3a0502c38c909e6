"""Our adapter and the made-up Stripe: a payment from order to refund, found by its number, ended in time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from coinslot.payments.numbers import payment_number
from coinslot.payments.port import (
    BillLineKind,
    Channel,
    PaymentSeen,
    PaymentState,
    RefundSeen,
    RefundState,
    Rejected,
    RetrySameKey,
    Unknown,
)
from coinslot.providers.exchange import Deadlines
from coinslot.providers.stripe import Stripe
from coinslot.sandbox.providers.stripe.bodies import SessionBody
from coinslot.sandbox.providers.switches import Failure
from tests.support.stripe import PERSONAL, QUICK, World, refund_of, stripe_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with stripe_world() as made:
        yield made


@contextmanager
def another(world: World, deadlines: Deadlines | None = None) -> Iterator[Stripe]:
    """A process that has made none of it."""
    adapter = world.adapter(deadlines)
    try:
        yield adapter
    finally:
        adapter.close_connections()


async def test_a_payment_from_order_to_refund(world: World) -> None:
    order = world.order()
    created = await world.stripe.create(order)
    session = world.session(order.number)
    assert created.url.startswith(f"{world.server.url}/c/pay/{session.id}#")
    assert session.body.success_url == session.body.cancel_url == order.return_url
    assert await world.stripe.create(order) == created, "the same order again is the same session"
    assert len(world.sandbox.book.sessions()) == 1
    assert (await world.stripe.query(order.number)).state is PaymentState.WAITING

    async with httpx.AsyncClient(follow_redirects=True) as phone:
        page = (await phone.get(created.url)).text
        assert "5.00 CNY" in page
        assert "热水 5 分钟" in page
        pressed = await phone.post(f"{world.server.url}/pay/{session.id}", data={"act": "pay"})
        assert "Paid." in pressed.text
        assert f'href="{order.return_url}"' in pressed.text
    seen = await world.stripe.query(order.number)
    assert (seen.state, seen.amount_minor, seen.currency) == (PaymentState.PAID, 500, "CNY")
    assert (seen.merchant, seen.app, seen.payer) == (world.account.id, "", "")
    assert seen.provider_id == session.intent
    assert seen.paid_at is not None
    assert (await world.stripe.close(order.number)).state is PaymentState.PAID

    await world.clock.settled()
    event = world.heard()
    assert isinstance(event.seen, PaymentSeen)
    assert (event.seen.state, event.seen.provider_id) == (PaymentState.PAID, session.intent)
    assert event.seen.merchant == world.account.id
    assert not [each for each in PERSONAL if each in repr(event)]

    refund = refund_of(order, seen.provider_id, 200)
    accepted = await world.stripe.refund(refund)
    assert (accepted.state, accepted.amount_minor) == (RefundState.PROCESSING, 200)
    await world.clock.advance(5)
    done = await world.stripe.query_refund(refund.number, order.number)
    assert (done.state, done.payment_number) == (RefundState.SUCCEEDED, order.number)
    assert done.provider_id == accepted.provider_id
    heard = [world.heard(index).seen for index in (1, 2)]
    assert [each.state for each in heard if isinstance(each, RefundSeen)] == [
        RefundState.PROCESSING,
        RefundState.SUCCEEDED,
    ]
    assert (await world.stripe.query(order.number)).state is PaymentState.PAID


async def test_a_code_holds_the_pages_address_and_leads_back_to_the_first_page(world: World) -> None:
    order = world.order(channel=Channel.QR, return_url="")
    created = await world.stripe.create(order)
    assert created.qr.startswith(f"{world.server.url}/c/pay/cs_test_")
    assert not created.url
    front = world.door.url.removesuffix("notify")
    assert world.session(order.number).body.success_url == front
    with pytest.raises(Rejected, match="RETURN_URL"):
        await world.stripe.create(world.order(return_url="", notify_url=""))


async def test_a_process_that_made_nothing_finds_everything_by_numbers_alone(world: World) -> None:
    order, unpaid = world.order(), world.order()
    intent = await world.paid(order)
    await world.stripe.create(unpaid)
    # Others' business in the same account: paid or not, with numbers of their own or none.
    template = world.session(order.number).body
    for index in range(130):
        body = SessionBody(
            mode="payment",
            line_items=template.line_items,
            success_url="https://shop.example.org",
            client_reference_id=str(index) if index % 2 else None,
        )
        made = world.sandbox.book.make(body, int(datetime.now(UTC).timestamp()))
        if index % 3:
            world.sandbox.pay_session(made)
    with another(world) as stranger:
        seen = await stranger.query(order.number)
        assert (seen.state, seen.provider_id) == (PaymentState.PAID, intent)
        assert (await stranger.query(unpaid.number)).state is PaymentState.WAITING
        assert (await stranger.query(payment_number())).state is PaymentState.ABSENT
        refund = refund_of(order, "", 500)
        accepted = await stranger.refund(refund)
        assert (await stranger.query_refund(refund.number, order.number)).provider_id == accepted.provider_id
        absent = refund_of(order, "", 1)
        assert (await stranger.query_refund(absent.number, order.number)).state is RefundState.ABSENT
        assert (await stranger.close(unpaid.number)).state is PaymentState.CLOSED
    for number in ("", "x", "0" * 32, "P" + "0" * 31, "pilu" + "0" * 28):
        with pytest.raises(Rejected, match="NUMBER"):
            await world.stripe.query(number)


@pytest.mark.parametrize("failure", [Failure.SERVER_ERROR_AFTER, Failure.CUT_AFTER, Failure.REFUSED_UNSIGNED])
async def test_half_a_list_is_no_absence(world: World, failure: Failure) -> None:
    order = world.order()
    await world.stripe.create(order)
    template = world.session(order.number).body
    for _ in range(120):
        anonymous = SessionBody(mode="payment", line_items=template.line_items, success_url="https://x.org")
        world.sandbox.book.make(anonymous, int(datetime.now(UTC).timestamp()))
    with another(world) as stranger:
        for operation in ("query", "close"):
            world.switches.turn_on(failure, on="query", times=1)
            with pytest.raises(Unknown):
                await getattr(stranger, operation)(order.number)
        assert (await stranger.query(order.number)).state is PaymentState.WAITING


async def test_closing_ends_a_session_long_before_stripe_would(world: World) -> None:
    order = world.order()
    assert (await world.stripe.close(order.number)).state is PaymentState.ABSENT
    await world.stripe.create(order)
    session = world.session(order.number)
    assert session.expires_at - order.expires_at.timestamp() == pytest.approx(35 * 60, abs=1)
    assert (await world.stripe.close(order.number)).state is PaymentState.CLOSED
    assert (await world.stripe.close(order.number)).state is PaymentState.CLOSED
    assert (await world.stripe.query(order.number)).state is PaymentState.CLOSED
    with pytest.raises(Unknown, match="OVER"):
        await world.stripe.create(order)
    async with httpx.AsyncClient(base_url=world.server.url) as phone:
        said = (await phone.post(f"/sandbox/orders/{session.id}/pay")).json()["said"]
    assert said == "Not paid: this code is no longer valid."


async def test_the_payer_is_quicker_than_the_close(world: World) -> None:
    order = world.order()
    await world.stripe.create(order)
    world.switches.turn_on(Failure.SILENT_AFTER, on="close", times=1)
    with another(world, QUICK) as hasty:
        with pytest.raises(Unknown):
            await hasty.close(order.number)
        world.sandbox.pay(order.number, although_closed=True)
        assert (await hasty.close(order.number)).state is PaymentState.PAID


async def test_a_session_that_nobody_closes_ends_by_itself_and_says_so(world: World) -> None:
    order = world.order()
    await world.stripe.create(order)
    await world.clock.advance(46 * 60)
    seen = world.heard().seen
    assert isinstance(seen, PaymentSeen)
    assert seen.state is PaymentState.CLOSED
    assert (await world.stripe.query(order.number)).state is PaymentState.CLOSED


async def test_what_could_never_be_sent_is_not_sent(world: World) -> None:
    wrong: list[dict[str, object]] = [
        *({"amount_minor": amount} for amount in (0, -5, 100_000_000)),
        *({"currency": code} for code in ("PTS", "XXX", "cny")),
        *({"channel": channel} for channel in (Channel.IN_APP, Channel.COUNTER)),
        {"number": "Attempt0000000000000000000000001"},
        {"currency": "KWD", "amount_minor": 1001},
        {"expires_at": datetime.now(UTC) + timedelta(hours=24)},
        {"return_url": "", "notify_url": "ftp://x"},
    ]
    for changes in wrong:
        with pytest.raises(Rejected):
            await world.stripe.create(world.order(**changes))
    for changes in (
        {"expires_at": datetime.now(UTC) - timedelta(seconds=1)},
        {"number": "p" + "0" * 31},
    ):
        with pytest.raises(Unknown, match="TOO_LATE"):
            await world.stripe.create(world.order(**changes))
    assert world.sandbox.book.sessions() == ()
    with pytest.raises(Rejected, match="amount_too_small"):
        await world.stripe.create(world.order(49, currency="USD"))


@pytest.mark.parametrize(
    ("currency", "amount_minor", "told"),
    [("JPY", 120, 120), ("KRW", 1500, 1500), ("UGX", 2000, 200_000), ("KWD", 1250, 1250), ("EUR", 199, 199)],
)
async def test_amounts_are_exact_in_every_currency(
    world: World, currency: str, amount_minor: int, told: int
) -> None:
    order = world.order(amount_minor, currency=currency)
    intent = await world.paid(order)
    assert world.session(order.number).body.total == told
    seen = world.heard().seen
    assert (seen.amount_minor, seen.currency) == (amount_minor, currency)
    refund = await world.stripe.refund(refund_of(order, intent, amount_minor))
    assert (refund.amount_minor, refund.currency) == (amount_minor, currency)
    charge = world.session(order.number).charge
    assert charge is not None
    assert charge.refunded() == told


async def test_a_subject_is_made_to_fit(world: World) -> None:
    order = world.order(subject="热水,\n\t机\u202e🚿" + "长" * 300)
    await world.stripe.create(order)
    sent = world.session(order.number).body.line_items[0].price_data.product_data.name
    assert sent.startswith("热水, 机 🚿长")
    assert len(sent) == 200
    assert not re.search("[\n\u202e]", sent)


async def test_the_days_bill_has_payments_refunds_and_whatever_else_moved_money(world: World) -> None:
    order = world.order(1000)
    intent = await world.paid(order)
    refund = refund_of(order, intent, 300)
    await world.stripe.refund(refund)
    failed = refund_of(order, intent, 200)
    world.switches.turn_on(Failure.REFUND_STAYS, times=1)
    await world.clock.advance(5)
    world.switches.turn_on(Failure.REFUND_ABNORMAL, times=1)
    await world.stripe.refund(failed)
    await world.clock.advance(5)
    for _ in range(105):
        small = world.order(100)
        body = world.session(order.number).body
        made = world.sandbox.book.make(body, int(small.expires_at.timestamp()))
        world.sandbox.pay_session(made)
    world.switches.turn_on(Failure.BILL_UNKNOWN_LINE, on="bill", times=1)
    day = world.clock.now().date()
    with pytest.raises(RetrySameKey, match="NOT_READY"):
        await world.stripe.download_bill(day)
    late = Stripe(world.keys, now=lambda: datetime.now(UTC) + timedelta(days=2))
    try:
        lines = await late.download_bill(day)
        assert await late.download_bill(day - timedelta(days=1)) == ()
        world.switches.turn_on(Failure.SERVER_ERROR, on="bill", times=1)
        with pytest.raises(Unknown):
            await late.download_bill(day)
    finally:
        late.close_connections()
    # The stray one is on the first of two pages.
    assert len(lines) == 109 + 1
    [payment] = [each for each in lines if each.provider_id == intent]
    assert (payment.kind, payment.number, payment.amount_minor) == (BillLineKind.PAYMENT, order.number, 1000)
    assert (payment.fee_minor, payment.currency) == (59, "CNY")
    refunds = {each.number: each.amount_minor for each in lines if each.kind is BillLineKind.REFUND}
    assert refunds == {refund.number: 300, failed.number: 200}
    others = {
        each.raw.split('"type":"')[1].split('"')[0] for each in lines if each.kind is BillLineKind.OTHER
    }
    assert others == {"payout", "refund_failure"}
    assert not [each for each in PERSONAL if each in repr(lines)]
