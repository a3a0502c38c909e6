"""Appliances, live figures and reports by the API."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from coinslot.access import stickers
from coinslot.engines.connect import Connection
from tests.postgres.web.conftest import KEYRING, Api
from tests.support.api_world import TERMINALS, World


async def get(api: Api, world: World, path: str) -> httpx.Response:
    return await api.http.get(f"/api/v1{path}", headers=world.auth)


async def report(api: Api, world: World, body: object, session: str | None = None) -> httpx.Response:
    path = f"/api/v1/sessions/{session or world.ended}/reports"
    return await api.http.post(path, json=body, headers=world.auth)


async def test_appliances_are_listed_by_code_page_by_page(api: Api, north: World, south: World) -> None:
    seen: list[str] = []
    after = ""
    for _ in range(TERMINALS):
        page = (await get(api, north, f"/appliances?limit=3{after}")).json()
        seen += [one["code"] for one in page["appliances"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == sorted(north.codes)
    for query, field in (
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("after=%00", "after"),
        ("limit=x", "limit"),
    ):
        answer = await get(api, north, f"/appliances?{query}")
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_an_appliance_shows_how_each_outlet_stands_and_what_it_would_promise(
    api: Api, north: World, owner: Connection
) -> None:
    used, free = [
        (await get(api, north, f"/appliances/{code}")).json() for code in (north.codes[0], north.codes[3])
    ]
    tap = next(one for one in used["outlets"] if one["session"] is not None)
    assert (tap["state"], tap["session"], tap["terminal"]) == ("busy", north.running, north.terminals[0])
    outlet = free["outlets"][0]
    assert outlet["state"] == "free"
    assert outlet["session"] is None
    assert 0 < outlet["minimum_start_minor"] <= outlet["hold_minor"]
    assert outlet["quote"]["lines"]
    assert free["url"].startswith("http://api.test/m/")
    assert stickers.read(KEYRING, free["url"].rpartition("/")[2]) == north.codes[3]
    started = await api.http.post(
        "/api/v1/sessions",
        json={"customer": north.customers[3], "appliance": north.codes[3], "outlet": outlet["outlet"]},
        headers={**north.auth, "Idempotency-Key": "one"},
    )
    assert started.status_code == 201
    assert started.json()["quote"] == outlet["quote"]
    assert started.json()["hold_minor"] == outlet["hold_minor"]

    for change, state in (
        ("UPDATE terminal_link SET online = false", "offline"),
        ("UPDATE outlet SET tariff_id = NULL", "no_price"),
        ("UPDATE appliance SET closed = true", "closed"),
    ):
        await owner.execute(change)
        shown = (await get(api, north, f"/appliances/{north.codes[2]}")).json()
        assert shown["outlets"][0]["state"] == state
    assert shown["closed"] is True
    assert shown["outlets"][0]["quote"] is None


async def test_an_appliance_that_nothing_drives_any_more_is_still_shown(
    api: Api, north: World, owner: Connection
) -> None:
    await owner.execute("UPDATE terminal SET revoked_at = now() WHERE terminal_id = $1", north.terminals[3])
    shown = await get(api, north, f"/appliances/{north.codes[3]}")
    assert (shown.status_code, shown.json()["outlets"]) == (200, [])


async def test_what_is_no_code_is_not_found(api: Api, north: World) -> None:
    token = stickers.sign(KEYRING, north.codes[3])
    for text in (
        token,
        "%00",
        "a" * 300,
        "..",
        "%2e%2e%2f",
        "%F0%9F%92%A7",
        "%ff",
        north.codes[3].lower() + "x",
    ):
        assert (await get(api, north, f"/appliances/{text}")).status_code == 404, text


async def test_live_figures_are_those_of_the_session(api: Api, north: World) -> None:
    live = (await get(api, north, f"/sessions/{north.running}/live")).json()
    assert (live["session"], live["state"], live["currency"]) == (north.running, "authorized", "CNY")
    assert live["charge_minor"] == 0
    assert live["at"] is None
    ended = (await get(api, north, f"/sessions/{north.ended}/live")).json()
    assert ended["state"] == "released"
    for text in ("x", "%00", "a" * 300, "%F0%9F%92%A7"):
        for rest in ("", "/live"):
            assert (await get(api, north, f"/sessions/{text}{rest}")).status_code == 404


async def test_what_is_reported_first_stays_and_is_kept_once(api: Api, north: World) -> None:
    answers = await asyncio.gather(
        *(report(api, north, {"kind": "quality", "words": f" cold\u0000 {n}\r\n"}) for n in range(10))
    )
    assert {one.status_code for one in answers} == {200}
    assert sorted(one.json()["new"] for one in answers) == [False] * 9 + [True]
    [row] = await api.pool.fetch("SELECT detail FROM review WHERE session_id = $1", north.ended)
    assert row["detail"].startswith("quality: cold ")
    assert "\r" not in row["detail"]


async def test_a_report_that_says_nothing_is_refused(
    api: Api, north: World, subtests: pytest.Subtests
) -> None:
    for body, field in [
        ({}, "words"),
        ({"words": " \n\u200b "}, "words"),
        ({"words": "a" * 501}, "words"),
        ({"words": 5}, "words"),
        ({"kind": "price"}, "kind"),
        ({"kind": "amount", "refund_minor": 500}, "refund_minor"),
    ]:
        with subtests.test(body=body, field=field):
            answer = await report(api, north, body)
            assert answer.status_code == 422, answer.text
            assert [error["field"] for error in answer.json()["errors"]] == [field]
            assert await api.pool.fetchval("SELECT count(*) FROM review WHERE reason = 'reported'") == 0


async def test_only_what_has_ended_has_a_bill_to_report(api: Api, north: World) -> None:
    answer = await report(api, north, {"kind": "amount"}, north.running)
    assert (answer.status_code, answer.json()["reason"]) == (409, "not_ended")
    assert (await report(api, north, {"kind": "amount"}, "ses_x")).status_code == 404
