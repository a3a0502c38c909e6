"""Numbers, names, ID numbers and pictures go in by the API and come out nowhere: no log, problem or kept answer."""

from __future__ import annotations

import asyncio
import base64
import logging

import httpx
import pytest

from coinslot.engines.connect import Connection
from coinslot.people.erasing import forget_person
from coinslot.web.api.real_names import AT_ONCE, WAITING
from tests.postgres.people.conftest import NAME, NUMBER, PICTURE
from tests.postgres.people.test_canary import everything, traces
from tests.postgres.web.conftest import Api
from tests.support.api_world import World

PHONE = "13512348765"
LOOKS = (PHONE, "12348765", "+8613512348765", "Canary Lin")
GOOD = {"name": NAME, "id_number": NUMBER, "picture": base64.b64encode(PICTURE).decode()}


async def hand_in(api: Api, world: World, body: object) -> httpx.Response:
    return await api.http.post(f"/api/v1/customers/{world.known}/real-name", json=body, headers=world.auth)


async def test_no_canary_is_in_a_log_a_problem_or_a_kept_answer(
    api: Api, north: World, owner: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {**north.auth, "Idempotency-Key": "one"}
    problems: list[str] = []

    async def send(path: str, body: object, key: str = "one") -> httpx.Response:
        answer = await api.http.post(f"/api/v1{path}", json=body, headers={**headers, "Idempotency-Key": key})
        if answer.status_code >= 400:
            problems.append(answer.text + str(answer.headers))
        return answer

    person = {"name": "Canary Lin", "phone": PHONE}
    assert (await send("/customers", person)).status_code == 201
    assert (await send("/customers", person, "two")).status_code == 409
    assert (await send("/customers", {**person, "phone": "13512348764"})).status_code == 409
    assert (await send("/customers", {"phone": PHONE + "9"}, "three")).status_code == 422
    assert (await send("/customers", {**person, PHONE: 1}, "four")).status_code == 422
    assert (await send("/customers/search", {"phone": PHONE + "9"})).status_code == 422
    for change in (
        {"id_number": NUMBER[:-1] + "1"},
        {"name": NAME + "9"},
        {"picture": base64.b64encode(PICTURE[:1000]).decode()},
        {"picture": "?" + GOOD["picture"]},
        {"picture": 5},
    ):
        refused = await hand_in(api, north, {**GOOD, **change})
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == list(change)
        problems.append(refused.text)
    cut = await api.http.post(
        f"/api/v1/customers/{north.known}/real-name", content=b'{"name":"' + NAME.encode(), headers=headers
    )
    assert cut.status_code == 400
    problems.append(cut.text)
    taken = await hand_in(api, north, GOOD)
    assert taken.status_code == 201
    assert set(taken.json()) == {"real_name_id", "state", "submitted_at", "decided_at", "reason"}

    wanted = [*traces(PICTURE), *LOOKS]
    said = caplog.text + "".join(problems)
    # What a caller named himself is named back to him, and to nobody else.
    said = said.replace(f'"field":"{PHONE}"', "").replace(f"{PHONE}: is not known here", "")
    assert [one for one in wanted if one in said] == []
    kept = str([tuple(row) for row in await owner.fetch("SELECT * FROM api_answer")])
    hexadecimal = str(await owner.fetchval("SELECT string_agg(t::text, ' ') FROM api_answer t"))
    assert [one for one in wanted if one in kept or one.encode().hex() in hexadecimal] == []
    assert len(kept) > 20
    rows = await everything(owner)
    assert [trace for trace in traces(PICTURE) if trace in rows] == []


async def test_all_that_is_wrong_with_a_real_name_is_named_at_once_and_twice_is_once(
    api: Api, north: World
) -> None:
    wrong = await hand_in(api, north, {"name": "9", "id_number": "1", "picture": "AAAA"})
    assert wrong.status_code == 422
    assert [error["field"] for error in wrong.json()["errors"]] == ["name", "id_number", "picture"]
    answers = await asyncio.gather(*(hand_in(api, north, GOOD) for _ in range(AT_ONCE + WAITING)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    assert answers[0].json()["state"] == "pending"
    shown = await api.http.get(f"/api/v1/customers/{north.known}/real-name", headers=north.auth)
    assert shown.content == answers[0].content
    customer = await api.http.get(f"/api/v1/customers/{north.known}", headers=north.auth)
    assert customer.json()["real_name"] == "pending"


async def test_more_pictures_than_can_be_looked_at_are_sent_away_and_others_are_served(
    api: Api, north: World
) -> None:
    many = [asyncio.create_task(hand_in(api, north, GOOD)) for _ in range(4 * (AT_ONCE + WAITING))]
    served = await api.http.get("/api/v1/appliances", headers=north.auth)
    assert served.status_code == 200
    answers = await asyncio.gather(*many)
    away = [one for one in answers if one.status_code != 201]
    assert away
    assert {one.json()["reason"] for one in away} == {"busy_pictures"}
    assert len(answers) - len(away) >= AT_ONCE + WAITING


async def test_a_picture_of_eight_megabytes_fits_and_no_other_body_may_be_so_large(
    api: Api, north: World
) -> None:
    large = base64.b64encode(PICTURE + bytes(8 * 1024 * 1024 - len(PICTURE))).decode()
    answer = await hand_in(api, north, {**GOOD, "picture": large})
    assert answer.status_code in (201, 422)  # padded, it may be no picture any more; it was read
    if answer.status_code == 422:
        assert [error["field"] for error in answer.json()["errors"]] == ["picture"]
    too_large = await hand_in(api, north, {**GOOD, "picture": large + large})
    assert (too_large.status_code, too_large.json()["reason"]) == (413, "too_large")
    assert str(12 * 1024 * 1024) in too_large.json()["detail"]
    for path in ("/customers", "/login-codes", f"/customers/{north.known}/top-ups"):
        other = await api.http.post(
            f"/api/v1{path}",
            json={"name": "a" * 20_000},
            headers={**north.auth, "Idempotency-Key": "one"},
        )
        assert (other.status_code, other.json()["reason"]) == (413, "too_large")
        assert str(16 * 1024) in other.json()["detail"]


async def test_whoever_was_forgotten_is_not_kept_again(api: Api, north: World, owner: Connection) -> None:
    headers = {**north.auth, "Idempotency-Key": "one"}
    body = {"name": "Canary Lin", "phone": PHONE}
    made = (await api.http.post("/api/v1/customers", json=body, headers=headers)).json()
    async with api.pool.acquire() as connection:
        for customer in (made["id"], north.known):
            await forget_person(connection, north.operator, customer, by="test")
    again = await api.http.post("/api/v1/customers", json=body, headers=headers)
    assert again.json() == {**made, "name": "", "phone": None, "blocked": True}
    rows = await everything(owner)
    assert [one for one in LOOKS if one in rows or one.encode().hex() in rows] == []
    refused = await hand_in(api, north, GOOD)
    assert (refused.status_code, refused.json()["reason"]) == (409, "erased")
