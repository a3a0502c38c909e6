"""Somebody with a browser at an appliance's page: cookies, forms as they stand in the page, no JavaScript."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self

import httpx

from coinslot.access import stickers
from coinslot.app.seed import ensure_tariff
from coinslot.fleet.bulk import OutletPlan, TerminalCredentials, make_terminals
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import add_site
from coinslot.fleet.tariff_store import add_tariff
from coinslot.ledger.events import cash_topup
from coinslot.ledger.store import post
from coinslot.money import parse_currency
from coinslot.tariffs import Tariff, dump_tariff
from coinslot.wire.ids import CustomerId
from tests.postgres.web.conftest import KEYRING, Api, House

LIN = "138 0013 8000"
LIN_E164 = "+8613800138000"


@dataclass
class Form:
    """One form of a page: where it goes and what its fields hold."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.headings = 0
        self.by_id: dict[str, Form] = {}
        self._inside: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        match tag:
            case "form":
                self._inside = Form(found.get("action") or "")
                self.forms.append(self._inside)
                self.by_id[found.get("id") or ""] = self._inside
            case "input" if self._inside is not None and found.get("name"):
                self._input(self._inside, found)
            case "a":
                self.links.append(found.get("href") or "")
            case "h1":
                self.headings += 1

    def _input(self, form: Form, found: dict[str, str | None]) -> None:
        name = str(found["name"])
        if found.get("type") == "radio" and ("checked" not in found or "disabled" in found):
            return
        if found.get("type") != "file":
            form.fields[name] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None


@dataclass
class Shown:
    """A page as it came."""

    status: int
    text: str
    url: str
    forms: list[Form]
    main: Form | None
    """The form that the button in the dock belongs to."""
    links: list[str]
    headings: int
    answer: httpx.Response

    def form(self, ending: str) -> Form:
        """The form whose address ends so."""
        return next(one for one in self.forms if one.action.endswith(ending))


class Browser:
    """`async with Browser(api)`: one visitor, a cookie jar, an address."""

    def __init__(self, api: Api, *, language: str = "en", address: str = "198.51.100.7") -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(api.app, client=(address, 50_000)),
            base_url="http://api.test",
            headers={"Accept-Language": language, "Accept": "text/html"},
            follow_redirects=False,
        )
        self.api = api

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def open(self, path: str) -> Shown:
        """Go there, and on to wherever one is sent."""
        return await self._follow(await self.http.get(path))

    async def press(self, form: Form | None, **changes: str) -> Shown:
        """Send a form with these fields changed, and go where one is sent."""
        assert form is not None
        return await self._follow(await self.send(form, **changes))

    async def send(self, form: Form, **changes: str) -> httpx.Response:
        """Send a form and look no further."""
        return await self.http.post(form.action, data={**form.fields, **changes})

    async def _follow(self, answer: httpx.Response) -> Shown:
        while answer.status_code == 303 and not answer.headers["location"].startswith("/s/"):
            answer = await self.http.get(answer.headers["location"])
        return shown(answer)

    async def log_in(self, path: str, phone: str = LIN) -> Shown:
        """By number and code, as everybody does."""
        page = await self.open(path)
        page = await self.press(page.main, phone=phone)
        return await self.press(page.main, code=self.api.phones.last_code)


def shown(answer: httpx.Response) -> Shown:
    """What a browser makes of an answer."""
    reader = _Reader()
    reader.feed(answer.text)
    return Shown(
        status=answer.status_code,
        text=answer.text,
        url=answer.headers.get("location", ""),
        forms=reader.forms,
        main=reader.by_id.get("go"),
        links=reader.links,
        headings=reader.headings,
        answer=answer,
    )


def path_of(terminal: TerminalCredentials) -> str:
    """Where the appliance's sticker leads."""
    return f"/m/{stickers.sign(KEYRING, terminal.appliance_code)}"


async def dispenser(
    api: Api,
    house: House,
    *,
    name: str = "Dispenser 1",
    tariffs: tuple[Tariff, ...] = (),
    kind: ApplianceKind = ApplianceKind.DISPENSER,
    online: bool = True,
) -> TerminalCredentials:
    """A dispenser with cold and boiling water, or one outlet for each of these tariffs."""
    async with api.pool.acquire() as connection:
        site = await add_site(connection, house.operator, name=f"Hall of {name}", by="test")
        plans = [
            OutletPlan(
                name=label,
                tariff_id=await ensure_tariff(connection, house.operator, f"dispenser-{label.lower()}"),
            )
            for label in (() if tariffs else ("Cold", "Boiling"))
        ]
        for number, tariff in enumerate(tariffs):
            added = await add_tariff(
                connection, house.operator, name=f"{name} {number}", body=dump_tariff(tariff), by="test"
            )
            plans.append(OutletPlan(name=f"Tap {number}", tariff_id=added.tariff_id))
        made = await make_terminals(
            connection, house.operator, site.site_id, names=(name,), kind=kind, outlets=plans, by="test"
        )
        await connection.execute(
            "INSERT INTO terminal_link (operator_id, terminal_id, online, link, link_began_at, epoch)"
            " VALUES ($1, $2, $3, 1, now(), 'epo_1') ON CONFLICT (operator_id, terminal_id) DO UPDATE"
            " SET online = $3, link = 1, link_began_at = now(), epoch = 'epo_1'",
            house.operator,
            made[0].terminal_id,
            online,
        )
    return made[0]


async def customer_of(api: Api, house: House, phone: str = LIN_E164) -> CustomerId:
    """Who has this number now."""
    found = await api.pool.fetchval(
        "SELECT customer_id FROM customer WHERE operator_id = $1 AND phone = $2", house.operator, phone
    )
    return CustomerId(found)


async def pay_in(api: Api, house: House, customer: CustomerId, amount_minor: int) -> None:
    """Cash at the counter."""
    async with api.pool.acquire() as connection:
        entry = cash_topup(
            house.operator,
            f"test:{customer}:{amount_minor}",
            customer,
            parse_currency("CNY"),
            amount_minor=amount_minor,
        )
        await post(connection, [entry])
