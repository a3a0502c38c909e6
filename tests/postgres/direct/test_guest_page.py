"""The page behind the code that an appliance shows at the end: who sees what, and what can be done there."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlencode

import httpx
import pytest
from litestar import Litestar
from nats.aio.client import Client

from coinslot.access import receipts
from coinslot.keyring import Keyring
from coinslot.payments.model import Attempt
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web.app import build_app
from coinslot.web.live.board import LiveBoard
from coinslot.wire.ids import new_id
from coinslot.wire.messages import Stop
from coinslot.wire.records import StopReason
from tests.support.console import console_services
from tests.support.inn import KEYRING, Inn

FIELD = re.compile(r'name="form" value="([^"]+)"')
FIRM = {
    "kind": "company",
    "title": "福州某某有限公司",
    "tax_number": "91350100M000100Y43",
    "mail": "canary@example.com",
}


@dataclass
class Guest:
    """A phone with a browser of its own, and the address of one payment."""

    http: httpx.AsyncClient
    path: str

    async def sees(self, below: str = "", status: int = 200) -> str:
        """The page's text, in English."""
        answer = await self.http.get(f"{self.path}{below}")
        assert answer.status_code == status, (below, answer.status_code, answer.headers.get("location"))
        return answer.text

    async def sends(self, below: str, fields: dict[str, str], *, seen: str = "") -> httpx.Response:
        """The form of the page at `seen`."""
        found = FIELD.search(await self.sees(seen or below))
        assert found is not None
        return await self.posts(below, {"form": found[1], **fields})

    async def posts(self, below: str, fields: dict[str, str]) -> httpx.Response:
        """Exactly these fields."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "null"}
        return await self.http.post(f"{self.path}{below}", content=urlencode(fields), headers=headers)


@dataclass
class Hotel:
    """The inn with its pages."""

    inn: Inn
    app: Litestar

    def guest(self, attempt: Attempt, keyring: Keyring = KEYRING) -> Guest:
        """Somebody with the address of this payment."""
        return self.at(f"/b/{receipts.sign(keyring, attempt.intent_id)}")

    def at(self, path: str) -> Guest:
        """Somebody with any address."""
        transport = httpx.ASGITransport(self.app)  # type: ignore[arg-type]
        headers = {"Accept-Language": "en", "Accept": "text/html"}
        return Guest(
            httpx.AsyncClient(transport=transport, base_url="http://hotel.test", headers=headers), path
        )

    async def used(self, *, reason: StopReason = StopReason.LIMIT, s: int = 1800, wh: int = 400) -> Attempt:
        """A use that is over."""
        dryer = await self.inn.appliance()
        session = await self.inn.running(dryer)
        await self.inn.ends(dryer, session, reason=reason, s=s, wh=wh)
        return await self.inn.payment_of(session)


@pytest.fixture
async def hotel(inn: Inn) -> AsyncIterator[Hotel]:
    starter = Starter(PostgresBooks(inn.pool), inn._send_all)
    made = replace(
        console_services(inn.pool, KEYRING),
        starter=starter,
        live=LiveBoard(inn.pool, cast(Client, None)),  # not started: each look asks the database
    )
    yield Hotel(inn, build_app(made))
    await starter.close()


async def test_every_address_that_is_not_ours_is_answered_alike(hotel: Hotel) -> None:
    attempt = await hotel.used()
    token = receipts.sign(KEYRING, attempt.intent_id)
    foreign = receipts.sign(Keyring("another hotel's own secret, 32 letters"), attempt.intent_id)
    topup = receipts.sign(KEYRING, new_id("pay"))
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    answers = set()
    for wrong in (
        forged,
        foreign,
        topup,
        token.upper(),
        token[:-1],
        f"{token}0",
        attempt.intent_id,
        "%00",
        "x" * 3000,
    ):
        for below in ("", "/stop", "/report", "/fapiao", "/bill", "/sign", "/state", "/events"):
            answer = await hotel.at(f"/b/{wrong}{below}").http.get(f"/b/{wrong}{below}")
            assert answer.status_code == 404, (wrong, below)
            answers.add(FIELD.sub("", answer.text))
            assert wrong not in answer.text
        for below in ("/stop", "/report", "/fapiao"):
            answer = await hotel.at(f"/b/{wrong}").posts(below, {"form": "x"})
            assert answer.status_code == 404
            answers.add(FIELD.sub("", answer.text))
    assert len(answers) == 1


async def test_a_page_tells_nobody_its_address(hotel: Hotel, caplog: pytest.LogCaptureFixture) -> None:
    attempt = await hotel.used()
    guest = hotel.guest(attempt)
    with caplog.at_level(logging.DEBUG):
        for below in ("", "/report", "/fapiao", "/sign"):
            answer = await guest.http.get(f"{guest.path}{below}")
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"
            assert "http" not in re.sub(r"http-equiv", "", answer.text)
        await guest.sends("/fapiao", FIRM)
    said = "\n".join(record.getMessage() for record in caplog.records if "httpx" not in record.name)
    for secret in (guest.path, attempt.intent_id, "canary", FIRM["tax_number"]):
        assert secret not in said


async def test_from_the_code_to_the_bill(hotel: Hotel) -> None:
    inn = hotel.inn
    dryer = await inn.appliance()
    await inn.pool.execute("UPDATE appliance SET room = '801' WHERE operator_id = $1", inn.desk.operator)
    attempt = await inn.shown(dryer)
    guest = hotel.guest(attempt)
    assert "Waiting for payment" in await guest.sees()
    assert "Room 801" in await guest.sees()
    waiting = await guest.sees("/sign")
    await inn.pays(attempt)
    assert "It starts in a moment" in await guest.sees()
    assert await guest.sees("/sign") != waiting
    await inn.starts.once()
    session = await inn.session_of(attempt)
    assert session is not None
    assert "It is starting" in await guest.sees()
    await dryer.records(inn.started(dryer, session), inn.checkpoint(dryer, session, s=600, wh=150))
    text = await guest.sees()
    for said in ("20:00", "left", "0.15 kWh", "¥5.00"):
        assert said in text, said
    assert (
        await guest.http.get(f"{guest.path}/stop")
    ).status_code == 303  # sold whole: ended at the appliance
    await dryer.records(inn.stopped(dryer, session, reason=StopReason.FAULT, s=900, wh=200))
    assert "in a moment" in await guest.sees()
    await inn.starts.once()
    text = await guest.sees()
    for said in (
        "Charged",
        "¥2.50",
        "15:00 min of 30:00 min",
        "Not used",
        "requested",
        "Played",
        "0.2 kWh",
        "801",
    ):
        assert said in text, said
    await inn.works()
    assert "arrived" in await guest.sees()


async def test_what_did_not_start_goes_back_and_says_so(hotel: Hotel) -> None:
    inn = hotel.inn
    dryer = await inn.appliance()
    attempt = await inn.paid(dryer)
    await inn.starts.once()
    session = await inn.session_of(attempt)
    assert session is not None
    await dryer.records(inn.declined(dryer, session))
    guest = hotel.guest(attempt)
    assert "You pay nothing" in await guest.sees()
    await inn.works()
    text = await guest.sees()
    assert "It did not start" in text
    assert "arrived" in text
    assert (await guest.sends("/report", {"reason": "no_service"})).status_code == 303
    assert "A person will look" in await guest.sees("/report")
    assert (await guest.http.get(f"{guest.path}/fapiao")).status_code == 303
    # Paid for an outlet that is busy: no session at all.
    busy = await inn.appliance()
    first = await inn.shown(busy)
    await inn.pays(first)
    await inn.spoil("UPDATE appliance SET closed = true WHERE operator_id = $1", inn.desk.operator)
    await inn.starts.once()
    assert "You pay nothing" in await hotel.guest(first).sees()


async def test_a_guest_stops_what_runs_after_being_asked_once_more(hotel: Hotel) -> None:
    inn = hotel.inn
    dryer = await inn.appliance()
    session = await inn.running(dryer, "use")
    await dryer.records(inn.checkpoint(dryer, session, s=600, wh=150))
    guest = hotel.guest(await inn.payment_of(session))
    assert (await guest.posts("/stop", {"form": "forged"})).status_code == 403
    asked = await guest.sees("/stop")
    assert "¥0.30" in asked
    assert not [message for _, message in inn.sent if isinstance(message, Stop)]
    found = FIELD.search(asked)
    assert found is not None
    answers = await asyncio.gather(*(guest.posts("/stop", {"form": found[1]}) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {303}
    stops = [message for to, message in inn.sent if to == dryer.id and isinstance(message, Stop)]
    assert {stop.session for stop in stops} == {session.id}
    assert "Stopping" in await guest.sees()
    assert (await guest.http.get(f"{guest.path}/stop")).status_code == 303
    ended = await inn.ends(dryer, session, reason=StopReason.COMMAND, s=605, wh=151)
    assert ended.captured_minor == 30
    assert "¥9.70" in await guest.sees()


async def test_a_report_is_kept_once_and_bounded(hotel: Hotel) -> None:
    attempt = await hotel.used()
    guest = hotel.guest(attempt)
    assert (await guest.sends("/report", {"reason": "nonsense"})).status_code == 422
    assert (await guest.sends("/report", {"reason": "other", "words": " "})).status_code == 422
    assert (await guest.sends("/report", {"reason": "other", "words": "x" * 501})).status_code == 422
    found = FIELD.search(await guest.sees("/report"))
    assert found is not None
    sent = {"form": found[1], "reason": "other", "words": "it <b>hums</b>"}
    answers = await asyncio.gather(*(guest.posts("/report", sent) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    kept = await hotel.inn.pool.fetch(
        "SELECT detail FROM review WHERE operator_id = $1 AND reason = 'reported'", hotel.inn.desk.operator
    )
    assert [row["detail"] for row in kept] == ["other: it <b>hums</b>"]
    assert "You told us" in await guest.sees()


async def test_a_fapiao_is_asked_for_corrected_and_never_shown_whole(hotel: Hotel) -> None:
    attempt = await hotel.used()
    guest = hotel.guest(attempt)
    assert "Ask for a fapiao" in await guest.sees()
    wrong = await guest.sends("/fapiao", {**FIRM, "tax_number": "91350100M000100Y44"})
    assert wrong.status_code == 422
    assert "mistyped" in wrong.text
    assert (await guest.sends("/fapiao", FIRM)).headers["location"] == guest.path
    text = await guest.sees() + await guest.sees("/fapiao")
    assert "requested" in text
    assert "c***@example.com" in text
    assert "canary" not in text
    assert (
        await guest.sends("/fapiao", {"kind": "personal", "title": "雷小明", "mail": "l@example.com"})
    ).status_code == 303
    assert "雷**" in await guest.sees("/fapiao")
    # Whoever came next and saw the code on the appliance changes nothing.
    stranger = hotel.guest(attempt)
    found = FIELD.search(await stranger.sees("/report"))
    assert found is not None
    assert 'name="mail"' not in await stranger.sees("/fapiao")
    assert (await stranger.posts("/fapiao", {"form": found[1], **FIRM})).status_code == 303
    assert "雷**" in await guest.sees("/fapiao")
    kept = await hotel.inn.pool.fetch("SELECT sealed FROM fapiao_request")
    assert len(kept) == 1
    assert "雷小明".encode() not in kept[0]["sealed"]
