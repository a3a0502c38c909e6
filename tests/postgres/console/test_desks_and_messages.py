"""Front desks let in and shut out, and messages sent again, each by who may, for one's own operator alone."""

from __future__ import annotations

import re

import httpx
import pytest

from coinslot.app.seed import make_fleet, make_paying_customers
from coinslot.fleet.front_desks import LINK_LIFE, add_desk, find_desk, revoke_desk
from coinslot.fleet.store import add_site
from coinslot.people.rules import Role
from coinslot.webhooks.endpoints import find_endpoint, switch_off
from coinslot.wire.ids import OperatorId
from tests.postgres.console.conftest import Consoles, Person
from tests.support.given_up import given_up

_LINK = re.compile(r"http://console\.test(/desk/open/[\w-]+)")
_LIST = "/console/messages"


async def opened(consoles: Consoles, path: str) -> Person:
    """A browser in which somebody has pressed the button behind the link."""
    browser = consoles.browser()
    answer = await browser.sends(path, {}, seen=path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    return browser


async def link_of(
    consoles: Consoles, operator: OperatorId, site: str, name: str = "Reception"
) -> tuple[str, str]:
    """A new desk's id and its link's path."""
    async with consoles.pool.acquire() as connection:
        place = await add_site(connection, operator, name=site, by="test")
        desk, link = await add_desk(connection, operator, place.site_id, name=name, by="test")
    return desk.desk_id, f"/desk/open/{link}"


async def test_staff_make_a_link_that_opens_once_and_shut_the_browser_out_again(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER, Role.AUDITOR)
    async with consoles.pool.acquire() as connection:
        site = await add_site(connection, house.operator, name="Hotel am See", by="test")
    fields = {"site": site.site_id, "name": "Reception"}
    made = await house.owner.sends("/console/desks", fields, seen="/console/desks")
    link = _LINK.search(made.text)
    assert link is not None
    again = await house.owner.sends("/console/desks", fields, seen="/console/desks")
    assert again.status_code == 422
    assert (
        await house.staff[Role.AUDITOR].sends("/console/desks", fields, seen="/console/desks")
    ).status_code == 403

    # Looking at a link, as previews do, does not use it up.
    assert "Open here" in await consoles.browser().opens(link[1])
    browser = await opened(consoles, link[1])
    assert "Hotel am See" in await browser.opens("/desk")
    cookie = next(one for one in browser.http.cookies.jar if one.name == "cs_desk")
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.expires is not None
    # Used twice: by another browser, and by one that had the page open already.
    late = consoles.browser()
    await late.opens(link[1], 404)
    assert (await late.sends(link[1], {}, seen="/console/log-in")).status_code == 404

    desk = await consoles.pool.fetchval("SELECT desk_id FROM front_desk")
    await house.owner.sends(f"/console/desks/{desk}/revoke", {}, seen="/console/desks")
    for path in ("/desk", "/desk/state", "/desk/events"):
        await browser.opens(path, 401)
    assert await consoles.pool.fetch("SELECT action FROM audit WHERE object = $1 ORDER BY audit_id", desk) == [
        ("desk.add",), ("desk.open",), ("desk.revoke",),
    ]  # fmt: skip


async def test_a_link_of_yesterday_and_one_that_was_replaced_open_nothing(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER)
    desk, link = await link_of(consoles, house.operator, "Hotel")
    browser = consoles.browser()
    form = await browser.opens(link)
    await consoles.pool.execute(
        "UPDATE front_desk SET link_expires_at = link_expires_at - $1::interval", LINK_LIFE
    )
    sealed = re.search(r'name="form" value="([^"]+)"', form)
    assert sealed is not None
    assert (await browser.posts(link, {"form": sealed[1]})).status_code == 404
    renewed = await house.owner.sends(f"/console/desks/{desk}/link", {}, seen="/console/desks")
    newer = _LINK.search(renewed.text)
    assert newer is not None
    await opened(consoles, newer[1])
    assert (await consoles.browser().http.get(link)).status_code == 404
    assert (await consoles.browser().http.get(f"/desk/open/{'x' * 32}")).status_code == 404


async def test_a_form_from_elsewhere_opens_nothing(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER)
    _, link = await link_of(consoles, house.operator, "Hotel")
    assert (await consoles.browser().posts(link, {"form": "made up"})).status_code == 403
    await opened(consoles, link)


async def used(consoles: Consoles, operator: OperatorId, site: str, room: str) -> None:
    """A use of an appliance in that room at this site, by somebody with a name."""
    async with consoles.pool.acquire() as connection:
        [terminal] = await make_fleet(connection, operator, terminals=1)
        await make_paying_customers(
            connection, operator, names=["Lin Secret"], currency="CNY", amount_minor=20_00
        )
        await connection.execute(
            "UPDATE appliance SET name = 'Dryer ' || $3::text, room = $3::text, site_id ="
            " (SELECT site_id FROM site WHERE operator_id = $1 AND name = $2) WHERE operator_id = $1"
            " AND appliance_id = (SELECT appliance_id FROM outlet WHERE terminal_id = $4)",
            operator,
            site,
            room,
            terminal.terminal_id,
        )


async def test_a_desk_sees_its_own_site_and_nobodys_name(consoles: Consoles) -> None:
    north, south = await consoles.house("North"), await consoles.house("South")
    desk, link = await link_of(consoles, north.operator, "Hotel")
    async with consoles.pool.acquire() as connection:
        await add_site(connection, north.operator, name="Annex", by="test")
        await add_site(connection, south.operator, name="Hotel", by="test")
    await used(consoles, north.operator, "Hotel", "801")
    await used(consoles, north.operator, "Annex", "902")
    await used(consoles, south.operator, "Hotel", "703")
    browser = await opened(consoles, link)
    for path in ("/desk", "/desk/state"):
        seen = await browser.opens(path)
        assert "801" in seen
        assert "902" not in seen
        assert "703" not in seen
        assert "Secret" not in seen
    stranger = consoles.browser()
    stranger.http.cookies.set("cs_desk", "x" * 43)
    nobody = consoles.browser()
    answers = {(await each.http.get("/desk")).status_code for each in (stranger, nobody)}
    assert answers == {401}
    async with consoles.pool.acquire() as connection:
        with pytest.raises(ValueError, match="desk"):
            await find_desk(connection, south.operator, desk)
        with pytest.raises(ValueError, match="desk"):
            await revoke_desk(connection, south.operator, desk, by="test")


async def test_dead_messages_are_seen_with_their_tries_and_sent_again(consoles: Consoles) -> None:
    house = await consoles.house("North", Role.OWNER, Role.AUDITOR)
    endpoint, event_id = await given_up(consoles.pool, house.operator)
    page = f"{_LIST}/{endpoint.endpoint_id}/{event_id}"
    assert event_id in await house.owner.opens(f"{_LIST}?state=dead")
    assert event_id not in await house.owner.opens(f"{_LIST}?state=delivered")
    shown = await house.staff[Role.AUDITOR].opens(page)
    assert "&lt;b&gt;our fault&lt;/b&gt;" in shown
    assert "Send again" not in shown

    async def state() -> str:
        return str(await consoles.pool.fetchval("SELECT state FROM webhook_delivery"))

    assert (await house.owner.sends(f"{page}/replay", {}, seen=page)).status_code == 303
    assert await state() == "waiting"
    await consoles.pool.execute(
        "UPDATE webhook_delivery SET state = 'dead', next_at = NULL, ended_at = now()"
    )
    assert (
        await house.owner.sends(f"{_LIST}/{endpoint.endpoint_id}/replay-dead", {}, seen=_LIST)
    ).status_code == 303
    assert await state() == "waiting"
    await house.owner.sends(f"{_LIST}/{endpoint.endpoint_id}/switch", {"to": "off"}, seen=_LIST)
    assert await state() == "dead"
    for what in ("test", "replay-dead"):
        answer = await house.owner.sends(f"{_LIST}/{endpoint.endpoint_id}/{what}", {}, seen=_LIST)
        assert answer.status_code == 409
    await house.owner.sends(f"{_LIST}/{endpoint.endpoint_id}/switch", {"to": "on"}, seen=_LIST)
    answer = await house.owner.sends(f"{_LIST}/{endpoint.endpoint_id}/test", {}, seen=_LIST)
    assert answer.status_code == 303
    assert "Not sent yet" in await house.owner.opens(answer.headers["location"])


async def test_another_operators_messages_are_not_there(consoles: Consoles) -> None:
    north, south = await consoles.house("North", Role.OWNER), await consoles.house("South", Role.OWNER)
    endpoint, event_id = await given_up(consoles.pool, north.operator)
    page = f"{_LIST}/{endpoint.endpoint_id}/{event_id}"
    assert event_id not in await south.owner.opens(_LIST)
    await south.owner.opens(page, 404)
    posts = [
        f"{page}/replay",
        *(f"{_LIST}/{endpoint.endpoint_id}/{what}" for what in ("test", "switch", "replay-dead")),
    ]
    answers: list[httpx.Response] = [
        await south.owner.sends(path, {"to": "off"}, seen=_LIST) for path in posts
    ]
    assert {answer.status_code for answer in answers} == {404}
    async with consoles.pool.acquire() as connection:
        found = await find_endpoint(connection, north.operator, endpoint.endpoint_id)
        assert found.off_since is None
        await switch_off(connection, south.operator, endpoint.endpoint_id, why="not mine", by="test")
        assert (await find_endpoint(connection, north.operator, endpoint.endpoint_id)).off_since is None
