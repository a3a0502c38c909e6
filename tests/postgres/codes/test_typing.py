"""What becomes of digits that somebody types at a keypad."""

from __future__ import annotations

import pytest

from coinslot.engines.connect import Pool, connect_owner
from coinslot.keyring import Keyring
from coinslot.ledger.accounts import customer_principal
from coinslot.sessions.states import State
from coinslot.settlement.codes import issuing
from coinslot.settlement.codes.aging import forget_old_keypad_codes
from coinslot.settlement.codes.beginning import Codes
from coinslot.settlement.codes.issuing import CodeRefusal, CodeRefused, CodeState, CodeView, Scope
from coinslot.wire.messages import DisplayLanguage, Note, Show, Start
from coinslot.wire.records import Declined, DeclineReason
from tests.support.bathroom import KEYRING, Bathroom


@pytest.fixture
async def bathroom(pool: Pool) -> Bathroom:
    return await Bathroom(pool).open(2)


async def test_a_typed_code_opens_its_shower_and_the_bill_is_paid_from_the_wallet(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer(20_00)
    code = await bathroom.code(customer)
    assert (code.scope, len(code.digits), code.state) == (Scope.OUTLET, 8, CodeState.LIVE)
    [start] = await bathroom.types(code.digits)
    assert isinstance(start, Start)
    used = await bathroom.found(code)
    assert (used.state, used.session, used.digits) == (CodeState.USED, start.session, "")
    session = await bathroom.desk.session(used.session or "")  # type: ignore[arg-type]
    assert (session.state, session.customer) == (State.AUTHORIZED, customer)
    assert start.language is DisplayLanguage.ZH
    assert start.balance_minor == 20_00 - session.hold_minor
    assert start.limits.pause_s == 300
    settled = await bathroom.ends(session, ml=30_000)
    assert settled.state is State.SETTLED
    assert await bathroom.desk.principal(customer) == 20_00 - (settled.captured_minor or 0)
    await bathroom.desk.in_order()


async def test_a_start_that_is_sent_again_is_the_same(bathroom: Bathroom) -> None:
    code = await bathroom.code(await bathroom.desk.customer())
    first = await bathroom.types(code.digits, request="one")
    again = await bathroom.types(code.digits, request="one")
    assert again == first
    assert (await bathroom.notes(code.digits)).note is Note.CODE_USED
    # Under way, it needs no answer any more: the terminal has it.
    start = first[0]
    assert isinstance(start, Start)
    session = await bathroom.desk.session(start.session)  # type: ignore[arg-type]
    await bathroom.showers[0].records(bathroom.showers[0].started(session))
    assert await bathroom.types(code.digits, request="one") == []


async def test_a_note_is_repeated_for_its_request_and_counts_once(bathroom: Bathroom) -> None:
    first = await bathroom.types("12345678", request="one")
    assert await bathroom.types("12345678", request="one") == first
    assert isinstance(first[0], Show)
    assert (first[0].note, first[0].request) == (Note.WRONG_CODE, "one")
    assert (await bathroom.keypad()).tries == 1


async def test_digits_of_no_length_in_use_are_wrong_and_count(bathroom: Bathroom) -> None:
    assert (await bathroom.notes("1234")).note is Note.WRONG_CODE
    assert (await bathroom.notes("1234567890123456")).note is Note.WRONG_CODE
    assert (await bathroom.keypad()).tries == 2


async def test_an_expired_a_cancelled_and_a_used_code_are_told_so_and_do_not_count(
    bathroom: Bathroom,
) -> None:
    customer = await bathroom.desk.customer()
    expired = await bathroom.code(customer)
    await bathroom.waits(601)
    assert (await bathroom.found(expired)).state is CodeState.EXPIRED
    assert (await bathroom.notes(expired.digits)).note is Note.CODE_EXPIRED
    cancelled = await bathroom.code(customer)
    gone = await issuing.cancel(
        bathroom.pool, operator=cancelled.operator, customer=customer, code_id=cancelled.code_id
    )
    assert gone is not None
    assert (gone.state, gone.digits) == (CodeState.CANCELLED, "")
    assert (await bathroom.notes(cancelled.digits)).note is Note.CODE_EXPIRED
    used = await bathroom.code(customer)
    await bathroom.starts(used.digits)
    assert (await bathroom.notes(used.digits)).note is Note.CODE_USED
    assert (await bathroom.keypad()).tries == 0


async def test_a_code_for_another_shower_names_it_counts_and_gets_other_digits(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer()
    code = await bathroom.code(customer, 0)
    shown = await bathroom.notes(code.digits, 1)
    assert (shown.note, shown.lines) == (Note.OTHER_OUTLET, ["shower 1"])
    assert (await bathroom.keypad(1)).tries == 1
    now = await bathroom.found(code)
    assert now.state is CodeState.LIVE
    assert now.digits != code.digits
    assert now.expires_at == code.expires_at
    # Whoever found them by trying has found nothing; whoever did not look at the phone is told to, and is no guesser.
    assert (await bathroom.notes(code.digits, 0)).note is Note.CODE_EXPIRED
    assert (await bathroom.keypad(0)).tries == 0
    assert (await bathroom.notes(code.digits, 1)).note is Note.WRONG_CODE
    session = await bathroom.starts(now.digits, 0)
    assert session.customer == customer


async def test_a_code_of_another_operator_or_site_is_only_wrong(bathroom: Bathroom, pool: Pool) -> None:
    elsewhere = await Bathroom(pool).open()
    code = await elsewhere.code(await elsewhere.desk.customer())
    assert (await bathroom.notes(code.digits)).note is Note.WRONG_CODE
    assert (await elsewhere.found(code)).digits == code.digits
    assert (
        await issuing.find(
            pool,
            KEYRING,
            operator=bathroom.desk.operator,
            customer=code.customer,
            code_id=code.code_id,
        )
        is None
    )


async def test_a_code_of_an_appliance_that_hangs_elsewhere_by_now_opens_nothing(
    bathroom: Bathroom, codes_url: str
) -> None:
    code = await bathroom.code(await bathroom.desk.customer())
    await bathroom.pool.execute(
        "UPDATE outlet SET appliance_id = $3 WHERE operator_id = $1 AND terminal_id = $2",
        bathroom.desk.operator,
        bathroom.terminal(0),
        bathroom.appliance(1),
    )
    assert (await bathroom.notes(code.digits, 0)).note is Note.OTHER_OUTLET


async def test_what_stands_in_the_way_is_told_with_figures_and_the_code_stays_good(
    bathroom: Bathroom,
) -> None:
    desk, pool = bathroom.desk, bathroom.pool
    customer = await desk.customer(20_00)
    code = await bathroom.code(customer)
    own, terminal = desk.operator, bathroom.terminal()
    for query, back, note in (
        (
            "UPDATE appliance SET closed = true WHERE operator_id = $1",
            "UPDATE appliance SET closed = false WHERE operator_id = $1",
            Note.UNAVAILABLE,
        ),
        (
            "UPDATE customer SET blocked_at = now() WHERE operator_id = $1",
            "UPDATE customer SET blocked_at = NULL WHERE operator_id = $1",
            Note.NOT_ALLOWED,
        ),
        (
            "UPDATE operator SET real_name = 'before_first_use' WHERE operator_id = $1",
            "UPDATE operator SET real_name = 'not_asked' WHERE operator_id = $1",
            Note.NOT_ALLOWED,
        ),
    ):
        await pool.execute(query, own)
        assert (await bathroom.notes(code.digits)).note is note, query
        await pool.execute(back, own)
    await pool.execute(
        "INSERT INTO alarm (operator_id, terminal_id, outlet, kind) VALUES ($1, $2, 0, 'leak')", own, terminal
    )
    assert (await bathroom.notes(code.digits)).note is Note.UNAVAILABLE
    await pool.execute("UPDATE alarm SET cleared_at = now() WHERE operator_id = $1", own)
    other = await desk.customer(name="Mei")
    session = await desk.begun(other, bathroom.showers[0])
    assert (await bathroom.notes(code.digits)).note is Note.BUSY
    await bathroom.ends(session, ml=1000)
    assert (await bathroom.keypad()).tries == 0
    assert (await bathroom.starts(code.digits)).customer == customer


async def test_a_balance_that_was_spent_meanwhile_is_told_with_what_a_start_takes(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer(5_00)
    code = await bathroom.code(customer, 0)
    # All of it is held elsewhere.
    await bathroom.desk.begun(customer, bathroom.showers[1])
    assert await bathroom.desk.balance(customer_principal(customer)) == 0
    shown = await bathroom.notes(code.digits)
    assert (shown.note, shown.currency, shown.language) == (Note.NO_BALANCE, "CNY", DisplayLanguage.ZH)
    assert (shown.amount_minor or 0) > 0
    assert (await bathroom.found(code)).state is CodeState.LIVE


async def test_a_friends_code_holds_no_more_than_its_cap_and_tells_no_balance(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer(20_00)
    code = await bathroom.friend(customer, 2_00)
    assert isinstance(code, CodeView)
    assert (code.for_friend, code.cap_minor) == (True, 2_00)
    [start] = await bathroom.types(code.digits)
    assert isinstance(start, Start)
    assert start.balance_minor is None
    session = await bathroom.desk.session(start.session)  # type: ignore[arg-type]
    assert session.hold_minor == 2_00
    settled = await bathroom.ends(session, ml=1_000_000)
    assert (settled.captured_minor or 0) <= 2_00
    assert await bathroom.desk.principal(customer) == 20_00 - (settled.captured_minor or 0)


async def test_a_friend_is_not_told_what_the_giver_owes(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer(20_00)
    code = await bathroom.friend(customer, 2_00)
    assert isinstance(code, CodeView)
    shower = bathroom.showers[1]
    late = await bathroom.desk.begun(customer, shower)
    gone = Declined(
        boot=1, ticks_ms=0, command=late.command, session=late.id, outlet=0, reason=DeclineReason.BUSY
    )
    await shower.records(gone, shower.started(late), shower.stopped(late, ml=30_000, s=100))
    assert await bathroom.desk.arrears(customer) > 0
    shown = await bathroom.notes(code.digits)
    assert (shown.note, shown.amount_minor, shown.currency) == (Note.NOT_ALLOWED, None, "")


async def test_a_cap_below_what_a_start_takes_is_refused_with_the_figures(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer(20_00)
    refused = await bathroom.friend(customer, 1)
    assert isinstance(refused, CodeRefused)
    assert refused.reason is CodeRefusal.NO_BALANCE
    assert refused.needed_minor is not None
    assert refused.balance_minor == 1


async def test_what_a_terminal_without_this_outlet_or_on_an_old_link_says_opens_nothing(
    bathroom: Bathroom,
) -> None:
    code = await bathroom.code(await bathroom.desk.customer())
    [shown] = await bathroom.types(code.digits, outlet=7)
    assert isinstance(shown, Show)
    assert shown.note is Note.UNAVAILABLE
    await bathroom.showers[0].connects()
    assert await bathroom.types(code.digits, link=1) == []
    await bathroom.starts(code.digits)


async def test_a_room_code_opens_any_free_shower_of_its_room(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(3, room="East 2")
    customer = await bathroom.desk.customer()
    code = await bathroom.code(customer, room="East 2")
    assert (code.scope, len(code.digits), code.terminal) == (Scope.ROOM, 9, None)
    await pool.execute(
        "UPDATE appliance SET room = 'West' WHERE operator_id = $1 AND appliance_id = $2",
        bathroom.desk.operator,
        bathroom.appliance(0),
    )
    shown = await bathroom.notes(code.digits, 0)
    assert (shown.note, shown.lines) == (Note.OTHER_OUTLET, ["East 2"])
    now = await bathroom.found(code)
    other = await bathroom.desk.customer(name="Mei")
    await bathroom.desk.begun(other, bathroom.showers[1])
    assert (await bathroom.notes(now.digits, 1)).note is Note.BUSY
    session = await bathroom.starts(now.digits, 2)
    assert session.terminal == bathroom.terminal(2)


async def test_the_digits_survive_a_change_of_the_installations_secret(bathroom: Bathroom) -> None:
    code = await bathroom.code(await bathroom.desk.customer())
    changed = Keyring("another secret for tests, 32 letters", ["a secret for tests alone, 32 letters"])
    [again] = await issuing.live_codes(bathroom.pool, changed, operator=code.operator, customer=code.customer)
    assert again.digits == code.digits
    bathroom.codes = Codes(bathroom.pool, changed)
    await bathroom.starts(code.digits)


async def test_old_codes_and_answers_are_forgotten(bathroom: Bathroom, codes_url: str) -> None:
    customer = await bathroom.desk.customer()
    code = await bathroom.code(customer)
    await bathroom.types("11111111", request="old")
    owner = await connect_owner(codes_url)
    await owner.execute(
        "UPDATE keypad_code SET made_at = now() - interval '8 days', ended_at = now(), how = 'expired'"
        " WHERE operator_id = $1",
        bathroom.desk.operator,
    )
    await owner.execute(
        "UPDATE keypad_answer SET answered_at = now() - interval '11 minutes' WHERE operator_id = $1",
        bathroom.desk.operator,
    )
    await owner.close()
    async with bathroom.pool.acquire() as connection:
        assert await forget_old_keypad_codes(connection) >= 1
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM keypad_answer WHERE operator_id = $1", bathroom.desk.operator
            )
            == 0
        )
    assert (
        await issuing.find(
            bathroom.pool, KEYRING, operator=code.operator, customer=customer, code_id=code.code_id
        )
        is None
    )
    # The same request is a new one by now.
    await bathroom.types("11111111", request="old")
    assert (await bathroom.keypad()).tries == 2
