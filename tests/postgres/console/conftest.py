"""The console over a real PostgreSQL, called without a socket between: two operators with staff of every role."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
import pytest
from litestar import Litestar

from coinslot.engines.connect import Pool
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.people import passwords
from coinslot.people.rules import Role
from coinslot.people.staff import add_staff
from coinslot.web.app import build_app
from coinslot.wire.ids import OperatorId, StaffId, new_id
from tests.support.console import console_services

PASSWORD = "correct horse battery"
_FIELD = re.compile(r'name="form" value="([^"]+)"')


@dataclass
class Person:
    """Somebody with a browser of their own."""

    http: httpx.AsyncClient
    operator: OperatorId | None = None
    staff_id: StaffId | None = None
    login: str = ""
    at: str = ""
    """The operator's name, which the form asks for where there are several."""

    async def opens(self, path: str, status: int = 200) -> str:
        """The page's text."""
        answer = await self.http.get(path)
        assert answer.status_code == status, (
            f"{path}: {answer.status_code} {answer.headers.get('location', '')}"
        )
        return answer.text

    async def sends(self, path: str, fields: Mapping[str, str], *, seen: str = "/console") -> httpx.Response:
        """A form of the page at `seen`."""
        found = _FIELD.search(await self.opens(seen))
        assert found is not None
        return await self.posts(path, {"form": found[1], **fields})

    async def posts(self, path: str, fields: Mapping[str, str]) -> httpx.Response:
        """Exactly these fields."""
        return await self.http.post(
            path,
            content=urlencode(fields),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://console.test"},
        )

    async def logs_in(self, login: str, password: str = PASSWORD, operator: str = "") -> httpx.Response:
        """By the form."""
        fields = {"operator": operator or self.at, "login": login, "password": password, "next": ""}
        return await self.sends("/console/log-in", fields, seen="/console/log-in?lang=en")


@dataclass
class House:
    """An operator and its staff, logged in, by role."""

    operator: OperatorId
    name: str
    staff: dict[Role, Person] = field(default_factory=dict)

    @property
    def owner(self) -> Person:
        """Who may do everything."""
        return self.staff[Role.OWNER]


@dataclass
class Consoles:
    """The application and the browsers at it."""

    app: Litestar
    pool: Pool
    keyring: Keyring
    people: list[Person] = field(default_factory=list)

    def browser(self, address: str = "192.0.2.1") -> Person:
        """Somebody new."""
        transport = httpx.ASGITransport(self.app, client=(address, 4711))
        person = Person(
            httpx.AsyncClient(
                transport=transport, base_url="http://console.test", headers={"Accept-Language": "en"}
            )
        )
        self.people.append(person)
        return person

    async def house(self, name: str, *roles: Role, operator: OperatorId | None = None) -> House:
        """An operator with somebody of each of these roles, logged in. A new one's name is its own."""
        if operator is None:
            name = new_id(name)
        async with self.pool.acquire() as connection:
            if operator is None:
                made = await create_operator(
                    connection, name=name, currency="CNY", timezone="Asia/Shanghai", by="test"
                )
                operator = made.operator_id
            house = House(operator, name)
            for role in roles:
                login = f"{role.value}.{name.lower()}"
                staff = await add_staff(
                    connection, operator, login=login, name=role.value.title(), role=role.value,
                    password=PASSWORD, by="test",
                )  # fmt: skip
                person = self.browser()
                person.operator, person.staff_id, person.login, person.at = (
                    operator,
                    staff.staff_id,
                    login,
                    name,
                )
                house.staff[role] = person
        for person in house.staff.values():
            answer = await person.logs_in(person.login)
            assert answer.status_code == 303, answer.text
        return house


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameters are tested where they belong; here a hundred logins are made."""
    monkeypatch.setattr(passwords, "_LOG_N", 4)
    monkeypatch.setattr(passwords, "_P", 1)


@pytest.fixture
async def consoles(pool: Pool) -> AsyncIterator[Consoles]:
    keyring = Keyring("the secret of this test's installation")
    made = Consoles(build_app(console_services(pool, keyring)), pool, keyring)
    yield made
    for person in made.people:
        await person.http.aclose()
