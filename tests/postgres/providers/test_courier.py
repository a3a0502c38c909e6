"""Messages reach customers once each, later where a provider fails, and visibly never where nobody can be reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.people.notices import BillNotice, Notice, NotSent, Recipient
from coinslot.providers.acs3 import AccessKey
from coinslot.providers.aliyun_sms import AliyunSms, Templates
from coinslot.providers.courier import Courier
from coinslot.providers.switch import NO_WAY, ByChannel
from coinslot.settlement.messages import PAUSES_S, TRIES, take
from coinslot.wire.ids import CustomerId, SessionId
from tests.support.desk import Desk
from tests.support.fake_sms import KEY_ID, SECRET, FakeSms
from tests.support.kept import becomes

PHONE = "+8613912345678"
URL = "https://wash.example.org"


class Slip:
    """Takes what it is given; refuses, breaks or hangs when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[Recipient, Notice]] = []
        self.refusal: Exception | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.asked = asyncio.Event()

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `Notifier`."""
        self.asked.set()
        await self.goes_on.wait()
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((to, notice))
        return f"slip {len(self.sent)}"


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    return await Desk(pool).open()


@pytest.fixture
async def lin(desk: Desk) -> CustomerId:
    customer = await desk.customer()
    await desk.pool.execute("UPDATE customer SET phone = $1 WHERE customer_id = $2", PHONE, customer)
    return customer


@pytest.fixture
async def session(desk: Desk, lin: CustomerId) -> SessionId:
    return await used(desk, lin)


async def used(desk: Desk, customer: CustomerId, key: str = "k1") -> SessionId:
    """A session that came to 1.35."""
    terminal = await desk.terminal()
    session = await desk.begun(customer, terminal, key=key)
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=30_000, s=100))
    return session.id


async def row(desk: Desk) -> tuple[str, int, str | None, str | None]:
    """State, tries, who has it and the last error of the only message."""
    [found] = await desk.pool.fetch("SELECT state, tries, sent_by, error FROM message")
    return found[0], found[1], found[2], found[3]


async def waits(desk: Desk) -> timedelta:
    """How long until the only message's next try."""
    now: datetime
    next_at: datetime
    [(now, next_at)] = await desk.pool.fetch("SELECT clock_timestamp(), next_at FROM message")
    return next_at - now


async def comes_due(desk: Desk) -> None:
    """Its pause passes."""
    await desk.pool.execute("UPDATE message SET next_at = now()")


@asynccontextmanager
async def running(courier: Courier) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(courier.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until_sent(slip: Slip, count: int) -> None:
    async with asyncio.timeout(10):
        while len(slip.sent) < count:
            slip.asked.clear()
            await slip.asked.wait()


async def test_a_bill_reaches_its_customer_once(desk: Desk, session: SessionId) -> None:
    slip = Slip()
    courier = Courier(desk.pool, slip, f"{URL}/")
    for _ in range(3):
        await courier.once()
    [(to, notice)] = slip.sent
    assert (to.phone, to.language) == (PHONE, "zh")
    assert isinstance(notice, BillNotice)
    assert (notice.operator_name, notice.session) == ("Campus", session)
    assert notice.site
    assert notice.appliance
    assert (notice.captured_minor, notice.released_minor, notice.owed_minor) == (135, 365, 0)
    assert notice.link == f"{URL}/s/{session}/bill"
    assert await row(desk) == ("sent", 1, "slip 1", None)


async def test_without_a_public_address_there_is_no_link_and_the_language_is_the_customers(
    desk: Desk, lin: CustomerId, session: SessionId
) -> None:
    await desk.pool.execute("UPDATE customer SET language = 'en' WHERE customer_id = $1", lin)
    slip = Slip()
    await Courier(desk.pool, slip).once()
    [(to, notice)] = slip.sent
    assert to.language == "en"
    assert isinstance(notice, BillNotice)
    assert notice.link == ""


async def test_four_couriers_send_each_message_once(desk: Desk, lin: CustomerId) -> None:
    for number in range(12):
        await used(desk, lin, f"k{number}")
    slip = Slip()
    couriers = [Courier(desk.pool, slip) for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(courier.once() for courier in couriers))
    assert len(slip.sent) == 12
    assert {notice.session for _, notice in slip.sent if isinstance(notice, BillNotice)} == {
        each[0] for each in await desk.pool.fetch("SELECT session_id FROM session")
    }


async def test_it_is_tried_again_ever_more_rarely_and_then_has_failed(desk: Desk, session: SessionId) -> None:
    slip = Slip()
    slip.refusal = NotSent("busy", again=True)
    courier = Courier(desk.pool, slip)
    for attempt in range(1, TRIES):
        await courier.once()
        assert await row(desk) == ("queued", attempt, None, "busy")
        pause = timedelta(seconds=PAUSES_S[attempt - 1])
        assert timedelta() <= pause - await waits(desk) < timedelta(seconds=20)
        await courier.once()  # not yet due
        await comes_due(desk)
    await courier.once()
    assert await row(desk) == ("failed", TRIES, None, "busy")
    await comes_due(desk)
    await courier.once()
    assert slip.sent == []
    assert (await row(desk))[1] == TRIES


async def test_a_provider_that_recovers_gets_it_and_its_error_is_forgotten(
    desk: Desk, session: SessionId
) -> None:
    slip = Slip()
    slip.refusal = NotSent("busy", again=True)
    courier = Courier(desk.pool, slip)
    await courier.once()
    slip.refusal = None
    await comes_due(desk)
    await courier.once()
    assert await row(desk) == ("sent", 2, "slip 1", None)


async def test_what_will_be_refused_again_has_failed_at_once(desk: Desk, session: SessionId) -> None:
    await Courier(desk.pool, ByChannel()).once()
    assert await row(desk) == ("failed", 1, None, NO_WAY)


async def test_a_notifier_that_breaks_its_promise_costs_one_message_and_says_nothing_of_it(
    desk: Desk, lin: CustomerId, session: SessionId, caplog: pytest.LogCaptureFixture
) -> None:
    slip = Slip()
    slip.refusal = KeyError(PHONE)
    courier = Courier(desk.pool, slip)
    await courier.once()
    assert await row(desk) == ("failed", 1, None, "the notifier failed with KeyError")
    assert PHONE[3:] not in caplog.text
    slip.refusal = None
    await used(desk, lin, "k2")
    await courier.once()
    assert len(slip.sent) == 1


async def test_a_phone_that_is_gone_by_then_is_not_sent_to(
    desk: Desk, lin: CustomerId, session: SessionId
) -> None:
    slip = Slip()
    slip.refusal = NotSent("busy", again=True)
    courier = Courier(desk.pool, slip)
    await courier.once()
    slip.refusal = None
    await desk.pool.execute("UPDATE customer SET phone = NULL WHERE customer_id = $1", lin)
    await comes_due(desk)
    await courier.once()
    assert slip.sent == []
    assert await row(desk) == ("failed", 2, None, "the customer has no phone number")


async def test_a_customer_who_was_erased_is_not_sent_to(
    desk: Desk, lin: CustomerId, session: SessionId
) -> None:
    await desk.pool.execute(
        "INSERT INTO person_key (operator_id, customer_id, destroyed_at) VALUES ($1, $2, now())",
        desk.operator,
        lin,
    )
    slip = Slip()
    await Courier(desk.pool, slip).once()
    assert slip.sent == []
    assert await row(desk) == ("failed", 1, None, "the customer was erased")


async def test_a_new_number_is_the_one_that_counts(desk: Desk, lin: CustomerId, session: SessionId) -> None:
    slip = Slip()
    courier = Courier(desk.pool, slip)
    slip.refusal = NotSent("busy", again=True)
    await courier.once()
    slip.refusal = None
    await desk.pool.execute("UPDATE customer SET phone = '+8613800000000' WHERE customer_id = $1", lin)
    await comes_due(desk)
    await courier.once()
    assert [to.phone for to, _ in slip.sent] == ["+8613800000000"]


async def test_a_courier_that_dies_between_taking_and_sending_leaves_it_to_the_next(
    desk: Desk, session: SessionId
) -> None:
    slip = Slip()
    await Courier(desk.pool, ByChannel()).tell()
    assert len(await take(desk.pool, 8)) == 1  # and dies
    await Courier(desk.pool, slip).once()
    assert slip.sent == []
    assert timedelta(seconds=20) < await waits(desk) <= timedelta(seconds=PAUSES_S[0])
    await comes_due(desk)
    await Courier(desk.pool, slip).once()
    assert (len(slip.sent), await row(desk)) == (1, ("sent", 2, "slip 1", None))


async def test_a_message_whose_every_outcome_was_lost_does_not_go_on_for_ever(
    desk: Desk, session: SessionId
) -> None:
    slip = Slip()
    await Courier(desk.pool, slip).tell()
    for _ in range(TRIES):
        await take(desk.pool, 8)
        await comes_due(desk)
    await Courier(desk.pool, slip).once()
    assert slip.sent == []
    assert (await row(desk))[0] == "failed"
    assert "without an outcome" in ((await row(desk))[3] or "")


async def test_it_runs_until_cancelled_and_a_nudge_wakes_it(
    desk: Desk, lin: CustomerId, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coinslot.providers.courier._EVERY_S", 3_600.0)
    slip = Slip()
    courier = Courier(desk.pool, slip)
    async with running(courier) as task:
        await until_sent(slip, 1)
        await used(desk, lin, "k2")
        courier.nudge()
        await until_sent(slip, 2)
    assert task.cancelled()


async def test_a_provider_that_hangs_holds_up_no_points(
    desk: Desk, lin: CustomerId, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coinslot.providers.courier._EVERY_S", 0.05)
    monkeypatch.setattr("coinslot.providers.courier._FINISH_S", 0.05)
    slip = Slip()
    slip.goes_on.clear()
    async with asyncio.timeout(10), running(Courier(desk.pool, slip)):
        await slip.asked.wait()
        await used(desk, lin, "k2")
        while await desk.pool.fetchval("SELECT EXISTS (SELECT FROM session WHERE told_at IS NULL)"):
            pass
    assert slip.sent == []


async def test_a_courier_that_is_told_to_stop_notes_what_is_under_way(desk: Desk, session: SessionId) -> None:
    slip = Slip()
    slip.goes_on.clear()
    async with running(Courier(desk.pool, slip)) as task:
        await slip.asked.wait()
        task.cancel()
        slip.goes_on.set()
    assert task.cancelled()
    assert await row(desk) == ("sent", 1, "slip 1", None)


async def test_a_courier_that_is_told_to_stop_does_not_wait_for_a_provider_that_hangs(
    desk: Desk, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coinslot.providers.courier._FINISH_S", 0.05)
    slip = Slip()
    slip.goes_on.clear()
    async with asyncio.timeout(5), running(Courier(desk.pool, slip)) as task:
        await slip.asked.wait()
    assert task.cancelled()
    assert (await row(desk))[:2] == ("queued", 1)


async def test_a_provider_that_hangs_is_left_before_another_would_take_the_message(
    desk: Desk, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coinslot.providers.courier._SEND_S", 0.05)
    slip = Slip()
    slip.goes_on.clear()
    await Courier(desk.pool, slip).once()
    assert (await row(desk))[:2] == ("queued", 1)
    assert "no answer within" in ((await row(desk))[3] or "")


async def test_a_database_that_cannot_do_it_is_waited_for(
    desk: Desk,
    session: SessionId,
    owner: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("coinslot.providers.courier._EVERY_S", 0.05)
    slip = Slip()
    await owner.execute("ALTER TABLE message RENAME TO message_away")
    async with running(Courier(desk.pool, slip)):
        await becomes(lambda: "could not reach the database" in caplog.text, "the first failure")
        await owner.execute("ALTER TABLE message_away RENAME TO message")
        await until_sent(slip, 1)
    assert len(slip.sent) == 1


async def test_over_the_real_provider_neither_log_nor_database_holds_the_number(
    desk: Desk, lin: CustomerId, session: SessionId, owner: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with FakeSms() as provider:
        sms = AliyunSms(
            AccessKey(KEY_ID, SECRET),
            sign_name="北校区",
            codes=Templates(),
            bills=Templates(zh="SMS_3"),
            endpoint=provider.url,
        )
        courier = Courier(desk.pool, ByChannel(sms=sms), URL)
        provider.answer = (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": f"{PHONE}: too often"})
        await courier.once()
        assert await row(desk) == (
            "queued",
            1,
            None,
            "the SMS provider refused with isv.BUSINESS_LIMIT_CONTROL",
        )
        provider.answer = FakeSms().answer
        await comes_due(desk)
        await courier.once()
    [taken] = provider.taken
    assert taken["PhoneNumbers"] == PHONE[1:]
    assert session in taken["TemplateParam"]
    assert (await row(desk))[2] == "aliyun 900619746936498440^0"
    assert PHONE[3:] not in caplog.text
    stored = await owner.fetch(
        "SELECT to_jsonb(m)::text FROM message m UNION ALL SELECT to_jsonb(a)::text FROM audit a"
    )
    assert all(PHONE[3:] not in each[0] for each in stored)
