"""What becomes of a code for the time without a link: made, used, typed with a link, burnt, unproved, forged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.fleet.hours_store import set_site_hours
from coinslot.fleet.quotas import Period, set_quota
from coinslot.sessions.states import State
from coinslot.settlement.offline.ending import GivenUp, cancel_offline, give_up_offline
from coinslot.settlement.offline.issuing import (
    OfflineCode,
    OfflineRefusal,
    OfflineRefused,
    OfflineState,
    offer,
    offline_codes,
)
from coinslot.settlement.offline.rows import unburnt
from coinslot.settlement.offline.typed import Begun, begin_offline, match_offline
from coinslot.settlement.offline.unproved import list_unproved
from coinslot.settlement.payments.unit import transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import SessionId
from coinslot.wire.messages import Note, Start, Stop
from coinslot.wire.records import DeclineReason
from tests.support.bath import CREDIT_MINOR, Bath

CASH_MINOR = 20_00


async def typed(bath: Bath, digits: str) -> Begun | Note | None:
    """What the server makes of digits typed while the link is up; None for a guess."""
    desk = bath.desk
    async with transaction(bath.pool, Purpose.CODE) as connection:
        found = await match_offline(connection, bath.keyring, desk.operator, bath.terminal.id, 0, digits)
        return None if found is None else await begin_offline(connection, desk.operator, found)


async def test_made_used_without_the_link_and_settled_once_when_it_is_back(bath: Bath) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    offered = await offer(bath.pool, operator=desk.operator, appliance=bath.appliance, outlet=0)
    assert offered is not None
    assert (offered.credit_minor, offered.currency, offered.link_down) == (CREDIT_MINOR, "CNY", True)
    code = await bath.code(lin)
    assert (code.state, code.credit_minor, len(code.digits)) == (OfflineState.LIVE, CREDIT_MINOR, 9)
    assert bath.verifies(code) == 2, "the terminal takes it by what it was told"
    assert (await desk.principal(lin), await bath.held(code)) == (CASH_MINOR - CREDIT_MINOR, CREDIT_MINOR)
    assert await bath.code(lin) == code, "the same key is the same code"
    await desk.in_order()

    session = await bath.session(code)
    terminal = bath.terminal
    said = await bath.returns()
    assert not [message for message in said if isinstance(message, Stop | Start)]
    used = (bath.credited(session), terminal.started(session), terminal.stopped(session, ml=10_000, s=120))
    await terminal.records(*used)
    settled = await bath.session(code)
    assert settled.state is State.SETTLED
    assert settled.captured_minor is not None
    assert 0 < settled.captured_minor <= CREDIT_MINOR
    assert await desk.principal(lin) == CASH_MINOR - settled.captured_minor
    assert await bath.held(code) == 0
    before = settled
    await terminal.records(*used, first_seq=1)
    assert await bath.session(code) == before, "a record sent again has no effect"
    [listed] = await offline_codes(bath.pool, bath.keyring, operator=desk.operator, customer=lin)
    assert (listed.state, listed.digits) == (OfflineState.USED, "")
    assert await desk.reviews() == []
    await desk.in_order()


async def test_typed_with_the_link_then_again_without_is_one_session(bath: Bath) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    await bath.returns()
    begun = await typed(bath, code.digits)
    assert isinstance(begun, Begun)
    [start] = [send.message for send in begun.sends]
    assert isinstance(start, Start)
    assert (start.token, start.session, start.link) == (2, code.session, bath.terminal.link)
    assert await typed(bath, code.digits) is Note.CODE_USED
    await bath.terminal.goes()
    # The start never arrived; the code was typed once more, this time the terminal took it by itself.
    await bath.returns()
    session = await bath.session(code)
    await bath.terminal.records(
        bath.credited(session), bath.terminal.started(session), bath.terminal.stopped(session, ml=5_000, s=60)
    )
    await bath.terminal.records(bath.declined(session, DeclineReason.STOPPED))
    assert (await bath.session(code)).state is State.SETTLED
    assert await desk.reviews() == ["ended_session"], "a start that came late was refused: nothing came of it"
    assert await desk.principal(lin) == CASH_MINOR - ((await bath.session(code)).captured_minor or 0)
    await desk.in_order()


async def test_a_start_that_silence_disproves_leaves_the_promise_and_its_hold(bath: Bath) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    await bath.returns()
    assert isinstance(await typed(bath, code.digits), Begun)
    await bath.passes(timedelta(seconds=30))
    assert (await bath.session(code)).state is State.UNKNOWN
    await bath.terminal.hello(at_ms=60_000)
    assert (await bath.session(code)).state is State.PROMISED
    assert await bath.held(code) == CREDIT_MINOR
    again = await typed(bath, code.digits)
    assert isinstance(again, Begun), "it may be typed again"
    assert again.session.expires_at_ms > 30_000
    await bath.terminal.records(bath.declined(again.session, DeclineReason.EXPIRED))
    assert (await bath.session(code)).state is State.RELEASED
    assert await desk.principal(lin) == CASH_MINOR
    await desk.in_order()


async def test_one_that_is_never_typed_is_burnt_when_its_time_is_over_and_then_paid_back(bath: Bath) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    assert bath.burns(await bath.passes(timedelta(hours=1, minutes=59))) == []
    assert bath.burns(await bath.passes(timedelta(minutes=2))) == [], "nobody hears it"
    assert (await typed(bath, code.digits)) is Note.CODE_EXPIRED
    [burn] = bath.burns(await bath.returns())
    assert (burn.session, burn.token) == (code.session, 2)
    assert bath.burns(await bath.passes(timedelta(seconds=10))) == []
    assert len(bath.burns(await bath.passes(timedelta(seconds=25)))) == 1, "again after half a minute"
    assert await bath.held(code) == CREDIT_MINOR, "asked is not answered"
    await bath.terminal.records(bath.burnt(code.session, 2))
    await bath.terminal.records(bath.burnt(code.session, 2), first_seq=1)
    released = await bath.session(code)
    assert (released.state, released.stop_reason) == (State.RELEASED, "burnt")
    assert (await desk.principal(lin), await bath.held(code)) == (CASH_MINOR, 0)
    [listed] = await offline_codes(bath.pool, bath.keyring, operator=desk.operator, customer=lin)
    assert listed.state is OfflineState.RETURNED
    assert bath.burns(await bath.passes(timedelta(hours=3))) == []
    assert await desk.reviews() == []
    await desk.in_order()


async def test_one_taken_back_waits_for_the_terminals_word_and_makes_room_for_one_more(bath: Bath) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    refused = await bath.asks(lin, "k2")
    assert refused == OfflineRefused(reason=OfflineRefusal.ALREADY_LIVE, session=code.session)
    mine = {"operator": desk.operator, "session": code.session}
    mei = await desk.customer(name="Mei")
    other, _ = await cancel_offline(bath.pool, bath.keyring, customer=mei, **mine)
    assert other is None, "nobody takes back another's"
    ending, sends = await cancel_offline(bath.pool, bath.keyring, customer=lin, **mine)
    assert ending is not None
    assert (ending.state, ending.digits, sends) == (OfflineState.ENDING, "", [])
    second = await bath.code(lin, "k2")
    assert bath.verifies(second) == 4
    assert (await bath.asks(lin, "k3")) != second
    assert await desk.principal(lin) == CASH_MINOR - 2 * CREDIT_MINOR
    [burn] = bath.burns(await bath.returns())
    assert burn.session == code.session
    await bath.terminal.records(bath.burnt(code.session, 2))
    assert await desk.principal(lin) == CASH_MINOR - CREDIT_MINOR
    await desk.in_order()


async def test_a_terminal_that_never_returns_brings_a_person_after_a_day_who_gives_it_up(bath: Bath) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    give_up = {"operator": desk.operator, "session": code.session, "by": "test"}
    async with transaction(bath.pool, Purpose.OFFLINE) as connection:
        assert await give_up_offline(connection, words="too soon", **give_up) is GivenUp.NOT_YET
    await bath.passes(timedelta(hours=23))
    assert await desk.reviews() == []
    await bath.passes(timedelta(hours=2))
    await bath.passes(timedelta(hours=5))
    assert await desk.reviews() == ["offline_unproved"], "once"
    assert await bath.held(code) == CREDIT_MINOR, "and the hold stays"
    [waiting] = await list_unproved(bath.pool, desk.operator)
    assert (waiting.session_id, waiting.held_minor) == (code.session, CREDIT_MINOR)
    async with transaction(bath.pool, Purpose.OFFLINE) as connection:
        assert await give_up_offline(connection, words="it was replaced", **give_up) is GivenUp.DONE
    async with transaction(bath.pool, Purpose.OFFLINE) as connection:
        assert await give_up_offline(connection, words="twice", **give_up) is GivenUp.OTHERWISE
    assert await desk.principal(lin) == CASH_MINOR
    assert await list_unproved(bath.pool, desk.operator) == []
    assert await unburnt(bath.pool, code.terminal, code.outlet) == [], "it stands in no other code's way"
    await desk.in_order()
    # It was used all the same: that is owed.
    session = await bath.session(code)
    await bath.returns()
    assert [terms.terms for terms in await bath.told()] != [bath.terms.terms], "its terms are over"
    await bath.terminal.records(
        bath.credited(session),
        bath.terminal.started(session),
        bath.terminal.stopped(session, ml=10_000, s=60),
    )
    late = await bath.session(code)
    assert late.state is State.LATE
    assert 0 < late.arrears_minor <= CREDIT_MINOR
    assert await desk.arrears(lin) == late.arrears_minor
    assert await bath.asks(lin, "k9") == OfflineRefused(reason=OfflineRefusal.LINKED)
    await bath.terminal.goes()
    refused = await bath.asks(lin, "k9")
    assert isinstance(refused, OfflineRefused)
    assert await desk.reviews() == ["offline_unproved", "after_release"]
    await desk.in_order()


async def test_a_lost_journal_is_told_to_a_person_at_once_and_no_hold_goes_back_in_silence(
    bath: Bath,
) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    bath.terminal.epoch, bath.terminal.seq, bath.terminal.offline = "ep2", 0, []
    [burn] = bath.burns(await bath.returns())
    assert burn.session == code.session
    assert await desk.reviews() == ["offline_unproved"]
    assert await bath.held(code) == CREDIT_MINOR
    assert await typed(bath, code.digits) is Note.CODE_EXPIRED
    [new] = await bath.told()
    assert new.terms != bath.terms.terms, "which counts are burnt is forgotten: another key"
    await bath.terminal.records(bath.burnt(code.session, 2))
    assert (await bath.session(code)).state is State.RELEASED
    assert await desk.reviews() == ["offline_unproved", "offline_credit"]
    assert await desk.principal(lin) == CASH_MINOR
    await desk.in_order()


async def test_forged_counts_and_others_sessions_move_nothing(bath: Bath) -> None:
    desk, lin = bath.desk, await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    session = await bath.session(code)
    thief = await desk.terminal()
    await bath.returns()
    never = f"{code.session[: code.session.rindex('_')]}_8"
    await bath.terminal.records(
        bath.credited(session, count=4),
        bath.burnt(code.session, 4),
        bath.burnt(SessionId(never), 8),
    )
    await thief.records(bath.credited(session), bath.burnt(code.session, 2), thief.started(session))
    assert (await bath.session(code)).state is State.PROMISED
    assert await bath.held(code) == CREDIT_MINOR
    assert await desk.reviews() == ["offline_credit"] * 3 + ["foreign_session"] * 3
    assert await desk.alarms() == ["foreign_session"]
    assert await typed(bath, "000000000") is None
    await desk.in_order()


async def test_a_session_the_server_began_stands_beside_what_the_terminal_tells_late(bath: Bath) -> None:
    desk, lin, mei = bath.desk, await bath.desk.customer(CASH_MINOR), await bath.desk.customer(name="Mei")
    code = await bath.code(lin)
    session = await bath.session(code)
    await bath.returns()
    other = await desk.begun(mei, bath.terminal, key="x1")
    assert await typed(bath, code.digits) is Note.BUSY
    terminal = bath.terminal
    await terminal.records(bath.credited(session), terminal.started(session))
    assert (await bath.session(code)).state is State.RUNNING
    await terminal.records(bath.declined(other, DeclineReason.BUSY))
    answer = await desk.start(mei, terminal, key="x2")
    assert not hasattr(answer, "state"), "the outlet is in use"
    await terminal.records(terminal.stopped(session, ml=3_000, s=60))
    assert (await bath.session(code)).state is State.SETTLED
    await desk.begun(mei, terminal, key="x3")
    await desk.in_order()


@pytest.mark.parametrize("loser", ["closed", "poor", "owing", "off", "shut", "spent"])
async def test_what_stands_in_the_way_is_said_and_nothing_is_held(bath: Bath, loser: str) -> None:
    desk = bath.desk
    lin = await desk.customer(CREDIT_MINOR - 1 if loser == "poor" else CASH_MINOR)
    expected = {
        "closed": OfflineRefusal.CLOSED,
        "poor": OfflineRefusal.NO_BALANCE,
        "owing": OfflineRefusal.ARREARS,
        "off": OfflineRefusal.NOT_HERE,
        "shut": OfflineRefusal.OUT_OF_HOURS,
        "spent": OfflineRefusal.QUOTA,
    }[loser]
    if loser == "closed":
        await bath.pool.execute("UPDATE appliance SET closed = true WHERE appliance_id = $1", bath.appliance)
    elif loser == "off":
        await bath.credit(0)
        assert await offer(bath.pool, operator=desk.operator, appliance=bath.appliance, outlet=0) is None
    elif loser == "shut":
        yesterday = datetime.now(UTC) + timedelta(hours=8, days=-1)
        async with bath.pool.acquire() as connection:
            hours = f"{yesterday:%a} 00:00-24:00"
            await set_site_hours(connection, desk.operator, bath.site, hours, by="test")
    elif loser == "spent":
        async with bath.pool.acquire() as connection:
            await set_quota(
                connection, desk.operator, period=Period.DAY, amount_minor=CREDIT_MINOR - 1, by="test"
            )
    elif loser == "owing":
        code = await bath.code(lin, "first")
        await bath.passes(timedelta(hours=25))
        async with transaction(bath.pool, Purpose.OFFLINE) as connection:
            await give_up_offline(
                connection, operator=desk.operator, session=code.session, by="test", words="gone"
            )
        session = await bath.session(code)
        await bath.returns()
        await bath.terminal.records(
            bath.terminal.started(session), bath.terminal.stopped(session, ml=9_000, s=60)
        )
        await bath.learns()
        await bath.terminal.goes()
    before = await desk.principal(lin)
    answer = await bath.asks(lin, "now")
    assert isinstance(answer, OfflineRefused)
    assert answer.reason is expected
    assert await desk.principal(lin) == before


async def test_two_hundred_at_once_get_eight_codes_and_no_wallet_below_zero(bath: Bath) -> None:
    desk = bath.desk
    people = [await desk.customer(CREDIT_MINOR + 50) for _ in range(20)]
    wishes = [bath.asks(people[number % 20], f"k{number}") for number in range(200)]
    answers = await asyncio.gather(*wishes)
    codes = {answer.session for answer in answers if isinstance(answer, OfflineCode)}
    refused = {answer.reason for answer in answers if isinstance(answer, OfflineRefused)}
    assert len(codes) == 8
    assert refused <= {OfflineRefusal.TOO_MANY, OfflineRefusal.ALREADY_LIVE, OfflineRefusal.NO_BALANCE}
    for person in people:
        assert await desk.principal(person) in (CREDIT_MINOR + 50, 50)
    await desk.in_order()
