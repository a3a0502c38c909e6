"""Who gets into the console, for how long, and how often somebody may try."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from coinslot.engines.connect import open_pool
from coinslot.keyring import Keyring
from coinslot.people.rules import Role
from coinslot.people.staff import disable_staff, set_password
from coinslot.web.app import build_app
from tests.postgres.console.conftest import PASSWORD, Consoles
from tests.support.console import console_services
from tests.support.engines import create_database, drop_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def consoles(admin_url: str, template_name: str) -> AsyncIterator[Consoles]:
    """One for all tests here: each has operators, and addresses that guess, of its own."""
    url = await create_database(admin_url, template_name)
    pool = await open_pool(url, min_size=1, max_size=4)
    keyring = Keyring("the secret of this test's installation")
    made = Consoles(build_app(console_services(pool, keyring)), pool, keyring)
    yield made
    for person in made.people:
        await person.http.aclose()
    pool.terminate()
    await drop_database(admin_url, url)


async def test_in_and_out(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER)
    assert "Overview" in await house.owner.opens("/console")
    cookie = next(one for one in house.owner.http.cookies.jar if one.name == "cs_staff")
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert (await house.owner.sends("/console/log-out", {})).headers["location"] == "/console/log-in"
    answer = await house.owner.http.get("/console")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/log-in")


async def test_what_was_asked_for_is_seen_after_logging_in_and_nothing_else_is(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER)
    stranger = consoles.browser()
    answer = await stranger.http.get("/console/log-in?next=//evil.example/console")
    assert 'name="next" value="/console"' in answer.text
    for evil in ("https://evil.example", "/m/x", "/console/../m", "/console?x", "/console/%2e%2e"):
        fields = {"operator": house.name, "login": house.owner.login, "password": PASSWORD, "next": evil}
        answer = await stranger.sends("/console/log-in", fields, seen="/console/log-in?lang=en")
        assert answer.headers["location"] == "/console"
        await stranger.sends("/console/log-out", {})


async def test_wrong_ones_look_alike_and_another_operators_login_opens_nothing(consoles: Consoles) -> None:
    north, south = await consoles.house("North", Role.OWNER), await consoles.house("South", Role.DESK)
    texts = set()
    for number, (operator, login, password) in enumerate(
        (
            (north.name, north.owner.login, PASSWORD + "x"),
            (north.name, "nobody", PASSWORD),
            (south.name, north.owner.login, PASSWORD),
            ("Nowhere", north.owner.login, PASSWORD),
            ("", north.owner.login, PASSWORD),
            ("No\0rth", "own\0er", "\0"),
            (north.name, north.owner.login, "x" * 200),
        )
    ):
        stranger = consoles.browser(f"192.0.2.{10 + number}")
        answer = await stranger.logs_in(login, password, operator)
        assert answer.status_code == 422
        assert "cs_staff" not in stranger.http.cookies
        texts.add(answer.text.split('role="alert">')[1].split("<")[0])
    assert texts == {"Operator, login or password is wrong."}


async def test_forged_cookies_open_nothing(consoles: Consoles) -> None:
    await consoles.house("North", Role.OWNER)
    for token in (
        "",
        "x",
        "a" * 43,
        secrets.token_urlsafe(32),
        "\xe9" * 40,
        "a" * 5_000,
        "' OR 1=1 --aaaaaaaaaa",
    ):
        stranger = consoles.browser()
        answer = await stranger.http.get(
            "/console", headers={"Cookie": f"cs_staff={token}".encode("latin-1")}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/log-in")


async def test_a_login_ends_with_the_password_the_person_the_idle_time_and_the_week(
    consoles: Consoles,
) -> None:
    house = await consoles.house("North", Role.OWNER, Role.DESK)
    desk, own, pool = house.staff[Role.DESK], house.operator, consoles.pool

    async def is_in() -> bool:
        return (await desk.http.get("/console")).status_code == 200

    async with pool.acquire() as connection:
        await set_password(connection, own, desk.staff_id, PASSWORD + "2", by="test")
    assert not await is_in()
    await desk.logs_in(desk.login, PASSWORD + "2")
    assert await is_in()
    await pool.execute(
        "UPDATE console_login SET seen_at = now() - interval '11:59' WHERE staff_id = $1", desk.staff_id
    )
    assert await is_in()  # which counts as a use
    await pool.execute(
        "UPDATE console_login SET seen_at = seen_at - interval '11:59' WHERE staff_id = $1", desk.staff_id
    )
    assert await is_in()
    await pool.execute(
        "UPDATE console_login SET seen_at = now() - interval '12:01' WHERE staff_id = $1", desk.staff_id
    )
    assert not await is_in()
    await desk.logs_in(desk.login, PASSWORD + "2")
    await pool.execute("UPDATE console_login SET expires_at = now() WHERE staff_id = $1", desk.staff_id)
    assert not await is_in()
    await desk.logs_in(desk.login, PASSWORD + "2")
    async with pool.acquire() as connection:
        await disable_staff(connection, own, desk.staff_id, by="test")
    assert not await is_in()
    assert (await house.owner.http.get("/console")).status_code == 200


async def test_logging_out_everywhere_ends_the_other_browser_too(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER)
    other = consoles.browser()
    await other.logs_in(house.owner.login, operator=house.name)
    await house.owner.sends("/console/log-out", {"everywhere": "yes"})
    assert (await other.http.get("/console")).status_code == 303


async def test_forms_belong_to_one_login(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER, Role.MANAGER)
    owner, manager = house.owner, house.staff[Role.MANAGER]
    theirs = (await manager.opens("/console")).split('name="form" value="')[1].split('"')[0]
    assert (await owner.posts("/console/log-out", {})).status_code == 403
    assert (await owner.posts("/console/log-out", {"form": theirs})).status_code == 403
    mine = (await owner.opens("/console")).split('name="form" value="')[1].split('"')[0]
    answer = await owner.http.post(
        "/console/log-out",
        content=f"form={mine}",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert "Overview" in await owner.opens("/console")
    # The form of the login page itself belongs to the browser that asked for it.
    stranger = consoles.browser()
    assert (
        await stranger.posts("/console/log-in", {"login": owner.login, "password": PASSWORD})
    ).status_code == 403


async def test_guessing_ends_and_people_get_in_from_their_own_browsers(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER)
    owner = house.owner
    for number in range(5):
        guesser = consoles.browser("198.51.100.7")
        assert (await guesser.logs_in(owner.login, f"wrong number {number}", house.name)).status_code == 422
    answer = await guesser.logs_in(owner.login, PASSWORD, house.name)  # right, but too late
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 600
    for number in range(15):  # from elsewhere, widely
        guesser = consoles.browser(f"203.0.113.{number}")
        assert (await guesser.logs_in(owner.login, "wrong", house.name)).status_code == 422
    assert (
        await consoles.browser("203.0.113.99").logs_in(owner.login, operator=house.name)
    ).status_code == 429
    # The person's own browser is not kept out by what strangers do, also after logging out.
    await owner.sends("/console/log-out", {})
    assert (await owner.logs_in(owner.login)).status_code == 303
    # But it may not guess without end either, nor help anybody with another login.
    await owner.sends("/console/log-out", {})
    for number in range(10):
        assert (await owner.logs_in(owner.login, f"wrong number {number}")).status_code == 422
    assert (await owner.logs_in(owner.login)).status_code == 429


async def test_one_address_does_not_try_name_after_name(consoles: Consoles) -> None:
    await consoles.house("North", Role.OWNER)
    guesser = consoles.browser("2001:db8::1")
    for number in range(20):
        assert (await guesser.logs_in(f"somebody{number}", "wrong")).status_code == 422
    neighbour = consoles.browser("2001:db8::2")  # the same subscriber
    assert (await neighbour.logs_in("somebody", "wrong")).status_code == 429


async def test_nothing_of_who_tried_is_kept_readable(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER)
    await consoles.browser("198.51.100.9").logs_in(house.owner.login, "wrong", house.name)
    row = await consoles.pool.fetchrow("SELECT t::text FROM console_try t ORDER BY try_id DESC LIMIT 1")
    assert row is not None
    assert "198.51.100.9" not in row[0]
    assert house.owner.login not in row[0]
