"""Starting, looking at and stopping sessions by HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import msgspec
from nats.aio.client import Client

from coinslot.engines.connect import Pool
from coinslot.fleet.quotas import Period, set_quota
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_principal
from coinslot.link.outgoing import Outgoing
from coinslot.settlement.requests import StartRequest
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.tariffs import decode_quote
from coinslot.tariffs import rate as rate_usage
from coinslot.wire.topics import Channel, subject
from tests.postgres.web.conftest import Api, House


async def test_a_start_holds_answers_and_sends_the_command(api: Api, house: House, client: Client) -> None:
    terminal = house.terminals[0].terminal_id
    down = await client.subscribe(subject(terminal, Channel.DOWN))
    await client.flush()
    answer = await api.start(house)
    assert answer.status_code == 201, answer.text
    session = answer.json()
    assert answer.headers["location"] == f"/api/v1/sessions/{session['id']}"
    assert session["state"] == "authorized"
    assert session["hold_minor"] > 0
    assert session["currency"] == "CNY"
    assert session["bill"] is None
    assert session["quote"]["lines"]
    assert set(session["limits"]) == {"ml", "s", "wh", "count", "idle_s", "pause_s"}
    command = msgspec.json.decode((await down.next_msg(timeout=5)).data)
    assert command["type"] == "start"
    assert command["session"] == session["id"]
    async with api.pool.acquire() as connection:
        left = await ledger.balance(connection, house.operator, customer_principal(house.customers[0]), "CNY")
    assert left == 20_00 - session["hold_minor"]


async def test_the_same_key_is_the_same_session_and_holds_once(api: Api, house: House) -> None:
    first, second = await api.start(house), await api.start(house)
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    assert await api.pool.fetchval("SELECT count(*) FROM session") == 1
    assert await api.pool.fetchval("SELECT count(*) FROM ledger_entry WHERE session_id IS NOT NULL") == 1


async def test_the_same_key_for_something_else_is_a_conflict(api: Api, house: House) -> None:
    await api.start(house)
    before = await api.entries()
    answer = await api.start(house, customer=house.customers[1])
    assert (answer.status_code, answer.json()["reason"]) == (409, "key_conflict")
    assert answer.headers["content-type"] == "application/problem+json"
    assert await api.entries() == before


async def test_a_double_click_in_two_tabs_is_one_session(api: Api, house: House) -> None:
    answers = await asyncio.gather(*(api.start(house) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_two_server_processes_make_one_session_of_one_key(api: Api, pool: Pool, client: Client) -> None:
    house = await api.house("Race", terminals=1)
    others = [Starter(PostgresBooks(pool), Outgoing(client).send_all) for _ in range(4)]
    request = StartRequest(
        operator=house.operator,
        customer=house.customers[0],
        terminal=house.terminals[0].terminal_id,
        outlet=0,
        key="one",
    )
    direct = [other.start(request) for other in others]
    answers = await asyncio.gather(api.start(house), *direct)
    assert answers[0].status_code == 201
    assert {getattr(answer, "id", None) for answer in answers[1:]} == {answers[0].json()["id"]}
    assert await api.pool.fetchval("SELECT count(*) FROM session") == 1


async def test_many_starts_on_one_outlet_give_one_session_and_busy(api: Api, house: House) -> None:
    answers = await asyncio.gather(*(api.start(house, f"key-{number}") for number in range(30)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201, *[409] * 29]
    assert {answer.json()["reason"] for answer in answers if answer.status_code == 409} == {"busy"}


async def test_starts_on_a_balance_for_four_give_four_holds(api: Api) -> None:
    house = await api.house("Rush", terminals=12, customers=1)
    answers = await asyncio.gather(
        *(
            api.start(house, f"key-{number}", terminal=one.terminal_id)
            for number, one in enumerate(house.terminals)
        )
    )
    held = [answer.json()["hold_minor"] for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code != 201]
    assert sum(held) <= 20_00
    assert refused
    assert {one["reason"] for one in refused} == {"no_balance"}
    assert all(one["needed_minor"] > one["balance_minor"] for one in refused)


async def test_an_appliance_can_be_named_by_its_public_code(api: Api, house: House) -> None:
    code = house.terminals[0].appliance_code
    answer = await api.start(house, terminal=None, appliance=code)
    assert answer.status_code == 201
    assert answer.json()["terminal"] == house.terminals[0].terminal_id
    again = await api.start(house)
    assert again.json()["id"] == answer.json()["id"]


_SHUT = "closed " + " ".join(str(datetime.now(UTC).date() + timedelta(days=off)) for off in (-1, 0, 1))


async def test_a_quota_says_when_there_is_more(api: Api, house: House) -> None:
    async with api.pool.acquire() as connection:
        await set_quota(connection, house.operator, period=Period.DAY, ml=1, by="test")
    problem = (await api.start(house)).json()
    assert (problem["status"], problem["reason"]) == (403, "quota")
    assert datetime.fromisoformat(problem["again_at"]) > datetime.now(UTC)


async def test_refusals_say_what_stands_in_the_way(api: Api, house: House) -> None:
    own = (house.operator,)
    cases = (
        ("UPDATE terminal_link SET online = false WHERE operator_id = $1", 503, "offline"),
        ("UPDATE outlet SET tariff_id = NULL WHERE operator_id = $1", 409, "no_tariff"),
        (f"UPDATE appliance SET hours = '{_SHUT}' WHERE operator_id = $1", 423, "out_of_hours"),
        ("UPDATE appliance SET closed = true WHERE operator_id = $1", 423, "closed"),
        ("UPDATE customer SET blocked_at = now() WHERE operator_id = $1", 404, "no_such_customer"),
    )
    before = await api.entries()
    for number, (change, status, reason) in enumerate(cases):
        await api.pool.execute(change, *own)
        answer = await api.start(house, f"key-{number}")
        problem = answer.json()
        assert (answer.status_code, problem["reason"]) == (status, reason)
        assert problem["type"] == f"urn:coinslot:problem:{reason}"
        assert problem["status"] == status
        assert problem["title"]
        assert problem["detail"]
        assert (problem.get("again_at") is not None) == (reason == "out_of_hours")
    assert (await api.start(house)).headers.get("retry-after") is None
    assert await api.entries() == before


async def test_stop_is_asked_once_or_often_and_changes_nothing_after_the_end(
    api: Api, house: House, client: Client
) -> None:
    session = (await api.start(house)).json()["id"]
    down = await client.subscribe(subject(house.terminals[0].terminal_id, Channel.DOWN))
    await client.flush()
    for _ in range(3):
        answer = await api.http.post(f"/api/v1/sessions/{session}/stop", headers=house.auth)
        assert answer.status_code == 200
        assert answer.json()["stop_asked_at"] is not None
    assert msgspec.json.decode((await down.next_msg(timeout=5)).data)["type"] == "stop"
    await api.pool.execute(
        "UPDATE session SET state = 'released', settled_at = now(), wake_at = NULL WHERE session_id = $1",
        session,
    )
    answer = await api.http.post(f"/api/v1/sessions/{session}/stop", headers=house.auth)
    assert (answer.status_code, answer.json()["state"]) == (200, "released")
    assert answer.json()["bill"]["released_minor"] == answer.json()["hold_minor"]


async def test_a_settled_session_shows_its_bill_with_lines_that_add_up(api: Api, house: House) -> None:
    session = (await api.start(house)).json()
    quote = decode_quote(
        (await api.pool.fetchval("SELECT quote FROM session WHERE session_id = $1", session["id"])).encode()
    )
    usage = {rate.register: 1_234 for rate in quote.rates}
    charge = rate_usage(quote, usage).amount_minor
    await api.pool.execute(
        "UPDATE session SET state = 'settled', settled_at = now(), charge_minor = $2, captured_minor = $2,"
        " registers = $3, wake_at = NULL WHERE session_id = $1",
        session["id"],
        charge,
        msgspec.json.encode(usage).decode(),
    )
    shown = (await api.http.get(f"/api/v1/sessions/{session['id']}", headers=house.auth)).json()
    bill = shown["bill"]
    assert bill["charge_minor"] == charge
    assert bill["released_minor"] == session["hold_minor"] - charge
    exact = sum(
        Fraction(line["amount"]["numerator"], line["amount"]["denominator"]) for line in bill["lines"]
    )
    assert exact == charge
