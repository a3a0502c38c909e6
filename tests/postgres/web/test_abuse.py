"""Bodies, headers and paths that nobody in good faith sends: a clear 4xx, and no money moves."""

from __future__ import annotations

import httpx
import pytest

from tests.postgres.web.conftest import Api, House


async def post(api: Api, house: House, body: bytes, key: str | None = "one") -> httpx.Response:
    headers = {"Authorization": house.auth["Authorization"].encode(), "Content-Type": b"application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key.encode()
    return await api.http.post("/api/v1/sessions", content=body, headers=headers)


def body_of(house: House, **changes: str) -> bytes:
    """The usual body, with raw JSON in the place of some fields."""
    fields = {
        "customer": f'"{house.customers[0]}"',
        "terminal": f'"{house.terminals[0].terminal_id}"',
        "outlet": "0",
        **changes,
    }
    return ("{" + ",".join(f'"{name}":{text}' for name, text in fields.items() if text) + "}").encode()


async def test_an_outlet_that_is_none_is_refused_and_nothing_is_posted(
    api: Api, house: House, subtests: pytest.Subtests
) -> None:
    for outlet, status in [
        ("-1", 422),
        ("256", 422),
        (str(2**63), 422),
        (str(2**200), 422),
        ("0.001", 422),
        ("0.0", 422),
        ('"0"', 422),
        ("true", 422),
        ("null", 422),
        ("[]", 422),
        ("", 422),
        ("NaN", 400),
        ("Infinity", 400),
        ("1e999", 422),
        ("0x10", 400),
    ]:
        with subtests.test(outlet=outlet, status=status):
            before = await api.entries()
            answer = await post(api, house, body_of(house, outlet=outlet))
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["reason"] == ("invalid" if status == 422 else "not_json")
            if status == 422:
                assert [error["field"] for error in problem["errors"]] == ["outlet"]
                assert problem["errors"][0]["reason"]
            assert await api.entries() == before


async def test_a_body_that_is_none_is_refused(api: Api, house: House, subtests: pytest.Subtests) -> None:
    for body, status in [
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b"{", 400),
        (b"\xff\xfe\x00", 400),
        (b'{"customer":"\xff"}', 400),
        (b"[" * 10_000, 400),
        (b'{"a":' * 2_000, 400),
        (b'{"customer":' + b"[" * 8_000 + b"]" * 8_000 + b"}", 400),
        (b" " * 100_000, 413),
        (b'{"customer":"' + b"a" * 1_000_000 + b'"}', 413),
        (b'{"customer":' + b"9" * 5_000 + b"}", 400),
    ]:
        with subtests.test(body=body, status=status):
            answer = await post(api, house, body)
            assert answer.status_code in ({status} if status == 413 else {400, 422}), answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert await api.pool.fetchval("SELECT count(*) FROM session") == 0


async def test_a_huge_body_sent_in_pieces_is_cut_off(api: Api, house: House) -> None:
    async def pieces() -> object:
        for _ in range(10_000):
            yield b" " * 1_000

    headers = {**house.auth, "Idempotency-Key": "one", "Content-Type": "application/json"}
    answer = await api.http.post("/api/v1/sessions", content=pieces(), headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")


async def test_ids_that_cannot_be_are_named_as_such(
    api: Api, house: House, subtests: pytest.Subtests
) -> None:
    for text in [
        '""',
        '"a b"',
        '"a\\u0000b"',
        '"' + "a" * 41 + '"',
        '"\'; DROP TABLE session; --"',
        '"ид"',
        "1",
        '"a\\n"',
    ]:
        with subtests.test(text=text):
            for field in ("customer", "terminal"):
                answer = await post(api, house, body_of(house, **{field: text}))
                assert answer.status_code == 422
                assert answer.json()["errors"][0]["field"] == field


async def test_what_a_caller_may_not_set_is_no_field_at_all(api: Api, house: House) -> None:
    for extra in ("balance_minor", "hold_minor", "price", "operator", "role", "limits"):
        answer = await post(api, house, body_of(house, **{extra: "1"}))
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"field": extra, "reason": "is not known here"}]


async def test_terminal_and_appliance_are_one_of_the_two(api: Api, house: House) -> None:
    both = await post(api, house, body_of(house, appliance='"7KQ2M4XR"'))
    neither = await post(api, house, body_of(house, terminal=""))
    assert [one.json()["errors"][0]["field"] for one in (both, neither)] == ["appliance", "terminal"]


async def test_a_start_needs_a_key_of_its_own(api: Api, house: House) -> None:
    for key in (None, "", "a b", "x" * 129, "ключ"):
        answer = await post(api, house, body_of(house), key)
        assert answer.status_code == 422, key
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_queries_are_checked_too(api: Api, house: House, subtests: pytest.Subtests) -> None:
    for query in [
        "limit=0",
        "limit=-1",
        "limit=201",
        "limit=9223372036854775808",
        "limit=NaN",
        "limit=1e3",
        "state=gone",
        "customer=%00",
        "before=%27",
        "customer=" + "a" * 41,
    ]:
        with subtests.test(query=query):
            answer = await api.http.get(f"/api/v1/sessions?{query}", headers=house.auth)
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_other_methods_and_paths_are_problems_too(api: Api, house: House) -> None:
    wrong = await api.http.delete("/api/v1/sessions", headers=house.auth)
    assert (wrong.status_code, wrong.json()["reason"]) == (405, "method_not_allowed")
    nowhere = await api.http.get("/api/v1/nothing", headers=house.auth)
    assert (nowhere.status_code, nowhere.json()["reason"]) == (404, "not_found")
