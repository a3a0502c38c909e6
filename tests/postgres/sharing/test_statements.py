"""A party's statement is its account: every line leads to its session and entry, and the totals agree exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from coinslot.engines.connect import Connection
from coinslot.fields import FieldError
from coinslot.ledger import store as ledger
from coinslot.ledger.events import payout_sent, refund
from coinslot.sessions.model import Session
from coinslot.settlement.shares import charged_of
from coinslot.settlement.statements import Part as LinesPart
from coinslot.settlement.statements import Statement, TooLong, make_statement
from coinslot.sharing import Part, Party, thaw
from tests.postgres.sharing.conftest import Partnership

ZONE = "Asia/Shanghai"


def today() -> date:
    return datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date()


async def statement(
    partners: Partnership, party: Party, first: date | None = None, last: date | None = None
) -> Statement:
    async with partners.desk.pool.acquire() as connection:
        return await make_statement(
            connection, partners.desk.operator, party.party_id, "CNY",
            first=first or today() - timedelta(days=1), last=last or today() + timedelta(days=1), timezone=ZONE,
        )  # fmt: skip


async def trade(partners: Partnership) -> list[Session]:
    """Five sessions, one refunded in part, and a payout."""
    await partners.agree(
        terms=partners.terms(
            Part(partners.hotel.party_id, 333_333, 3), Part(partners.factory.party_id, 600_000)
        )
    )
    desk = partners.desk
    terminal, customer = await desk.terminal(), await desk.customer()
    ended = []
    for number in range(5):
        session = await desk.begun(customer, terminal, key=f"k{number}")
        await terminal.records(
            terminal.started(session), terminal.stopped(session, ml=7_000 + 1_000 * number, s=60)
        )
        ended.append(await desk.session(session.id))
    back = refund(
        desk.operator, ended[0].id, customer, "CNY", charged=charged_of(ended[0], 0), amount_minor=11
    )
    paid = payout_sent(desk.operator, "p1", "CNY", party=partners.hotel.party_id, amount_minor=20)
    async with desk.pool.acquire() as connection:
        await ledger.post(connection, [back, paid])
    return ended


async def test_lines_and_balances_are_the_ledgers(partners: Partnership) -> None:
    sessions = await trade(partners)
    for party in (partners.hotel, partners.factory):
        made = await statement(partners, party)
        held = await partners.holds(party)
        assert (made.opening_minor, made.closing_minor, made.moved_minor) == (0, held, held)
        assert sum(line.amount_minor for line in made.lines) == held
        assert made.lines[-1].balance_minor == held
        captures = [line for line in made.lines if line.kind == "capture"]
        assert [line.session for line in captures] == [session.id for session in sessions]
        assert [line.charge_minor for line in captures] == [session.captured_minor for session in sessions]
        frozen = thaw(sessions[0].sharing)
        assert {line.agreement for line in captures} == {f"{frozen.agreement} version 1"}
        assert all(line.appliance and line.site for line in captures)
        back = next(line for line in made.lines if line.kind == "refund")
        assert (back.session, back.charge_minor) == (sessions[0].id, -11)
        async with partners.desk.pool.acquire() as connection:
            for line in made.lines:
                found = await ledger.entries(connection, partners.desk.operator, key=line.key)
                assert [one.entry_id for one in found] == [line.entry_id]
    payout = next(line for line in (await statement(partners, partners.hotel)).lines if line.kind == "payout")
    assert (payout.amount_minor, payout.session, payout.charge_minor) == (-20, None, None)


async def test_what_one_statement_closes_with_the_next_opens_with(
    partners: Partnership, owner: Connection
) -> None:
    await trade(partners)
    # Captures of five days: the ledger itself lets nobody move them, so its guard is lifted.
    await owner.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_append_only")
    await owner.execute(
        "WITH n AS (SELECT entry_id, row_number() OVER (ORDER BY entry_id) AS day FROM ledger_entry)"
        " UPDATE ledger_entry e SET posted_at = '2026-03-01T15:59:59.999999Z'::timestamptz + (n.day % 5) * interval '1 day'"
        " FROM n WHERE n.entry_id = e.entry_id"
    )
    first = date(2026, 2, 27)
    balance, lines = 0, 0
    for number in range(9):
        day = first + timedelta(days=number)
        made = await statement(partners, partners.hotel, day, day)
        assert made.opening_minor == balance
        assert made.complete
        assert all(line.posted_at.date() == day for line in made.lines)
        balance, lines = made.closing_minor, lines + len(made.lines)
    whole = await statement(partners, partners.hotel, first, first + timedelta(days=8))
    assert (balance, lines) == (whole.closing_minor, len(whole.lines))
    assert balance == await partners.holds(partners.hotel)


async def test_a_period_that_is_not_over_says_so(partners: Partnership) -> None:
    assert not (await statement(partners, partners.hotel, today(), today())).complete
    yesterday = today() - timedelta(days=2)
    empty = await statement(partners, partners.hotel, yesterday, yesterday)
    assert (empty.complete, empty.lines, empty.closing_minor) == (True, (), 0)
    with pytest.raises(FieldError, match="before the first day"):
        await statement(partners, partners.hotel, today(), yesterday)


async def test_another_operators_account_is_not_in_it(partners: Partnership) -> None:
    """Even under the same id: a statement is of one operator's books."""
    await trade(partners)
    other = await type(partners.desk)(partners.desk.pool).open("Elsewhere")
    async with partners.desk.pool.acquire() as connection:
        made = await make_statement(
            connection,
            other.operator,
            partners.hotel.party_id,
            "CNY",
            first=today(),
            last=today(),
            timezone=ZONE,
        )
    assert made.lines == ()


async def test_a_session_whose_row_is_gone_leaves_its_line(partners: Partnership, owner: Connection) -> None:
    sessions = await trade(partners)
    before = await statement(partners, partners.hotel)
    await owner.execute("DELETE FROM session WHERE session_id = $1", sessions[1].id)
    await owner.execute("UPDATE session SET sharing = '[' WHERE session_id = $1", sessions[2].id)
    after = await statement(partners, partners.hotel)
    assert [line.amount_minor for line in after.lines] == [line.amount_minor for line in before.lines]
    assert after.lines[1].appliance is None
    assert after.lines[2].agreement == "unreadable"


async def test_the_parts_of_a_statement_put_together_are_the_statement(partners: Partnership) -> None:
    await trade(partners)
    whole = await statement(partners, partners.hotel)
    period = {"first": whole.first, "last": whole.last, "timezone": ZONE}
    account = (partners.desk.operator, partners.hotel.party_id, "CNY")
    async with partners.desk.pool.acquire() as connection:
        for at_most in (1, 2, 3, 100):
            lines, carried_minor = [], whole.opening_minor
            while len(lines) < whole.count:
                part = await make_statement(
                    connection, *account, **period, part=LinesPart(len(lines), at_most)
                )
                assert (part.carried_minor, part.skipped) == (carried_minor, len(lines))
                assert (part.sums, part.closing_minor) == (whole.sums, whole.closing_minor)
                lines += part.lines
                carried_minor = part.lines[-1].balance_minor
            assert tuple(lines) == whole.lines
        beyond = await make_statement(connection, *account, **period, part=LinesPart(1_000_000, 10))
        assert (beyond.lines, beyond.skipped, beyond.carried_minor) == ((), whole.count, whole.closing_minor)
        assert sum(one.amount_minor for one in whole.sums) == whole.moved_minor
        with pytest.raises(TooLong):
            await make_statement(connection, *account, **period, whole_up_to=whole.count - 1)
