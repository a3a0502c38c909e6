"""The live meter, the bill, the report, the history and Me, asked for as a browser does."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import httpx
import pytest

from coinslot.ledger.events import cash_topup, session_points
from coinslot.ledger.store import post
from coinslot.wire.ids import CustomerId, OperatorId, SessionId
from tests.postgres.web.conftest import Api, House
from tests.support.plant import eventually
from tests.support.using import ends, log_in, released, runs

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
_SEALED = re.compile(r'name="form" value="([^"]+)"')


@dataclass
class Visitor:
    """A browser that is logged in, or not."""

    http: httpx.AsyncClient
    token: str = ""
    language: str = "en"

    async def get(self, path: str, *, status: int = 200) -> str:
        answer = await self.http.get(path, headers=self._headers())
        assert answer.status_code == status, (path, answer.status_code, answer.text[:500])
        return answer.text

    async def goes(self, path: str) -> str:
        """Where the page sends on to."""
        answer = await self.http.get(path, headers=self._headers())
        assert answer.status_code == 303, (path, answer.status_code)
        return answer.headers["location"]

    async def posts(self, path: str, sealed: str, **fields: str) -> httpx.Response:
        return await self.http.post(path, data={"form": sealed, **fields}, headers=self._headers())

    async def sealed(self, path: str) -> str:
        found = _SEALED.search(await self.get(path))
        assert found is not None
        return found[1]

    def _headers(self) -> dict[str, str]:
        return {**BROWSER, "Cookie": f"cs={self.token}; cs_lang={self.language}"}


@pytest.fixture
async def lin(api: Api, house: House) -> Visitor:
    """The first customer."""
    return Visitor(api.http, await log_in(api.pool, house.operator, house.customers[0]))


@pytest.fixture
async def session(api: Api, house: House) -> str:
    """The first customer's, authorized."""
    return str((await api.start(house)).json()["id"])


@pytest.fixture
async def strangers(api: Api, house: House) -> list[Visitor]:
    """Another customer, one of another operator, one with a made-up cookie, one with none."""
    other = await api.house("South")
    return [
        Visitor(api.http, await log_in(api.pool, house.operator, house.customers[1])),
        Visitor(api.http, await log_in(api.pool, other.operator, other.customers[0])),
        Visitor(api.http, "x" * 43),
        Visitor(api.http),
    ]


PATHS = ("", "/state", "/events", "/stop", "/bill", "/report", "/fapiao")


@pytest.mark.parametrize("ended", [False, True])
async def test_whatever_is_not_ones_own_looks_as_if_it_did_not_exist(
    api: Api, lin: Visitor, session: str, strangers: list[Visitor], ended: bool
) -> None:
    if ended:
        await ends(api.pool, session)
    answers = set()
    for visitor in strangers:
        for path in PATHS:
            answers.add(_plain(await visitor.get(f"/s/{session}{path}", status=404), path))
        for path in ("/stop", "/report", "/fapiao"):
            answer = await visitor.posts(
                f"/s/{session}{path}", await lin.sealed(f"/s/{session}/report") if ended else "x"
            )
            assert answer.status_code == 404
            answers.add(_plain(answer.text, path))
    for guessed in ("ses_0000000000000000000000", "ses_", "%00", "'--", "a" * 300):
        for path in PATHS:
            text = await lin.get(f"/s/{guessed}{path}", status=404)
            answers.add(_plain(text, path))
    assert len(answers) == 1
    assert session not in answers.pop()


def _plain(text: str, path: str) -> str:
    return _SEALED.sub("", text)


async def test_a_session_that_is_not_ones_own_cannot_be_stopped(
    api: Api, session: str, strangers: list[Visitor]
) -> None:
    await runs(api.pool, session)
    for visitor in strangers:
        own = await visitor.posts(f"/s/{session}/stop", "")
        assert own.status_code == 404
    assert await _state(api, session) == "running"


async def test_the_meter_shows_litres_money_and_what_comes_back(api: Api, lin: Visitor, session: str) -> None:
    await runs(api.pool, session, ml=18_540, after_s=143)
    text = await lin.get(f"/s/{session}")
    for words in (
        "18.5",
        "¥0.83",
        "2:23",
        "¥4.17",
        "Stop and pay ¥0.83",
        "of ¥5.00 set aside",
        "¥0.045 / L",
        "after 150 s",
    ):
        assert words in text, words
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in text
    assert 'max="100" value="16"' in text
    zh = await Visitor(api.http, lin.token, "zh").get(f"/s/{session}")
    for words in ("18.5", "升", "结束并结算 ¥0.83", "现在停可退回", "预存 ¥5.00"):
        assert words in zh, words


async def test_each_state_is_said_in_plain_words(api: Api, house: House, lin: Visitor, session: str) -> None:
    async def page() -> str:
        return await lin.get(f"/s/{session}")

    assert "Opening the valve" in await page()
    assert "Do not start" in await page()
    await api.pool.execute("UPDATE session SET state = 'unknown' WHERE session_id = $1", session)
    text = await page()
    assert "We do not know yet whether it opened" in text
    assert "at the latest on" in text
    await runs(api.pool, session)
    assert "Running" in await page()
    await api.pool.execute("UPDATE terminal_link SET online = false WHERE operator_id = $1", house.operator)
    text = await page()
    assert "The appliance is offline" in text
    assert "Stop and pay ¥0.00" in text
    await api.pool.execute("UPDATE terminal_link SET online = true WHERE operator_id = $1", house.operator)
    await api.pool.execute(
        "UPDATE session SET state = 'stopping', stop_asked_at = now() WHERE session_id = $1", session
    )
    text = await page()
    assert "Stopping…" in text
    assert re.search(r"<form[^>]*data-form hidden", text), "nothing to press any more"
    await ends(api.pool, session)
    assert await lin.goes(f"/s/{session}") == f"/s/{session}/bill"


async def test_a_start_that_is_called_off_says_so(api: Api, lin: Visitor, session: str) -> None:
    answer = await lin.posts(f"/s/{session}/stop", await lin.sealed(f"/s/{session}"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/s/{session}")
    assert "It is being called off" in await lin.get(f"/s/{session}")


async def test_pressing_stop_twice_or_too_late_does_no_harm(api: Api, lin: Visitor, session: str) -> None:
    await runs(api.pool, session, ml=1_000, after_s=10)
    sealed = await lin.sealed(f"/s/{session}")
    answers = await asyncio.gather(*(lin.posts(f"/s/{session}/stop", sealed) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert await _state(api, session) == "stopping"
    await ends(api.pool, session)
    assert (await lin.posts(f"/s/{session}/stop", sealed)).status_code == 303
    assert await _state(api, session) == "settled"
    assert await lin.goes(f"/s/{session}/stop") == f"/s/{session}"


async def test_a_stop_from_another_site_or_an_old_page_stops_nothing(
    api: Api, lin: Visitor, session: str
) -> None:
    await runs(api.pool, session)
    sealed = await lin.sealed(f"/s/{session}")
    cookie = {"Cookie": f"cs={lin.token}"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        answer = await api.http.post(
            f"/s/{session}/stop", data={"form": sealed}, headers={**BROWSER, **cookie, **headers}
        )
        assert answer.status_code == 403
    answer = await lin.posts(f"/s/{session}/stop", "old")
    assert answer.status_code == 403
    assert f'href="/s/{session}/stop"' in answer.text
    assert await _state(api, session) == "running"


async def test_the_question_behind_the_page_answers_in_finished_texts(
    api: Api, lin: Visitor, session: str
) -> None:
    await runs(api.pool, session, ml=2_000, after_s=20)
    answer = await api.http.get(f"/s/{session}/state", headers={"Cookie": f"cs={lin.token}; cs_lang=zh"})
    said = answer.json()
    assert (said["main"], said["unit"], said["cost"], said["back"]) == ("2.0", "升", "¥0.09", "¥4.91")
    assert (said["phase"], said["stop"], said["ended"]) == ("running", "结束并结算 ¥0.09", False)
    await ends(api.pool, session)
    said = (await api.http.get(f"/s/{session}/state", headers={"Cookie": f"cs={lin.token}"})).json()
    assert said["ended"] is True


async def test_a_stream_ends_with_its_session(api: Api, lin: Visitor, session: str) -> None:
    await runs(api.pool, session, ml=2_000, after_s=20)
    reading = asyncio.create_task(
        api.http.get(f"/s/{session}/events", headers={"Cookie": f"cs={lin.token}; cs_lang=en"})
    )
    live = api.app.state.services.live
    await eventually(lambda: live.watched == 1, "the watching")
    await ends(api.pool, session)
    async with asyncio.timeout(15):
        answer = await reading
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert '"ended":false' in events[0]
    assert '"ended":true' in events[-1]
    await eventually(lambda: (live.watched, live.subscriptions) == (0, 0), "an end of following")
    assert api.app.state.services.streams.count == 0


async def test_the_bill_adds_up_to_the_last_fraction(api: Api, lin: Visitor, session: str) -> None:
    await ends(api.pool, session, ml=2_014, charge_minor=9)
    text = await lin.get(f"/s/{session}/bill")
    for words in (
        "<h1>Bill</h1>", "¥0.09", "2.014 L at ¥0.045 / L", "¥0.09063", "−¥0.00063", "¥4.91", "¥5.00",
        "You pressed the button on the appliance.", "0:30", "4.0 L/min", "14.0 °C", "32 mg/L", "12 days", "<polyline",
        session,
    ):  # fmt: skip
        assert words in text, words
    assert "A person is checking" not in text


@pytest.mark.parametrize(
    ("stop_asked", "why"),
    [(False, "The appliance did not start."), (True, "It was stopped before it had begun.")],
)
async def test_the_bill_of_what_never_ran_says_that_all_came_back(
    api: Api, lin: Visitor, session: str, stop_asked: bool, why: str
) -> None:
    await released(api.pool, session)
    if stop_asked:
        await api.pool.execute("UPDATE session SET stop_asked_at = now() WHERE session_id = $1", session)
    text = await lin.get(f"/s/{session}/bill")
    assert "Nothing was charged. ¥5.00 was released." in text
    assert why in text
    assert "How it was worked out" not in text


async def test_use_after_the_release_is_owed_and_explained(api: Api, lin: Visitor, session: str) -> None:
    await ends(api.pool, session, state="late", charge_minor=9, captured_minor=0, arrears_minor=6)
    text = await lin.get(f"/s/{session}/bill")
    for words in (
        "To be paid",
        "¥0.06",
        "only after the amount set aside had been released",
        "Given up: not charged",
        "−¥0.03",
    ):
        assert words in text, words


async def test_what_passes_the_hold_is_a_line_of_its_own(api: Api, lin: Visitor, session: str) -> None:
    await ends(api.pool, session, ml=111_200, charge_minor=500, captured_minor=500)
    await api.pool.execute("UPDATE session SET charge_minor = 500 WHERE session_id = $1", session)
    await ends(api.pool, session, ml=112_000, charge_minor=504, captured_minor=500)
    text = await lin.get(f"/s/{session}/bill")
    assert "Beyond what was set aside: not charged" in text
    assert "−¥0.04" in text


async def test_a_bill_in_review_says_what_it_can_cost_at_most(
    api: Api, house: House, lin: Visitor, session: str
) -> None:
    await ends(api.pool, session)
    await _review(api, house.operator, session, "not_told")
    assert "A person is checking" not in await lin.get(f"/s/{session}/bill")
    await _review(api, house.operator, session, "meter")
    assert "A person is checking this one. You will never be charged more than ¥5.00." in await lin.get(
        f"/s/{session}/bill"
    )
    await api.pool.execute("UPDATE review SET closed_at = now() WHERE session_id = $1", session)
    assert "A person is checking" not in await lin.get(f"/s/{session}/bill")


async def test_sensors_and_curves_that_make_no_sense_are_left_out(
    api: Api, lin: Visitor, session: str
) -> None:
    await ends(api.pool, session)
    for sensors, curve in (("[1]", '{"a": 1}'), ('{"tds_ppm": 3}', "[[0,0],[0,5]]"), ("{}", "[]")):
        await api.pool.execute(
            "UPDATE session SET sensors = $2, curve = $3 WHERE session_id = $1", session, sensors, curve
        )
        text = await lin.get(f"/s/{session}/bill")
        assert "The water" not in text


async def test_points_are_on_the_bill_and_on_me(api: Api, house: House, lin: Visitor, session: str) -> None:
    await ends(api.pool, session)
    async with api.pool.acquire() as connection:
        await post(
            connection,
            [session_points(house.operator, SessionId(session), CustomerId(house.customers[0]), granted=23)],
        )
    text = await lin.get(f"/s/{session}/bill")
    assert "+23" in text
    assert re.search(r"Points</dt><dd>23</dd>", await lin.get("/me"))


async def test_a_bill_is_reported_once(api: Api, house: House, lin: Visitor, session: str) -> None:
    await ends(api.pool, session)
    path = f"/s/{session}/report"
    sealed = await lin.sealed(path)
    for fields, wrong in (
        ({}, "Choose what is wrong."),
        ({"reason": "nonsense"}, "Choose what is wrong."),
        ({"reason": "other"}, "Please say in a few words"),
        ({"reason": "amount", "words": "é" * 501}, "At most 500 characters, this is 501"),
    ):
        answer = await lin.posts(path, sealed, **fields)
        assert (answer.status_code, wrong in answer.text) == (422, True), fields
    words = "It <b>ran</b>\x00\u202e\r\nafter I left"
    answers = await asyncio.gather(
        *(lin.posts(path, sealed, reason="not_stopped", words=words) for _ in range(3))
    )
    assert {answer.status_code for answer in answers} == {303}
    rows = await api.pool.fetch(
        "SELECT reason, detail, terminal_id FROM review WHERE session_id = $1", session
    )
    assert [tuple(row) for row in rows] == [
        ("reported", "not_stopped: It <b>ran</b>\nafter I left", house.terminals[0].terminal_id)
    ]
    text = await lin.get(path)
    assert "Thank you" in text
    assert session in text
    bill = await lin.get(f"/s/{session}/bill")
    assert "You told us" in bill
    assert "A person is checking" not in bill


async def test_a_fapiao_is_asked_for_with_a_bill_that_has_something_to_invoice(
    api: Api, lin: Visitor, session: str
) -> None:
    assert await lin.goes(f"/s/{session}/fapiao") == f"/s/{session}"
    await ends(api.pool, session)
    path = f"/s/{session}/fapiao"
    assert f'href="{path}"' in await lin.get(f"/s/{session}/bill")
    fields = {"kind": "personal", "title": "雷小明", "mail": "lei@example.com"}
    wrong = await lin.posts(path, await lin.sealed(path), **{**fields, "mail": "lei"})
    assert (wrong.status_code, "This is no mail address" in wrong.text) == (422, True)
    sent = await lin.posts(path, await lin.sealed(path), **fields)
    assert sent.headers["location"] == f"/s/{session}/bill"
    assert "Over ¥0.09" in await lin.get(f"/s/{session}/bill")
    assert "雷** · l***@example.com" in await lin.get(path)
    await ends(api.pool, session, charge_minor=0)
    assert "there is nothing to be invoiced" in await lin.get(path)


async def test_what_runs_cannot_be_reported_yet(api: Api, lin: Visitor, session: str) -> None:
    assert await lin.goes(f"/s/{session}/report") == f"/s/{session}"
    answer = await lin.posts(f"/s/{session}/report", await lin.sealed(f"/s/{session}"), reason="amount")
    assert answer.headers["location"] == f"/s/{session}"
    assert await api.pool.fetchval("SELECT count(*) FROM review") == 0


async def test_the_history_has_everything_newest_first_page_by_page(
    api: Api, house: House, lin: Visitor
) -> None:
    assert "Nothing yet." in await lin.get("/history")
    async with api.pool.acquire() as connection:
        cash = cash_topup(house.operator, "cash", house.customers[0], "CNY", amount_minor=200_00)
        await post(connection, [cash])
    made = []
    for number in range(23):
        session = str((await api.start(house, f"key-{number}")).json()["id"])
        await ends(api.pool, session)
        made.append(session)
    await api.start(house, "another", customer=house.customers[1])
    first = await lin.get("/history")
    shown = re.findall(r'href="/s/(\w+)/bill"', first)
    assert shown == made[::-1][:20]
    assert "2.0 L" in first
    assert "¥0.09" in first
    more = re.search(r'href="(/history\?before=\w+)"', first)
    assert more is not None
    second = await lin.get(more[1])
    assert re.findall(r'href="/s/(\w+)/bill"', second) == made[::-1][20:]
    assert "before=" not in second
    for before in ("nonsense", "ses_0000000000000000000000", "%00", "'"):
        assert re.findall(r'href="/s/(\w+)/bill"', await lin.get(f"/history?before={before}")) == shown


async def test_use_leads_to_what_runs_else_to_the_appliance_used_last(
    api: Api, house: House, lin: Visitor, session: str
) -> None:
    assert await lin.goes("/use") == f"/s/{session}"
    await ends(api.pool, session)
    code = house.terminals[0].appliance_code
    assert (await lin.goes("/use")).startswith(f"/m/{code}.")


async def test_me_shows_the_wallet_and_the_phone_masked(
    api: Api, house: House, lin: Visitor, session: str
) -> None:
    await api.pool.execute(
        "UPDATE customer SET phone = '+8613800138000' WHERE customer_id = $1", house.customers[0]
    )
    await api.pool.execute("UPDATE operator SET help_phone = '400-000-0000', real_name = 'before_first_use'")
    text = await lin.get("/me")
    for words in (
        "¥15.00",
        "Set aside for what runs now",
        "¥5.00",
        "138****8000",
        "400-000-0000",
        "Not given yet",
    ):
        assert words in text, words
    assert "13800138000" not in text


async def test_a_language_is_kept_for_messages_too(api: Api, house: House, lin: Visitor) -> None:
    answer = await lin.posts("/me/language", await lin.sealed("/me"), language="en")
    assert answer.headers["location"] == "/me?lang=en"
    assert (
        await api.pool.fetchval("SELECT language FROM customer WHERE customer_id = $1", house.customers[0])
        == "en"
    )
    assert (
        await api.pool.fetchval("SELECT language FROM customer WHERE customer_id = $1", house.customers[1])
        == "zh"
    )
    assert (await lin.posts("/me/language", await lin.sealed("/me"), language="xx")).headers[
        "location"
    ] == "/me"


async def test_one_logs_out_at_one_operator_or_everywhere(api: Api, house: House, lin: Visitor) -> None:
    south = await api.house("South")
    token = await log_in(api.pool, south.operator, south.customers[0], lin.token)
    both = Visitor(api.http, token)
    text = await both.get("/me")
    assert "North" in text
    assert "South" in text
    sealed = await both.sealed("/me")
    await both.posts("/me/log-out", sealed, operator=OperatorId("opr_0000000000000000000000"))
    await both.posts("/me/log-out", sealed, operator=south.operator)
    text = await both.get("/me")
    assert "North" in text
    assert "South" not in text
    await both.posts("/me/log-out", sealed)
    assert "You are not logged in on this phone" in await both.get("/me")
    for path in ("/me", "/history", "/use"):
        assert "Scan the code on the appliance" in await Visitor(api.http).get(path)
    assert await both.goes("/me/log-out") == "/me"


async def _state(api: Api, session: str) -> str:
    return str(await api.pool.fetchval("SELECT state FROM session WHERE session_id = $1", session))


async def _review(api: Api, operator: OperatorId, session: str, reason: str) -> None:
    await api.pool.execute(
        "INSERT INTO review (operator_id, reason, session_id) VALUES ($1, $2, $3)", operator, reason, session
    )
