"""What happens is told: one delivery for each event and endpoint, whatever dies, doubles or cannot be done."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.fleet.store import create_operator, list_sites
from coinslot.webhooks.signing import secret
from tests.postgres.webhooks.conftest import KEYRING, House
from tests.support.receiver import Heard, Receiver, verified
from tests.support.till import Till

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def events(pool: Pool) -> list[tuple[str, str]]:
    """Kind and subject of every delivery, in the order of their making."""
    rows = await pool.fetch(
        "SELECT v.kind, v.about FROM webhook_delivery d JOIN webhook_event v USING (operator_id, event_id)"
        " ORDER BY v.at, v.event_id, d.endpoint_id"
    )
    return [(row[0], row[1]) for row in rows]


async def test_a_settled_session_is_told_with_all_that_a_hotel_asks_and_no_person(
    house: House, receiver: Receiver, owner: Connection
) -> None:
    endpoint = await house.endpoint()
    await owner.execute("UPDATE appliance SET room = '801'")
    [session] = await house.used()
    assert await house.sender.once() == 1
    [heard] = receiver.heard
    told = verified(secret(KEYRING, endpoint), heard)
    assert heard.path == "/hooks?of=hotel"
    assert heard.headers["content-type"] == "application/json"
    assert (told["type"], told["version"], told["id"]) == ("session.settled", 1, heard.id)
    data = told["data"]
    assert isinstance(data, dict)
    assert data["session"] == session
    assert data["appliance"]["room"] == "801"
    assert data["usage"]["ml"] == 10_000
    assert (data["captured_minor"], data["charge_minor"]) == (45, 45)
    assert data["captured_minor"] + data["refund_minor"] == data["held_minor"]
    assert data["shares"] == [{"party": "operator", "name": "", "amount_minor": 45}]
    assert data["payment"] is None
    customer = await house.pool.fetchval("SELECT customer_id FROM session WHERE session_id = $1", session)
    assert customer.encode() not in heard.body
    assert b"Lin" not in heard.body
    assert await house.standing() == [("delivered", 1, 204, "")]


async def test_nothing_is_written_where_nobody_listens(house: House) -> None:
    await house.used()
    assert await house.pool.fetchval("SELECT count(*) FROM webhook_event") == 0


async def test_a_transaction_that_ends_before_its_commit_tells_nothing_and_the_next_one_tells_once(
    house: House,
) -> None:
    await house.endpoint()
    session = await house.uses()
    async with house.pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        await connection.execute("UPDATE session SET told_at = settled_at WHERE session_id = $1", session)
        assert await events(house.pool) == []
        await undone.rollback()
    assert await events(house.pool) == []
    await house.tells()
    await house.tells()
    assert await events(house.pool) == [("session.settled", session)]


async def test_two_who_tell_at_once_make_one_delivery_for_each_endpoint(house: House) -> None:
    await house.endpoint()
    await house.endpoint(name="Bookkeeping")
    session = await house.uses()
    await asyncio.gather(house.tells(), house.tells())
    await house.tells()
    assert await events(house.pool) == [("session.settled", session)] * 2
    assert await house.pool.fetchval("SELECT count(*) FROM webhook_event") == 1


async def test_a_session_that_is_set_aside_is_told_all_the_same(house: House, owner: Connection) -> None:
    await house.endpoint()
    session = await house.uses()
    await owner.execute("UPDATE operator SET points_per_major = 1000")
    await owner.execute("UPDATE session SET currency = 'XXQ' WHERE session_id = $1", session)
    await house.tells()
    assert await house.desk.reviews()
    assert await events(house.pool) == [("session.settled", session)]


async def test_books_restored_from_yesterday_tell_it_under_the_same_id(
    house: House, owner: Connection
) -> None:
    await house.endpoint()
    [session] = await house.used()
    first = await house.pool.fetchval("SELECT event_id FROM webhook_event")
    await owner.execute("DELETE FROM webhook_delivery")
    await owner.execute("DELETE FROM webhook_event")
    await owner.execute("UPDATE session SET told_at = NULL WHERE session_id = $1", session)
    await house.tells()
    assert await house.pool.fetchval("SELECT event_id FROM webhook_event") == first


async def test_an_endpoint_hears_of_its_own_operator_and_site_and_of_what_it_asked_for(house: House) -> None:
    async with house.pool.acquire() as connection:
        stranger = await create_operator(
            connection, name="Other", currency="CNY", timezone="Asia/Shanghai", by="test"
        )
        [site] = await list_sites(connection, house.operator)
        other = await connection.fetchval(
            "INSERT INTO site (operator_id, site_id, name, timezone) VALUES ($1, 'sit_other', 'Annex', 'Asia/Shanghai')"
            " RETURNING site_id",
            house.operator,
        )
    await house.endpoint(name="another operator's", operator=stranger.operator_id)
    await house.endpoint(name="another site's", site=other)
    await house.endpoint(name="money only", kinds=["payment.received", "refund.done"])
    wanted = await house.endpoint(name="this site's", site=site.site_id, kinds=["session.settled"])
    await house.used()
    found = await house.pool.fetch("SELECT endpoint_id FROM webhook_delivery")
    assert [row[0] for row in found] == [wanted.endpoint_id]


async def test_payments_and_refunds_are_told_once_however_often_a_provider_says_so(
    pool: Pool, house: House, receiver: Receiver
) -> None:
    till = await Till(pool).open()
    endpoint = await house.endpoint(operator=till.operator)
    customer = await till.customer()
    intent = await till.topup(customer)
    attempts = [await till.offered(intent) for _ in range(2)]
    for attempt in attempts:
        till.provider.pays(attempt.number)
    for attempt in (*attempts, *attempts):
        await till.notified(attempt)
        await till.cashier.apply()
    await till.works(rounds=4, every=timedelta(minutes=2))
    [refund] = await till.refunds()
    assert sorted(await events(pool)) == sorted(
        [*(("payment.received", attempt.number) for attempt in attempts), ("refund.done", refund.number)]
    )
    await house.sender.once()
    told = {message_id(heard): verified(secret(KEYRING, endpoint), heard) for heard in receiver.heard}
    paid, twice, back = (
        data_of(told[number]) for number in (attempts[0].number, attempts[1].number, refund.number)
    )
    assert (paid["mark"], paid["purpose"], paid["site"]) == ("", "topup", None)
    assert twice["mark"] == "duplicate"
    assert twice["payment"] == back["payment"]
    assert (back["amount_minor"], back["why"]) == (attempts[1].amount_minor, "duplicate")
    assert all(customer.encode() not in heard.body for heard in receiver.heard)


def data_of(told: dict[str, object]) -> dict[str, object]:
    """What an event is about."""
    data = told["data"]
    assert isinstance(data, dict)
    return data


def message_id(heard: Heard) -> object:
    """The payment's or refund's own number."""
    data = data_of(heard.json())
    payment = data["payment"]
    assert isinstance(payment, dict)
    return data.get("refund", payment["number"])


async def test_an_event_that_cannot_be_written_is_dead_at_once_and_holds_up_no_other(
    house: House, receiver: Receiver, owner: Connection
) -> None:
    await house.endpoint()
    sessions = await house.used(2)
    await owner.execute("UPDATE session SET sharing = 'no agreement' WHERE session_id = $1", sessions[0])
    await house.sender.once()
    assert len(receiver.heard) == 1
    standing = await house.standing()
    assert sorted(row[0] for row in standing) == ["dead", "delivered"]
    assert any("cannot be written" in row[3] for row in standing)
