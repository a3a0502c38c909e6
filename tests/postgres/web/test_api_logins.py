"""Phone and code for an operator's own program: what a browser is held to holds here, too."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest

from coinslot.engines.connect import Connection
from coinslot.people import real_names
from coinslot.people.customers import add_customer
from coinslot.people.login_rules import SOURCE_LIMITS
from coinslot.people.notices import NotSent
from tests.postgres.people.conftest import NAME, NUMBER, PICTURE
from tests.postgres.web.conftest import KEYRING, Api
from tests.support.api_world import World
from tests.support.logging_in import other_code

PHONE = "13500135000"


async def post(api: Api, world: World, path: str, body: object) -> httpx.Response:
    return await api.http.post(f"/api/v1{path}", json=body, headers=world.auth)


async def send(api: Api, world: World, phone: str = PHONE, address: str = "203.0.113.7") -> httpx.Response:
    return await post(api, world, "/login-codes", {"phone": phone, "address": address})


async def log_in(api: Api, world: World, phone: str = PHONE) -> httpx.Response:
    """By the code that is sent now."""
    sent = await send(api, world, phone)
    assert sent.status_code == 202, sent.text
    body = {"login_code": sent.json()["login_code"], "phone": phone, "code": api.phones.last_code}
    return await post(api, world, "/logins", body)


async def later(owner: Connection) -> None:
    """Codes were asked for a while ago."""
    await owner.execute(
        "UPDATE login_code SET made_at = made_at - interval '2 hours', expires_at = expires_at - interval '2 hours'"
    )


async def test_a_new_number_becomes_a_customer_and_comes_back_as_the_same(
    api: Api, north: World, owner: Connection
) -> None:
    first = await log_in(api, north)
    assert first.status_code == 200, first.text
    assert first.json()["new"] is True
    await later(owner)
    again = await log_in(api, north, "+86 135 0013 5000")
    assert again.json() == {"customer": first.json()["customer"], "new": False}
    to, _ = api.phones.sent[-1]
    assert (to.phone, to.language) == ("+8613500135000", "zh")
    shown = await api.http.get(f"/api/v1/customers/{first.json()['customer']}", headers=north.auth)
    assert shown.json()["phone"] == "+86135****5000"
    # The caller keeps its own sessions: none of ours is left lying about.
    assert await api.pool.fetchval("SELECT count(*) FROM browser_login WHERE ended_at IS NULL") == 0


async def test_a_code_is_tried_five_times_and_used_once(api: Api, north: World) -> None:
    sent = (await send(api, north)).json()
    assert sent["sent"] is True
    body = {"login_code": sent["login_code"], "phone": PHONE, "code": other_code(api.phones.last_code)}
    left = []
    for _ in range(4):
        answer = await post(api, north, "/logins", body)
        assert (answer.status_code, answer.json()["reason"]) == (403, "wrong_code")
        left.append(answer.json()["tries_left"])
    assert left == [4, 3, 2, 1]
    for code in (other_code(api.phones.last_code), api.phones.last_code):
        answer = await post(api, north, "/logins", {**body, "code": code})
        assert (answer.status_code, answer.json()["reason"]) == (410, "code_over")


async def test_a_right_code_opens_once_however_many_send_it(api: Api, north: World) -> None:
    sent = (await send(api, north)).json()
    body = {"login_code": sent["login_code"], "phone": PHONE, "code": api.phones.last_code}
    answers = await asyncio.gather(*(post(api, north, "/logins", body) for _ in range(8)))
    assert sorted(one.status_code for one in answers) == [200, *[410] * 7]


async def test_known_and_unknown_numbers_look_alike_before_the_code(api: Api, north: World) -> None:
    known, unknown = await send(api, north, north.phone), await send(api, north)
    assert known.status_code == unknown.status_code == 202
    assert set(known.json()) == set(unknown.json())
    codes = [one.json()["login_code"] for one in (known, unknown)]
    for phone, code in ((PHONE, codes[0]), (north.phone, codes[1])):
        crossed = {"login_code": code, "phone": phone, "code": api.phones.last_code}
        assert (await post(api, north, "/logins", crossed)).status_code == 410


async def test_one_number_gets_one_code_a_minute_and_the_answer_says_when(api: Api, north: World) -> None:
    assert (await send(api, north)).status_code == 202
    answer = await send(api, north)
    assert (answer.status_code, answer.json()["reason"]) == (429, "too_many_codes")
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert len(api.phones.sent) == 1


async def test_an_operators_word_for_an_address_costs_no_other_operator_anything(
    api: Api, north: World, south: World
) -> None:
    at_most = SOURCE_LIMITS[0].at_most
    for number in range(at_most):
        # One IPv6 subscriber has a whole /64 to choose from.
        answer = await send(api, north, f"135{number:08}", f"2001:db8::{number:x}")
        assert answer.status_code == 202, answer.text
    assert (await send(api, north, "13600136000", "2001:db8::ffff")).status_code == 429
    assert (await send(api, south, "13600136001", "2001:db8::ffff")).status_code == 202
    assert (await send(api, north, "13600136002", "2001:db8:0:1::1")).status_code == 202


async def test_what_cannot_be_is_named(api: Api, north: World, subtests: pytest.Subtests) -> None:
    for path, body, field in [
        ("/login-codes", {"phone": "12345", "address": "203.0.113.7"}, "phone"),
        ("/login-codes", {"phone": PHONE, "address": "nowhere"}, "address"),
        ("/login-codes", {"phone": PHONE, "address": "\u0000"}, "address"),
        ("/login-codes", {"phone": PHONE, "address": "203.0.113.7/24"}, "address"),
        ("/login-codes", {"phone": PHONE}, "address"),
        ("/login-codes", {"phone": PHONE, "address": "203.0.113.7", "language": "fr"}, "language"),
        ("/login-codes", {"phone": PHONE, "address": "203.0.113.7", "code": "123456"}, "code"),
        ("/logins", {"login_code": "a b", "phone": PHONE, "code": "123456"}, "login_code"),
        ("/logins", {"login_code": "lgc_1", "phone": PHONE, "code": ""}, "code"),
        ("/logins", {"login_code": "lgc_1", "phone": PHONE, "code": 123456}, "code"),
        ("/logins", {"login_code": "lgc_1", "phone": PHONE, "code": "123456", "customer": "x"}, "customer"),
        ("/logins/still-mine", {"proof": "", "id_tail": "002X"}, "proof"),
        ("/logins/still-mine", {"proof": "x", "id_tail": "x" * 21}, "id_tail"),
        ("/logins/anew", {"proof": "x" * 201}, "proof"),
        ("/logins/anew", {"proof": "x", "customer": "cus_1"}, "customer"),
    ]:
        with subtests.test(path=path, body=body, field=field):
            answer = await post(api, north, path, body)
            assert answer.status_code == 422, answer.text
            assert [error["field"] for error in answer.json()["errors"]] == [field]
            assert not api.phones.sent


async def test_odd_codes_and_proofs_are_over_and_not_errors_of_ours(api: Api, north: World) -> None:
    for text in ("lgc_1", "-", "_" * 40):
        body = {"login_code": text, "phone": "not a phone", "code": "\u0000\U0001f4a7"}
        assert (await post(api, north, "/logins", body)).status_code == 410
    for proof in ("x", "\u0000", "\U0001f4a7" * 200):
        for path, more in (("/logins/still-mine", {"id_tail": "\u0000"}), ("/logins/anew", {})):
            assert (await post(api, north, path, {"proof": proof, **more})).status_code == 410


async def test_a_message_that_may_not_have_left_is_told_apart_from_one_that_cannot(
    api: Api, north: World, owner: Connection
) -> None:
    api.phones.failure = NotSent("no answer within 10 s", again=True)
    unsure = await send(api, north)
    assert (unsure.status_code, unsure.json()["sent"]) == (202, False)
    api.phones.failure = NotSent("no provider of messages is set", again=False)
    cannot = await send(api, north, "13600136000")
    assert (cannot.status_code, cannot.json()["reason"]) == (503, "not_sent")
    assert "no provider of messages is set" in cannot.json()["detail"]
    assert int(cannot.headers["retry-after"]) >= 1


async def test_an_old_number_opens_by_the_id_numbers_end_or_begins_anew(
    api: Api, north: World, owner: Connection
) -> None:
    async with api.pool.acquire() as connection:
        old = await add_customer(connection, north.operator, phone=PHONE, by="test")
        waiting = await real_names.submit(
            connection,
            KEYRING,
            north.operator,
            old.customer_id,
            name=NAME,
            id_number=NUMBER,
            picture=PICTURE,
            by="test",
        )
        await real_names.approve(connection, north.operator, waiting.real_name_id, by="test")

    async def doubted() -> str:
        await later(owner)
        await owner.execute(
            "UPDATE customer SET created_at = now() - interval '400 days', phone_proved_at = NULL"
            " WHERE customer_id = $1",
            old.customer_id,
        )
        answer = await log_in(api, north)
        assert (answer.status_code, answer.json()["reason"]) == (409, "still_yours")
        proof: str = answer.json()["proof"]
        return proof

    proof = await doubted()
    wrong = await post(api, north, "/logins/still-mine", {"proof": proof, "id_tail": "0000"})
    assert (wrong.status_code, wrong.json()["reason"], wrong.json()["tries_left"]) == (403, "wrong_tail", 2)
    right = await post(api, north, "/logins/still-mine", {"proof": proof, "id_tail": NUMBER[-4:]})
    assert right.json() == {"customer": old.customer_id, "new": False}
    assert (await post(api, north, "/logins/anew", {"proof": proof})).status_code == 410

    proof = await doubted()
    for left in (2, 1, 0):
        wrong = await post(api, north, "/logins/still-mine", {"proof": proof, "id_tail": "0000"})
        assert wrong.json()["tries_left"] == left
    assert "begin anew" in wrong.json()["detail"]
    anew = await post(api, north, "/logins/anew", {"proof": proof})
    assert anew.status_code == 200
    assert anew.json()["new"] is True
    assert anew.json()["customer"] != old.customer_id
    assert (await post(api, north, "/logins/anew", {"proof": proof})).status_code == 410


async def test_no_code_number_or_proof_is_logged(
    api: Api, north: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.phones.failure = NotSent("no answer", again=True)
    await send(api, north, "13600136000")
    api.phones.failure = None
    await log_in(api, north)
    await send(api, north)
    for secret in (api.phones.last_code, "13500135000", "13600136000", "203.0.113.7"):
        assert secret not in caplog.text
