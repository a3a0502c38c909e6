"""The demo's staff, desk and endpoint: made once, found again, and what opens is what is printed."""

from __future__ import annotations

from pathlib import Path

from coinslot.app.demo_house import furnish
from coinslot.app.demo_system import HotelSystem
from coinslot.app.demo_world import open_world
from coinslot.engines.connect import Pool
from coinslot.fleet.front_desks import link_opens, list_desks
from coinslot.keyring import Keyring
from coinslot.people import cards
from coinslot.people.staff import list_staff, log_in
from coinslot.webhooks.endpoints import list_endpoints

KEYRING = Keyring("a secret for tests alone, 32 letters")


async def test_each_start_finds_its_people_and_prints_a_link_that_opens(pool: Pool, tmp_path: Path) -> None:
    world = await open_world(pool, tmp_path / "key")
    system = HotelSystem()
    system.url = "http://127.0.0.1:8095/coinslot"
    async with pool.acquire() as connection:
        own = world.operator
        first = await furnish(connection, world, system, KEYRING, tmp_path)
        secret = system.secret
        again = await furnish(connection, world, system, KEYRING, tmp_path)
        assert again.logins == first.logins
        assert system.secret == secret
        assert (tmp_path / "console-logins").stat().st_mode & 0o777 == 0o600
        links = [house.desk_path.removeprefix("/desk/open/") for house in (first, again)]
        assert [await link_opens(connection, link) for link in links] == [False, True]
        assert len(await list_desks(connection, own)) == 4
        links = [house.kiosk_path.removeprefix("/desk/open/") for house in (first, again)]
        assert [await link_opens(connection, link) for link in links] == [False, True]
        assert again.card == first.card
        holder = await cards.log_in(pool, KEYRING, own, first.card.number, first.card.pin, source="127.0.0.1")
        assert not isinstance(holder, cards.CardRefused)
        assert first.card.pin not in repr(first)

        # Another port, and a lost file: another endpoint, other passwords, the same people.
        system.url = "http://127.0.0.1:8096/coinslot"
        (tmp_path / "console-logins").unlink()
        third = await furnish(connection, world, system, KEYRING, tmp_path)
        assert [one.url for one in await list_endpoints(connection, own)] == [system.url]
        assert system.secret != secret
        assert [one.login for one in await list_staff(connection, own)] == [
            "desk",
            "manager",
            "owner",
            "technician",
        ]
        owner = third.logins[0]
        assert await log_in(connection, own, owner.login, owner.password) is not None
        assert await log_in(connection, own, owner.login, first.logins[0].password) is None
