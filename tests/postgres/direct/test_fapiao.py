"""Fapiao from the wish to the number: handed over once, corrected for what went back, erased when they have served."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from datetime import date, timedelta

import pytest

from coinslot.audit import Connection
from coinslot.engines.connect import connect_owner
from coinslot.fields import MissingError
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.sessions.model import Session
from coinslot.settlement.erasure import erase_person
from coinslot.settlement.fapiao.asking import (
    NotNow,
    Request,
    Stage,
    ask,
    find_request,
    forget_old_requests,
    payable_of,
)
from coinslot.settlement.fapiao.csv_file import Mark, csv_bytes
from coinslot.settlement.fapiao.exporting import NothingToExport, export, read_export
from coinslot.settlement.fapiao.issuing import list_requests, mark_issued
from coinslot.settlement.fapiao.rules import Wish, check_wish
from coinslot.settlement.fapiao.sealing import Unopenable
from coinslot.settlement.payments.operator_refunds import ask_refund
from coinslot.settlement.payments.refund_requests import What
from coinslot.wire.ids import new_id
from coinslot.wire.records import StopReason
from tests.support.giving_back import Office
from tests.support.inn import KEYRING, Inn

TODAY = date(2099, 1, 1)
BROWSER, OTHER = b"1" * 32, b"2" * 32
FIRST, SECOND, RED = "24117000000012345678", "24117000000012345679", "24117000000012345680"


def wish(title: str = "=canary()", mail: str = "+canary@example.com") -> Wish:
    return check_wish(kind="personal", title=title, tax_number="", mail=mail)


async def used(inn: Inn, *, reason: StopReason = StopReason.LIMIT) -> Session:
    """A guest's use that is over: 5.00 of it, or half where a fault has cut it short."""
    dryer = await inn.appliance()
    session = await inn.running(dryer)
    return await inn.ends(dryer, session, reason=reason, s=1800 if reason is StopReason.LIMIT else 900)


async def given_back(inn: Inn, session: Session, amount_minor: int | None = None) -> None:
    """Staff give some of it back."""
    office = Office(inn.till)
    anna = await office.clerk()
    await inn.pool.execute("UPDATE staff SET role = 'owner' WHERE staff_id = $1", anna)
    await ask_refund(office.door, office.wish(What.SESSION, session.id, amount_minor), anna)
    await inn.works()


async def handed_over(connection: Connection, inn: Inn) -> tuple[str, bytes]:
    """An export and its file."""
    made = await export(connection, KEYRING, inn.desk.operator, first=None, last=TODAY, by="test")
    return made, csv_bytes(await read_export(connection, KEYRING, inn.desk.operator, made))


async def found(connection: Connection, session: Session) -> Request:
    """What was asked for with the bill."""
    request = await find_request(connection, KEYRING, session)
    assert request is not None
    return request


def rows(raw: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


async def test_one_request_for_each_bill_corrected_by_whoever_asked_until_it_is_handed_over(inn: Inn) -> None:
    session, broken = await used(inn), await used(inn, reason=StopReason.FAULT)
    async with inn.pool.acquire() as connection:
        assert await payable_of(connection, session) == 5_00
        assert await payable_of(connection, broken) == 2_50

    async def asks(of: Session, what: Wish, browser: bytes = BROWSER) -> str:
        async with inn.pool.acquire() as connection:
            try:
                await ask(connection, KEYRING, of, what, browser)
            except NotNow:
                return "no"
            return "yes"

    pressed = await asyncio.gather(*(asks(session, wish()) for _ in range(6)))
    assert pressed == ["yes"] * 6
    assert await asks(session, wish("stranger"), OTHER) == "no"
    assert await asks(session, wish("corrected")) == "yes"
    async with inn.pool.acquire() as connection:
        assert (await found(connection, session)).wish == wish("corrected")
        made, raw = await handed_over(connection, inn)
    assert [row["title"] for row in rows(raw)] == ["corrected"]
    assert await asks(session, wish("too late")) == "no"
    async with inn.pool.acquire() as connection:
        assert (await found(connection, session)).wish == wish("corrected")
        assert (await found(connection, session)).stage is Stage.EXPORTED
        # Nothing new: nothing is handed over twice.
        with pytest.raises(NothingToExport):
            await handed_over(connection, inn)
        assert csv_bytes(await read_export(connection, KEYRING, inn.desk.operator, made)) == raw


async def test_two_who_export_at_once_hand_over_each_request_once(inn: Inn) -> None:
    for _ in range(2):
        session = await used(inn)
        async with inn.pool.acquire() as connection:
            await ask(connection, KEYRING, session, wish(), BROWSER)

    async def exports() -> int:
        async with inn.pool.acquire() as connection:
            try:
                return len(rows((await handed_over(connection, inn))[1]))
            except NothingToExport:
                return 0

    assert sorted(await asyncio.gather(*(exports() for _ in range(4)))) == [0, 0, 0, 2]


async def test_what_goes_back_comes_off_before_and_as_a_line_below_zero_after(inn: Inn) -> None:
    session, whole = await used(inn), await used(inn)
    async with inn.pool.acquire() as connection:
        await ask(connection, KEYRING, session, wish(), BROWSER)
        await ask(connection, KEYRING, whole, wish(), BROWSER)
    await given_back(inn, session, 1_00)
    await given_back(inn, whole)
    own = inn.desk.operator
    async with inn.pool.acquire() as connection:
        made, raw = await handed_over(connection, inn)
        [line] = rows(raw)
        assert (line["amount"], line["kind"], line["title"]) == ("4.00", "fapiao", "'=canary()")
        assert (line["mail"], line["bill"]) == ("'+canary@example.com", session.id)
        done = await mark_issued(
            connection, own, [Mark(row=1, line=line["line"], number=FIRST)], by="test", replace=False
        )
        assert (done.noted, done.errors) == (1, ())
    await given_back(inn, session, 1_50)
    async with inn.pool.acquire() as connection:
        _, second = await handed_over(connection, inn)
        [red] = rows(second)
        assert (red["amount"], red["kind"]) == ("-1.50", "correction")
        assert (red["corrects_line"], red["corrects_number"]) == (line["line"], FIRST)
        with pytest.raises(NothingToExport):
            await handed_over(connection, inn)
        # Names that change later change no file of before.
        await inn.spoil("UPDATE appliance SET name = 'Other' WHERE operator_id = $1", own)
        await mark_issued(
            connection, own, [Mark(row=1, line=red["line"], number=RED)], by="test", replace=False
        )
        assert csv_bytes(await read_export(connection, KEYRING, own, made)) == raw
        request = await found(connection, session)
        assert [(each.amount_minor, each.number) for each in request.lines] == [(4_00, FIRST), (-1_50, RED)]
        assert request.stage is Stage.ISSUED
        assert [each.request_id for each in await list_requests(connection, own, every=False)] == [
            (await found(connection, whole)).request_id
        ]
    await inn.even()


async def test_numbers_are_noted_and_each_that_is_wrong_is_named_by_its_row(inn: Inn) -> None:
    own = inn.desk.operator
    for _ in range(2):
        session = await used(inn)
        async with inn.pool.acquire() as connection:
            await ask(connection, KEYRING, session, wish(), BROWSER)
    async with inn.pool.acquire() as connection:
        other = await create_operator(
            connection, name=new_id("name"), currency="CNY", timezone="Asia/Shanghai", by="test"
        )
        made, raw = await handed_over(connection, inn)
        first, second = (row["line"] for row in rows(raw))
        marks = [
            Mark(row=2, line=first, number=FIRST),
            Mark(row=3, line=second, number="2.4117E+19"),
            Mark(row=4, line="fpl_nobody", number=SECOND),
            Mark(row=5, line="\0'; --", number=SECOND),
            Mark(row=6, line=second, number=FIRST),
            Mark(row=7, line=first, number=FIRST),
            Mark(row=8, line=first, number=SECOND),
        ]
        done = await mark_issued(connection, own, marks, by="test", replace=False)
        assert (done.noted, done.known) == (1, 1)
        assert [row for row, _ in done.errors] == [3, 4, 5, 6, 8]
        replaced = await mark_issued(connection, own, marks[-1:], by="test", replace=True)
        assert replaced.noted == 1
        # Another operator has none of it.
        foreign = await mark_issued(connection, other.operator_id, marks[:1], by="test", replace=True)
        assert [row for row, _ in foreign.errors] == [2]
        with pytest.raises(MissingError):
            await read_export(connection, KEYRING, other.operator_id, made)
        assert await list_requests(connection, other.operator_id, every=True) == []


async def test_what_was_given_is_sealed_said_nowhere_and_erased_when_it_has_served(
    inn: Inn, direct_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    own, session, waiting = inn.desk.operator, await used(inn), await used(inn)
    with caplog.at_level(logging.DEBUG):
        async with inn.pool.acquire() as connection:
            await ask(connection, KEYRING, session, wish(), BROWSER)
            stranger = Keyring("a secret that was lost, 32 letters or so")
            with pytest.raises(Unopenable) as lost:
                await export(connection, stranger, own, first=None, last=TODAY, by="test")
            made, raw = await handed_over(connection, inn)
            line = rows(raw)[0]["line"]
            await mark_issued(
                connection, own, [Mark(row=1, line=line, number=FIRST)], by="test", replace=False
            )
            await ask(connection, KEYRING, waiting, wish(), BROWSER)
    assert "canary" not in "\n".join([caplog.text, str(lost.value), repr(lost.value)])
    owner = await connect_owner(direct_url)
    for table in ("audit", "fapiao_request", "fapiao_line", "fapiao_export"):
        kept = await owner.fetchval(f"SELECT string_agg(t::text, '') FROM {table} t")
        assert "canary" not in kept
        assert b"canary".hex() not in kept
    await owner.close()
    async with inn.pool.acquire() as connection:
        assert await forget_old_requests(connection) == 0
        await inn.spoil("UPDATE fapiao_line SET issued_at = issued_at - $1::interval", timedelta(days=31))
        assert await forget_old_requests(connection) == 1
        request = await found(connection, session)
        assert (request.wish, request.stage, request.lines[0].number) == (None, Stage.ISSUED, FIRST)
        [again] = rows(csv_bytes(await read_export(connection, KEYRING, own, made)))
        assert (again["title"], again["mail"], again["amount"]) == ("", "", "5.00")
        # What nobody exported within a year and more goes, too, and can be asked for anew by anybody.
        await inn.spoil(
            "UPDATE fapiao_request SET changed_at = changed_at - $1::interval", timedelta(days=401)
        )
        assert await forget_old_requests(connection) == 1
        assert await find_request(connection, KEYRING, waiting) is None
        with pytest.raises(NothingToExport):
            await handed_over(connection, inn)
        await ask(connection, KEYRING, waiting, wish("anew"), OTHER)
        assert (await found(connection, waiting)).wish == wish("anew")


async def test_a_bonus_is_on_no_fapiao_and_what_a_customer_gave_goes_with_the_person(inn: Inn) -> None:
    desk = inn.desk
    shower, lin = await desk.terminal(), await desk.customer(1_00)
    session = await desk.begun(lin, shower, key="one")
    await shower.records(shower.started(session), shower.stopped(session, ml=23_000, s=70))
    ended = await desk.session(session.id)
    captured_minor = ended.captured_minor or 0
    assert captured_minor > 40
    await inn.spoil(
        "UPDATE session SET hold_principal_minor = 40, hold_bonus_minor = hold_principal_minor - 40 WHERE session_id = $1",
        session.id,
    )
    ended = await desk.session(session.id)
    async with inn.pool.acquire() as connection:
        assert await payable_of(connection, ended) == 40
        await ask(connection, KEYRING, ended, wish(), None)
        await inn.spoil(
            "UPDATE session SET hold_principal_minor = hold_principal_minor + hold_bonus_minor, hold_bonus_minor = 0"
            " WHERE session_id = $1",
            session.id,
        )
        await erase_person(connection, desk.operator, lin, by="test")
        assert await find_request(connection, KEYRING, ended) is None
        with pytest.raises(NotNow):
            await ask(connection, KEYRING, ended, wish(), None)
