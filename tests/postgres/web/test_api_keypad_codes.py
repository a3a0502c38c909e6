"""Codes for keypads over the API: made once for a key, shown while they live, cancelled."""

from __future__ import annotations

import httpx
import pytest

from tests.postgres.web.conftest import Api
from tests.support.api_world import World


async def make(api: Api, world: World, key: str = "one", **body: object) -> httpx.Response:
    asked = {"customer": world.customers[3], "appliance": world.codes[3], **body}
    headers = {**world.auth, "Idempotency-Key": key}
    return await api.http.post("/api/v1/keypad-codes", json=asked, headers=headers)


async def test_a_code_is_made_once_shown_and_cancelled(api: Api, north: World) -> None:
    first = await make(api, north)
    assert first.status_code == 201
    code = first.json()
    assert len(code["digits"]) == 8
    assert (await make(api, north)).json() == code
    conflict = await make(api, north, cap_minor=500)
    assert (conflict.status_code, conflict.json()["reason"]) == (409, "key_conflict")
    again = await make(api, north, "two")
    assert (again.status_code, again.json()["reason"]) == (409, "already_live")
    renewed = (await make(api, north, "three", renew=True)).json()
    path = first.headers["location"]
    old = (await api.http.get(path, headers=north.auth)).json()
    assert (old["state"], old["digits"]) == ("cancelled", None)
    for _ in range(2):
        ended = await api.http.post(f"/api/v1/keypad-codes/{renewed['id']}/cancel", headers=north.auth)
        assert (ended.status_code, ended.json()["state"]) == (200, "cancelled")


async def test_what_cannot_be_is_told(api: Api, north: World, subtests: pytest.Subtests) -> None:
    for body, status, reason in [
        ({"cap_minor": 500, "renew": True}, 422, "invalid"),
        ({"any_of_room": True, "outlet": 0}, 422, "invalid"),
        ({"any_of_room": True}, 404, "no_such_outlet"),
        ({"outlet": 7}, 404, "no_such_outlet"),
        ({"cap_minor": 1}, 402, "no_balance"),
        ({"customer": "cus_no"}, 404, "no_such_customer"),
    ]:
        with subtests.test(body=body, status=status, reason=reason):
            answer = await make(api, north, **body)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason)
