"""Endpoints that are down, slow, rude or hostile: nothing is lost, nobody else waits, nothing is believed."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.fields import MissingError
from coinslot.providers.webhook_calls import Caller
from coinslot.providers.webhooks import MOST_EACH, WebhookSender
from coinslot.webhooks.deliveries import (
    find_delivery,
    forget_old_deliveries,
    queue_test,
    replay,
    replay_dead,
)
from coinslot.webhooks.endpoints import find_endpoint, remove_endpoint, switch_on
from coinslot.webhooks.model import DeliveryState
from tests.postgres.webhooks.conftest import KEYRING, LOOPBACK, House
from tests.support.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_endpoint_that_is_down_is_tried_again_later_with_the_same_id_and_bytes(
    house: House, receiver: Receiver
) -> None:
    receiver.answers(503, b"later")
    endpoint = await house.endpoint()
    await house.used()
    assert await house.sender.once() == 1
    assert await house.sender.once() == 0
    [(state, tries, status, error)] = await house.standing()
    assert (state, tries, status) == ("waiting", 1, 503)
    assert "503" in error
    wait = await house.pool.fetchval("SELECT next_at - now() FROM webhook_delivery")
    assert timedelta(seconds=3) < wait < timedelta(seconds=7)
    await house.due_again()
    receiver.answers(200, b"thanks")
    await house.sender.once()
    first, second = receiver.heard
    assert (first.id, first.body) == (second.id, second.body)
    assert await house.standing() == [("delivered", 2, 200, "")]
    found, attempts, body = await find_delivery(house.pool, house.operator, endpoint.endpoint_id, first.id)
    assert [(each.status, each.answer) for each in attempts] == [(503, "later"), (200, "thanks")]
    assert body == first.body
    assert found.state is DeliveryState.DELIVERED


async def test_nothing_listens_there(house: House) -> None:
    async with Receiver() as gone:
        url = gone.url
    await house.endpoint(url)
    await house.used()
    await house.sender.once()
    [(state, _, status, error)] = await house.standing()
    assert (state, status) == ("waiting", None)
    assert "nothing listens" in error


async def test_a_redirect_is_not_followed(house: House, receiver: Receiver) -> None:
    async with Receiver() as elsewhere:
        receiver.answers(307, b"", f"Location: {elsewhere.url}")
        await house.endpoint()
        await house.used()
        await house.sender.once()
        assert elsewhere.heard == []
    assert "redirects are not followed" in (await house.standing())[0][3]


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x01\x00\xa5 nonsense\r\n\r\n",
        b"",
        b"HTTP/1.1 ",
        b"HTTP/1.1 204 None\r\nX: " + b"y" * 300_000,
    ],
    ids=["garbage", "nothing", "half a line", "endless headers"],
)
async def test_what_does_not_speak_http_is_tried_again(
    house: House, receiver: Receiver, answer: bytes
) -> None:
    receiver.answer = answer
    await house.endpoint()
    await house.used()
    await house.sender.once()
    [(state, _, status, error)] = await house.standing()
    assert (state, status) == ("waiting", None)
    assert error


async def test_of_an_answer_a_kilobyte_is_read_and_nothing_is_unpacked(
    house: House, receiver: Receiver
) -> None:
    packed = gzip.compress(b"\0" * 50_000_000)
    receiver.answers(200, packed, "Content-Encoding: gzip")
    endpoint = await house.endpoint()
    await house.used()
    await house.sender.once()
    [heard] = receiver.heard
    _, [attempt], _ = await find_delivery(house.pool, house.operator, endpoint.endpoint_id, heard.id)
    assert attempt.status == 200
    assert len(attempt.answer) <= 1024


async def test_an_answer_that_stops_in_the_middle_has_said_what_counts_and_one_without_an_end_does_not_wait(
    house: House, receiver: Receiver
) -> None:
    receiver.unfinished = True
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nso far"
    house.sender = WebhookSender(house.pool, KEYRING, Caller(LOOPBACK, within_s=0.3))
    await house.endpoint()
    await house.used()
    await house.sender.once()
    assert await house.standing() == [("delivered", 1, 200, "")]
    receiver.silent = True
    await house.used()
    await house.sender.once()
    assert (await house.standing())[1][0] == "waiting"
    assert "within" in (await house.standing())[1][3]


async def test_a_slow_endpoint_holds_up_no_other(house: House, receiver: Receiver) -> None:
    async with Receiver(silent=True) as slow:
        await house.endpoint(slow.url, name="slow")
        await house.endpoint(name="quick")
        await house.used(MOST_EACH + 2)
        running = asyncio.create_task(house.sender.run())
        try:
            await receiver.hears(MOST_EACH + 2)
            assert len(slow.heard) == MOST_EACH
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_a_sender_that_dies_in_mid_call_leaves_a_try_without_an_outcome_and_another_tries_again(
    house: House, receiver: Receiver
) -> None:
    receiver.silent = True
    endpoint = await house.endpoint()
    await house.used()
    dying = asyncio.create_task(house.sender.once())
    await receiver.hears(1)
    dying.cancel()
    await asyncio.wait([dying])
    receiver.silent = False
    other = WebhookSender(house.pool, KEYRING, house.caller)
    assert await other.once() == 0  # leased for a minute
    await house.due_again()
    assert await other.once() == 1
    first, second = receiver.heard
    assert (first.id, first.body) == (second.id, second.body)
    _, attempts, _ = await find_delivery(house.pool, house.operator, endpoint.endpoint_id, first.id)
    assert [(each.took_ms is None, each.status) for each in attempts] == [(True, None), (False, 204)]


async def test_410_switches_the_endpoint_off_with_a_word_and_what_it_misses_is_kept_for_a_replay(
    house: House, receiver: Receiver
) -> None:
    receiver.answers(410, b"we moved")
    endpoint = await house.endpoint()
    await house.used(2)
    await house.sender.once()
    await house.used()
    assert {row[0] for row in await house.standing()} == {"dead"}
    async with house.pool.acquire() as connection:
        off = await find_endpoint(connection, house.operator, endpoint.endpoint_id)
        assert off.off_since is not None
        assert "410" in off.off_why
        assert (
            await connection.fetchval(
                "SELECT actor FROM audit WHERE operator_id = $1 AND action = 'webhook.off'", house.operator
            )
            == "webhooks"
        )
        since = datetime.now(UTC) - timedelta(days=1)
        assert await replay_dead(connection, endpoint, since, by="test") == 0
        await switch_on(connection, house.operator, endpoint.endpoint_id, by="test")
        receiver.answers(200)
        assert await replay_dead(connection, endpoint, since, by="test") == 3
    await house.sender.once()
    assert {row[0] for row in await house.standing()} == {"delivered"}


async def test_after_three_days_it_is_given_up_and_a_replay_is_a_new_try_under_the_same_id(
    house: House, receiver: Receiver
) -> None:
    receiver.answers(500)
    endpoint = await house.endpoint()
    await house.used()
    await house.sender.once()
    await house.pool.execute(
        "UPDATE webhook_delivery SET round_at = now() - interval '71 hours', round_tries = 12"
    )
    await house.due_again()
    await house.sender.once()
    assert (await house.standing())[0][0] == "dead"
    receiver.answers(200)
    async with house.pool.acquire() as connection:
        assert await replay(connection, endpoint, receiver.heard[0].id, by="test")
        with pytest.raises(MissingError):
            await replay(connection, endpoint, "evt_unknown", by="test")
    await house.sender.once()
    assert await house.standing() == [("delivered", 3, 200, "")]
    assert len({heard.id for heard in receiver.heard}) == 1
    async with house.pool.acquire() as connection:
        # What has arrived can be sent once more, too: somebody may have lost it.
        assert await replay(connection, endpoint, receiver.heard[0].id, by="test")
    await house.sender.once()
    assert len(receiver.heard) == 4


async def test_a_removed_endpoint_hears_nothing_more(house: House, receiver: Receiver) -> None:
    endpoint = await house.endpoint()
    await house.used()
    async with house.pool.acquire() as connection:
        await remove_endpoint(connection, house.operator, endpoint.endpoint_id, by="test")
        assert not await replay_dead(connection, endpoint, datetime.now(UTC) - timedelta(days=1), by="test")
    await house.used()
    await house.sender.once()
    assert receiver.heard == []
    assert [row[0] for row in await house.standing()] == ["dead"]


async def test_a_test_message_goes_to_one_endpoint(house: House, receiver: Receiver) -> None:
    endpoint = await house.endpoint()
    await house.endpoint(name="other")
    async with house.pool.acquire() as connection:
        event_id = await queue_test(connection, endpoint, by="test")
    await house.sender.once()
    [heard] = receiver.heard
    assert (heard.id, heard.json()["type"]) == (event_id, "test")


class TurningName:
    """A name whose addresses change from one question to the next."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self._answers.pop(0)


async def test_a_name_that_turns_to_metadata_after_it_was_entered_is_not_called(
    house: House, receiver: Receiver
) -> None:
    name = TurningName(
        ["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "169.254.169.254"], ["::ffff:10.0.0.1"], []
    )
    house.sender = WebhookSender(house.pool, KEYRING, Caller(LOOPBACK, name))
    await house.endpoint(f"http://pms.hotel.example:{receiver.port}/hooks")
    await house.used()
    await house.sender.once()
    assert name.asked == 1  # the address that was judged is the one that was called
    assert receiver.heard[0].headers["host"] == f"pms.hotel.example:{receiver.port}"
    for why in ("never called", "never called", "private", "no address"):
        await house.used()
        await house.sender.once()
        assert why in (await house.standing())[-1][3]
        await house.pool.execute(
            "UPDATE webhook_delivery SET next_at = now() + interval '1 day' WHERE state = 'waiting'"
        )
    assert len(receiver.heard) == 1


async def test_loopback_is_not_called_unless_the_setting_allows_it(house: House, receiver: Receiver) -> None:
    house.sender = WebhookSender(house.pool, KEYRING, Caller())
    await house.endpoint()
    await house.used()
    await house.sender.once()
    assert receiver.heard == []
    assert "COINSLOT_WEBHOOK_NETWORKS" in (await house.standing())[0][3]


async def test_what_ended_a_month_ago_is_forgotten(house: House) -> None:
    await house.endpoint()
    await house.used(2)
    await house.sender.once()
    await house.pool.execute(
        "UPDATE webhook_delivery SET ended_at = now() - interval '31 days' WHERE event_id = ("
        " SELECT min(event_id) FROM webhook_event)"
    )
    await house.pool.execute("UPDATE webhook_event SET made_at = now() - interval '31 days'")
    async with house.pool.acquire() as connection:
        assert await forget_old_deliveries(connection) == 1
    assert await house.pool.fetchval("SELECT count(*) FROM webhook_event") == 1
    assert await house.pool.fetchval("SELECT count(*) FROM webhook_attempt") == 1
