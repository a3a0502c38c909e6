"""The demo's wall over real dispensers: what it shows, what can be pressed, and that nobody else has it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from coinslot.engines.broker import BrokerAccess
from coinslot.people.notices import BillNotice, LoginCodeNotice, Recipient
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sessions.model import Session
from coinslot.settlement.requests import StartRequest
from coinslot.web.wall.acting import Said
from coinslot.web.wall.port import Trouble
from coinslot.web.wall.showing import ApplianceView
from coinslot.web.wall.stream import News
from coinslot.wire.ids import SessionId, new_id
from tests.postgres.web.conftest import Api
from tests.support.engines import create_database, drop_database
from tests.support.town import Town, open_town

PHONE = "13800138000"
PATHS = ("/wall", "/wall/events", "/wall/state")
PRESSED = (
    "/wall/stop",
    "/wall/keys",
    "/wall/guess",
    "/wall/kiosk",
    "/wall/trouble",
    "/wall/counter",
    "/wall/choose",
    "/wall/back",
    "/wall/room",
)
_SEAL = re.compile(r'name="form" value="([^"]+)"')
_KEY = re.compile(r'name="key" value="([^"]+)"')


class Visitor:
    """A browser before the wall."""

    def __init__(self, town: Town, http: httpx.AsyncClient) -> None:
        self.town = town
        self.http = http
        self.seal = ""

    async def come(self) -> str:
        """Load the page; its HTML."""
        page = await self.http.get("/wall")
        assert page.status_code == 200, page.text
        self.seal = _SEAL.findall(page.text)[0]
        return page.text

    async def state(self, **after: int) -> News:
        """What the page's script asks for."""
        return msgspec.json.decode((await self.http.get("/wall/state", params=after)).content, type=News)

    async def appliance(self, terminal: SimulatedTerminal) -> ApplianceView:
        """One of them as it is shown now."""
        return next(one for one in (await self.state()).appliances if one.id == terminal.id)

    async def send(self, path: str, **fields: object) -> tuple[int, Said]:
        """Press something, as the script does."""
        body = {"form": self.seal, **{name: str(value) for name, value in fields.items()}}
        answer = await self.http.post(path, data=body, headers={"Accept": "application/json"})
        assert answer.headers["content-type"] == "application/json", answer.text
        return answer.status_code, msgspec.json.decode(answer.content, type=Said)

    async def trouble(self, terminal: SimulatedTerminal, trouble: Trouble, *, on: bool) -> None:
        """Move a switch."""
        status, said = await self.send(
            "/wall/trouble", terminal=terminal.id, trouble=trouble.value, on=int(on)
        )
        assert (status, said.ok) == (200, True)

    async def pay(self, **fields: object) -> tuple[int, Said]:
        """Fill in the counter's form."""
        return await self.send(
            "/wall/counter", **{"phone": PHONE, "choice": "10.00", "key": new_id("key"), **fields}
        )

    async def until_word(self, terminal: SimulatedTerminal, word: str) -> ApplianceView:
        """Wait until the appliance is shown as this."""

        async def shown() -> bool:
            return (await self.appliance(terminal)).word == word

        await self.town.until(shown, f"{terminal.name}: {word}")
        return await self.appliance(terminal)

    async def starts(self, terminal: SimulatedTerminal, least_ml: int = 100) -> SessionId:
        """A customer with money starts the first tap, and so much has run."""
        customer = (await self.town.login(PHONE)).customer_id
        await self.town.pays_at_counter(PHONE, 10_00)
        begun = await self.town.stack.starter.start(
            StartRequest(
                operator=self.town.operator,
                customer=customer,
                terminal=terminal.id,
                outlet=0,
                key=new_id("test"),
            )
        )
        assert isinstance(begun, Session), begun
        await self.town.poured(terminal, least_ml)
        return begun.id


@pytest.fixture
async def town(
    admin_url: str, template_name: str, broker: BrokerAccess, tmp_path: Path
) -> AsyncIterator[Town]:
    """Server, wall and two dispensers."""
    url = await create_database(admin_url, template_name)
    try:
        async with open_town(url, broker, tmp_path) as opened:
            yield opened
    finally:
        await drop_database(admin_url, url)


@pytest.fixture
async def visitor(town: Town) -> AsyncIterator[Visitor]:
    """Somebody who reads English."""
    async with httpx.AsyncClient(base_url=town.url, headers={"Accept-Language": "en"}, timeout=10) as http:
        come = Visitor(town, http)
        await come.come()
        yield come


async def test_without_a_demo_each_of_its_addresses_is_one_that_never_was(api: Api) -> None:
    page = {"Accept": "text/html"}
    nowhere = await api.http.get("/nowhere", headers=page)
    sent_nowhere = await api.http.post("/nowhere", headers=page, data={"form": "x"})
    for path in PATHS:
        answer = await api.http.get(path, headers=page)
        assert (answer.status_code, answer.text) == (404, nowhere.text)
    for path in PRESSED:
        answer = await api.http.post(path, headers=page, data={"form": "x"})
        assert (answer.status_code, answer.text) == (404, sent_nowhere.text)


async def test_the_page_holds_all_that_can_be_seen_and_pressed_without_a_script(visitor: Visitor) -> None:
    html = await visitor.come()
    for terminal in visitor.town.terminals:
        assert html.count(f'href="{visitor.town.sticker(terminal)}"') == 1
        assert f'data-url="{visitor.town.url}{visitor.town.sticker(terminal)}"' in html
    for words in ("Scan or enter code", "Messages to customers", "Put it on the balance", "Read the bill"):
        assert words in html
    assert html.count('class="switch"') == 2 * len(Trouble)
    assert html.count(">Stop</button>") == 4
    assert "style=" not in html
    assert "127.0.0.1" not in html.replace(visitor.town.url, "")


async def test_it_speaks_the_visitors_language_and_so_do_its_displays(visitor: Visitor) -> None:
    html = (await visitor.http.get("/wall?lang=zh")).text
    assert "设备墙" in html
    assert "请扫码或输入取水码" in html
    assert "Scan or enter code" not in html
    tap = (await visitor.appliance(visitor.town.terminals[0])).taps[0]
    assert (tap.name, tap.lines[0], tap.word) == ("冷水", "请扫码或输入取水码", "空闲")


async def test_its_red_button_ends_a_use_as_the_dispensers_own_does(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    session = await visitor.starts(first)
    shown = await visitor.appliance(first)
    assert (shown.word, shown.taps[0].flows, shown.taps[0].fill > 0) == ("in use", True, True)
    assert shown.taps[1].word == "free"
    status, said = await visitor.send("/wall/stop", terminal=first.id, outlet=0)
    assert (status, said.ok, said.text) == (200, True, "")
    ended = await visitor.town.settled(session)
    assert ended.stop_reason == "key"
    facts = (await visitor.state()).facts
    assert facts.payments == 1

    async def told() -> bool:
        facts = (await visitor.state()).facts
        return (facts.logins, facts.starts, facts.ends) == (1, 1, 1)

    await visitor.town.until(told, "what the tour ticks by")
    html = await visitor.come()

    async def billed() -> bool:
        return f'href="/s/{session}/bill"' in await visitor.come()

    await visitor.town.until(billed, "the bill's message")
    assert PHONE not in html


async def test_a_button_that_is_not_there_cannot_be_pressed(
    visitor: Visitor, subtests: pytest.Subtests
) -> None:
    for fields in [
        {"terminal": "trm_nobody", "outlet": "0"},
        {"terminal": "../x", "outlet": "0"},
        {"terminal": "", "outlet": "0"},
        {"outlet": "7"},
        {"outlet": "-1"},
        {"outlet": "²"},
        {"outlet": "9999999999999999999"},
        {"outlet": ""},
    ]:
        with subtests.test(fields=fields):
            terminal = visitor.town.terminals[0].id
            body = {"form": visitor.seal, "terminal": terminal, **fields}
            assert (await visitor.http.post("/wall/stop", data=body)).status_code == 404
            body = {**body, "trouble": "leak", "on": "1"}
            if "terminal" in fields:
                assert (await visitor.http.post("/wall/trouble", data=body)).status_code == 404
            body = {**body, "terminal": terminal, "trouble": "on_fire"}
            assert (await visitor.http.post("/wall/trouble", data=body)).status_code == 404


async def test_unplugged_in_mid_use_it_runs_on_and_is_billed_when_the_cable_is_back(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    session = await visitor.starts(first)
    await visitor.trouble(first, Trouble.UNPLUGGED, on=True)
    shown = await visitor.until_word(first, "offline")
    assert shown.troubles == ("unplugged",)
    assert shown.taps[0].flows
    await visitor.send("/wall/stop", terminal=first.id, outlet=0)

    async def shut() -> bool:
        return not (await visitor.appliance(first)).taps[0].open

    await visitor.town.until(shut, "the valve shut without a network")
    await visitor.trouble(first, Trouble.UNPLUGGED, on=False)
    assert (await visitor.town.settled(session)).stop_reason == "key"


async def test_a_power_cut_shuts_the_valve_darkens_the_display_and_ends_the_use(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    session = await visitor.starts(first)
    # Both hands at once, and again: the switch ends where the last one left it.
    switches = [visitor.trouble(first, Trouble.POWER_CUT, on=on) for on in (True, True, False, True)]
    await asyncio.gather(*switches)
    await visitor.trouble(first, Trouble.POWER_CUT, on=True)
    shown = await visitor.until_word(first, "no power")
    assert [tap.lines for tap in shown.taps] == [("", ""), ("", "")]
    assert not shown.taps[0].open
    status, said = await visitor.send("/wall/stop", terminal=first.id, outlet=0)
    assert (status, said.ok, said.text) == (200, True, "No power: the button does nothing.")
    await visitor.trouble(first, Trouble.POWER_CUT, on=False)
    assert (await visitor.town.settled(session)).stop_reason == "power_loss"
    await visitor.until_word(first, "free")


async def test_a_wet_floor_shuts_it_and_what_was_drawn_is_billed(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    session = await visitor.starts(first)
    await visitor.trouble(first, Trouble.LEAK, on=True)
    ended = await visitor.town.settled(session)
    assert ended.stop_reason == "fault"
    shown = await visitor.until_word(first, "out of order")
    assert shown.troubles == ("leak",)
    assert shown.taps[0].lines == ("Out of order", "Leak")
    assert (await visitor.appliance(visitor.town.terminals[1])).word == "free"


async def test_a_stuck_meter_lets_water_run_that_nobody_pays_for(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    await visitor.trouble(first, Trouble.METER_STUCK, on=True)
    session = await visitor.starts(first, least_ml=0)

    async def filled() -> bool:
        return (await visitor.appliance(first)).taps[0].fill > 100

    await visitor.town.until(filled, "water in the glass")
    await visitor.send("/wall/stop", terminal=first.id, outlet=0)
    assert (await visitor.town.settled(session)).captured_minor == 0


async def test_a_blocked_valve_lets_water_run_on_and_the_bill_ends_at_the_stop(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    session = await visitor.starts(first)
    await visitor.trouble(first, Trouble.VALVE_STUCK, on=True)
    await visitor.send("/wall/stop", terminal=first.id, outlet=0)
    ended = await visitor.town.settled(session)
    shown = await visitor.until_word(first, "out of order")
    assert shown.taps[0].open
    assert shown.taps[0].flows
    await visitor.trouble(first, Trouble.VALVE_STUCK, on=False)
    assert ended.captured_minor is not None
    assert ended.captured_minor < 50


async def test_what_is_no_amount_is_refused_at_the_field_and_posts_nothing(
    visitor: Visitor, subtests: pytest.Subtests
) -> None:
    for typed in [
        "",
        "0",
        "0.00",
        "-5",
        "+5",
        "abc",
        "五元",
        "1e3",
        "NaN",
        "0.001",
        "5,00",
        "1000.01",
        "9" * 30,
        "5 00",
    ]:
        with subtests.test(typed=typed):
            await visitor.town.login(PHONE)
            before = await visitor.town.pool.fetchval("SELECT count(*) FROM ledger_entry")
            status, said = await visitor.pay(choice="other", amount=typed)
            assert (status, said.ok, said.field) == (422, False, "amount")
            assert await visitor.town.pool.fetchval("SELECT count(*) FROM ledger_entry") == before


async def test_money_for_nobody_stays_on_the_counter(visitor: Visitor, subtests: pytest.Subtests) -> None:
    for typed, words in [
        ("hello", "no phone number"),
        ("", "no phone number"),
        ("139 0013 9000", "Register first"),
    ]:
        with subtests.test(typed=typed, words=words):
            status, said = await visitor.pay(phone=typed)
            assert (status, said.ok, said.field) == (422, False, "phone")
            assert words in said.text
            assert typed == "" or typed not in said.text


async def test_cash_comes_onto_the_balance_once_whatever_is_pressed(visitor: Visitor) -> None:
    customer = (await visitor.town.login(PHONE)).customer_id
    key = new_id("key")
    answers = await asyncio.gather(*(visitor.pay(key=key, phone="138 0013 8000") for _ in range(5)))
    assert [status for status, _ in answers] == [200] * 5
    assert await visitor.town.principal(customer) == 10_00
    texts = sorted(said.text for _, said in answers)
    assert texts[0] == "Paid ¥10.00. The balance is ¥10.00."
    assert texts[1:] == ["This payment of ¥10.00 was made before. The balance is ¥10.00."] * 4
    status, said = await visitor.pay(key=key, choice="20.00")
    assert (status, said.field) == (422, "amount")
    status, said = await visitor.pay(choice="other", amount="１２．５０", phone="１３８００１３８０００")
    assert said.text == "Paid ¥12.50. The balance is ¥22.50."
    rows = await visitor.town.pool.fetch(
        "SELECT * FROM audit WHERE action = 'customer.top_up' AND object = $1", customer
    )
    assert len(rows) == 2
    assert "13800138000" not in str(rows)
    assert (await visitor.state()).facts.payments == 2


async def test_a_form_of_another_browser_or_site_does_nothing(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    fields = {"terminal": first.id, "trouble": "power_cut", "on": "1"}
    visitor.seal = "x" * 40
    status, said = await visitor.send("/wall/trouble", **fields)
    assert (status, said.ok, said.again) == (403, False, True)
    visitor.seal = said.form
    foreign = await visitor.http.post(
        "/wall/trouble",
        data={"form": said.form, **fields},
        headers={"Origin": "http://elsewhere.example", "Accept": "application/json"},
    )
    assert foreign.status_code == 403
    assert first.powered
    status, said = await visitor.send("/wall/trouble", **fields)
    assert (status, said.ok) == (200, True)
    assert not first.powered


async def test_a_login_on_the_phone_beside_it_leaves_its_forms_usable(visitor: Visitor) -> None:
    login = await visitor.town.login(PHONE)
    visitor.http.cookies.set("cs", login.token)
    asked = msgspec.json.decode((await visitor.http.get("/wall/state")).content, type=News)
    visitor.seal = asked.form
    assert (await visitor.pay())[0] == 200


async def test_without_a_script_forms_lead_back_to_the_wall_and_faults_are_told_there(
    visitor: Visitor,
) -> None:
    first = visitor.town.terminals[0]
    body = {"form": visitor.seal, "terminal": first.id, "trouble": "leak", "on": "1"}
    done = await visitor.http.post("/wall/trouble", data=body)
    assert (done.status_code, done.headers["location"]) == (303, "/wall")
    page = await visitor.come()
    assert page.count('aria-pressed="true" aria-describedby') == 1
    [key, *_] = _KEY.findall(page)
    body = {"form": visitor.seal, "phone": "139 0013 9000", "choice": "5.00", "key": key}
    refused = await visitor.http.post("/wall/counter", data=body)
    assert refused.status_code == 422
    assert "Register first" in refused.text
    assert 'aria-invalid="true"' in refused.text
    old = await visitor.http.post("/wall/counter", data={**body, "form": "old"})
    assert old.status_code == 403
    assert "Please press it once more." in old.text


async def test_its_stream_tells_everything_first_then_what_changes_and_ends_with_the_server(
    visitor: Visitor,
) -> None:
    town, first = visitor.town, visitor.town.terminals[0]
    for terminal in town.terminals:
        await visitor.until_word(terminal, "free")
    async with contextlib.aclosing(told(visitor)) as events:
        whole = await anext(events)
        assert [one.id for one in whole.appliances] == [one.id for one in town.terminals]
        await town.phones.send(
            Recipient(phone="+8613800138000", language="en"),
            LoginCodeNotice(operator_name="Demo Campus", code="123456", minutes=5),
        )
        await visitor.trouble(first, Trouble.LEAK, on=True)
        seen: list[News] = []
        while not any(one.troubles for news in seen for one in news.appliances):
            seen.append(await anext(events))
        assert {one.id for news in seen for one in news.appliances} == {first.id}
        [text] = [text for news in seen for text in news.texts]
        assert (text.code, text.to) == ("123456", "+86138****8000")
        await town.stop_server()
        with contextlib.suppress(httpx.HTTPError):  # or it ends in order
            async with asyncio.timeout(5):
                async for _ in events:
                    pass
    await town.start_server()


async def told(visitor: Visitor) -> AsyncIterator[News]:
    """The stream's events."""
    async with visitor.http.stream("GET", "/wall/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                yield msgspec.json.decode(line[6:], type=News)


async def test_who_asks_again_gets_only_the_messages_that_are_new(visitor: Visitor) -> None:
    phones = visitor.town.phones
    to = Recipient(phone="+8613800138000", language="zh")
    for code in ("111111", "222222"):
        await phones.send(to, LoginCodeNotice(operator_name="Demo Campus", code=code, minutes=5))
    assert [text.code for text in (await visitor.state()).texts] == ["111111", "222222"]
    assert [text.code for text in (await visitor.state(texts=1)).texts] == ["222222"]
    assert (await visitor.state(texts=99)).texts == ()
    for wrong in ("-1", "x", "1.5"):
        assert (await visitor.http.get("/wall/state", params={"texts": wrong})).status_code == 400


async def test_the_links_messages_pass_by_with_no_persons_number_in_them(visitor: Visitor) -> None:
    first = visitor.town.terminals[0]
    session = await visitor.starts(first)
    await visitor.send("/wall/stop", terminal=first.id, outlet=0)
    await visitor.town.settled(session)
    lines = (await visitor.state()).lines
    kinds = {(line.kind, line.up) for line in lines}
    assert {("hello", True), ("welcome", False), ("start", False), ("records", True), ("ack", False)} <= kinds
    assert PHONE not in str(lines)
    assert [line.n for line in lines] == sorted(line.n for line in lines)
    later = await visitor.state(lines=lines[-2].n)
    assert lines[-1].n in {line.n for line in later.lines}


async def test_a_message_cannot_bring_markup_onto_the_wall(visitor: Visitor) -> None:
    await visitor.town.phones.send(
        Recipient(phone="+8613800138000", language="en"),
        BillNotice(
            operator_name="<b>x",
            site="<script>alert(1)</script>",
            appliance='"><img src=x>',
            currency="CNY",
            captured_minor=1,
            released_minor=0,
            owed_minor=0,
            session="ses_1",
            link="",
        ),
    )
    html = await visitor.come()
    assert "<script>alert" not in html
    assert "<img" not in html
