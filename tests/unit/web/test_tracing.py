"""Request ids and access lines; above all what they never hold."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from io import StringIO

import httpx
import pytest
from litestar import Litestar, Request, get, post
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from coinslot.app.logs import LogFormat, set_up_logs
from coinslot.app.proxies import BehindProxies, Trust
from coinslot.app.settings import LogLevel
from coinslot.web.problems import Problem, not_found
from coinslot.web.streams import Streams, event, sse
from coinslot.web.tracing import Answered, Traced, request_id

PHONE = "13800138000"
ANY = Request[object, object, State]


@get("/m/{token:str}")
async def shown(token: FromPath[str]) -> str:
    logging.getLogger("coinslot.web.test").info("inside")
    return str(len(token))


@get("/missing/{what:str}")
async def missing(what: FromPath[str]) -> str:
    raise not_found()


@post("/broken/{what:str}")
async def broken(request: ANY, what: FromPath[str]) -> str:
    body = (await request.body()).decode()
    raise RuntimeError(f"cannot use {what} {body} {request.headers['x-phone']} {request.url.query}")


@get("/healthz")
async def healthz() -> str:
    return "ok"


@get("/live/{session:str}")
async def live(session: FromPath[str]) -> Response[None]:
    async def events() -> AsyncIterator[bytes]:
        yield event(b"one")

    return sse(events(), Streams())


def unexpected(_request: ANY, error: Exception) -> Response[bytes]:
    logging.getLogger("coinslot.web.test").error("failed", exc_info=error)
    return Problem(500, "unexpected", "An error of ours", "It has been logged.").response()


def problem(_request: ANY, error: Problem) -> Response[bytes]:
    return error.response()


def unknown(_request: ANY, _error: HTTPException) -> Response[bytes]:
    return not_found().response()


class House:
    """The application in its wrappers, its observations, and a caller."""

    def __init__(self, trust: Trust | None = None, app: ASGIApp | None = None) -> None:
        inner = app or Litestar(
            [shown, missing, broken, healthz, live],
            exception_handlers={Problem: problem, HTTPException: unknown, Exception: unexpected},
            openapi_config=None,
            logging_config=None,
        )
        self.seen: list[Answered] = []
        whole = BehindProxies(Traced(inner, self.seen.append), trust or Trust())
        transport = httpx.ASGITransport(whole, raise_app_exceptions=False)  # type: ignore[arg-type]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://here")


def logged(form: LogFormat) -> StringIO:
    """From now on logs go there."""
    set_up_logs(LogLevel.DEBUG, form)
    said = StringIO()
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(said)
    return said


@pytest.fixture(autouse=True)
def log() -> Iterator[StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield logged(LogFormat.JSON)
    root.handlers[:] = before
    root.setLevel(level)


def lines(log: StringIO) -> list[dict[str, str]]:
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in found if line["logger"].startswith("coinslot.")]


async def test_one_id_is_in_the_answer_and_in_every_line_of_its_request(
    log: StringIO,
) -> None:
    answer = await House().http.get("/m/secret-token")
    own = answer.headers["x-request-id"]
    inside, access = lines(log)
    assert inside["request"] == access["request"] == own
    assert access["text"].startswith("GET /m/{token} 200 ")
    assert access["level"] == "info"
    assert "secret-token" not in json.dumps([inside, access])
    assert request_id() is None


async def test_two_requests_have_two_ids() -> None:
    house = House()
    ids = {(await house.http.get("/m/x")).headers["x-request-id"] for _ in range(50)}
    assert len(ids) == 50


async def test_the_id_is_in_a_problem() -> None:
    answer = await House().http.get("/missing/x")
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ("7f3c9a4e-11aa", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("short", False),
        (PHONE, False),
        (f"phone-{PHONE}", False),
        ("with space in it", False),
        ('quote"quote"', False),
        ("12345678", False),
    ],
)
async def test_a_trusted_proxys_id_is_taken_if_it_is_one(told: str, taken: bool) -> None:
    trusting = House(Trust(("127.0.0.1",)))
    answer = await trusting.http.get("/m/x", headers={"X-Request-Id": told})
    assert (answer.headers["x-request-id"] == told) is taken
    answer = await House().http.get("/m/x", headers={"X-Request-Id": told})
    assert answer.headers["x-request-id"] != told


async def test_errors_are_told_always_machines_asking_only_in_detail(
    log: StringIO,
) -> None:
    house = House()
    await house.http.get("/healthz")
    await house.http.get("/nowhere/at/all")
    await house.http.post("/broken/x", headers={"X-Phone": "x"})
    told = [(line["level"], line["text"].rpartition(" ")[0].rpartition(" ")[0]) for line in lines(log)]
    assert ("debug", "GET /healthz 200") in told
    assert ("info", "GET unmatched 404") in told
    assert ("error", "POST /broken/{what} 500") in told
    assert [(one.route, one.status) for one in house.seen] == [
        ("/healthz", 200),
        ("unmatched", 404),
        ("/broken/{what}", 500),
    ]


async def test_what_escapes_the_application_is_a_500_in_the_log(log: StringIO) -> None:
    async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("inside")

    house = House(app=failing)
    await house.http.get("/m/x")
    assert [(one.route, one.status) for one in house.seen] == [("unmatched", 500)]
    assert lines(log)[-1]["level"] == "error"


async def test_a_stream_is_marked_as_one() -> None:
    house = House()
    await house.http.get("/live/ses_1")
    await house.http.get("/m/x")
    assert [one.stream for one in house.seen] == [True, False]


@pytest.mark.parametrize("form", list(LogFormat))
@pytest.mark.parametrize("path", ["/broken", "/m", "/missing", "/nowhere", "/live"])
async def test_a_phone_number_in_any_place_of_a_request_reaches_no_line(form: LogFormat, path: str) -> None:
    log = logged(form)
    house = House(Trust(("127.0.0.1",)))
    for method in ("GET", "POST", "PUT", PHONE):
        answer = await house.http.request(
            method,
            f"{path}/{PHONE}?phone={PHONE}&{PHONE}=x",
            content=f'{{"phone":"{PHONE}"}}',
            headers={
                "X-Phone": PHONE,
                "X-Request-Id": f"r-{PHONE}",
                "User-Agent": PHONE,
                "Referer": f"http://here/{PHONE}",
                "Cookie": f"p={PHONE}",
                "X-Forwarded-For": PHONE,
                "Authorization": f"Bearer {PHONE}",
            },
        )
        assert PHONE not in str(answer.headers)
        assert path == "/m" or PHONE not in answer.text
    said = log.getvalue()
    assert said
    assert PHONE not in said
    assert PHONE not in repr(house.seen)
