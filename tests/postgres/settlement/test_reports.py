"""What a customer says of a bill is kept once, and goes with the person."""

from __future__ import annotations

import asyncio

from coinslot.engines.connect import Connection
from coinslot.sessions.model import Session
from coinslot.settlement.erasure import erase_person
from coinslot.settlement.reports import report_bill
from tests.support.desk import Desk

CANARY = "call me on 13800138000"
ALL_MINOR = 1_00


async def used_up(desk: Desk) -> Session:
    """A session that took all its customer had."""
    shower, lin = await desk.terminal(), await desk.customer(ALL_MINOR)
    session = await desk.begun(lin, shower, key=f"of-{lin}")
    await shower.records(shower.started(session), shower.stopped(session, ml=23_000, s=70))
    return await desk.session(session.id)


async def report(desk: Desk, session: Session, words: str = CANARY) -> bool:
    async with desk.pool.acquire() as connection:
        return await report_bill(connection, session, "amount", words)


async def erase(desk: Desk, session: Session) -> None:
    async with desk.pool.acquire() as connection:
        await erase_person(connection, session.operator, session.customer, by="test")


async def details(owner: Connection) -> list[str]:
    return [row[0] for row in await owner.fetch("SELECT detail FROM review WHERE reason = 'reported'")]


async def test_it_is_said_once_however_often_and_quickly(desk: Desk, owner: Connection) -> None:
    session = await used_up(desk)
    said = await asyncio.gather(*(report(desk, session, f"{number}") for number in range(6)))
    assert sorted(said) == [False] * 5 + [True]
    assert len(await details(owner)) == 1


async def test_the_words_go_with_the_person_and_the_report_stays(desk: Desk, owner: Connection) -> None:
    session, other = await used_up(desk), await used_up(desk)
    await report(desk, session)
    await report(desk, other, "no: water")
    await erase(desk, session)
    assert sorted(await details(owner)) == ["amount", "amount: no: water"]


async def test_the_forgotten_say_nothing_more(desk: Desk, owner: Connection) -> None:
    session = await used_up(desk)
    await erase(desk, session)
    assert not await report(desk, session)
    assert await details(owner) == []


async def test_who_is_forgotten_while_writing_leaves_no_words(desk: Desk, owner: Connection) -> None:
    for _ in range(5):
        session = await used_up(desk)
        await asyncio.gather(report(desk, session), erase(desk, session), report(desk, session, f"{CANARY}!"))
    assert all(CANARY not in detail for detail in await details(owner))
