"""Codes on appliances: one at a time, closed before the next, never two starts and never a lost payment."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.fleet.hours_store import set_site_hours
from coinslot.fleet.store import list_sites
from coinslot.payments.states import AttemptState
from coinslot.settlement.payments.orders import MOST_LATELY, QrShown
from coinslot.wire.messages import Note
from tests.support.inn import Inn
from tests.support.played_provider import Fault, PlayedProvider


async def test_a_code_asks_for_what_was_chosen(inn: Inn) -> None:
    terminal = await inn.appliance()
    answer = await inn.chooses(terminal)
    assert isinstance(answer, QrShown)
    assert (answer.amount_minor, answer.currency) == (5_00, "CNY")
    assert 280 <= answer.life_s <= 300
    deposit = await inn.chooses(terminal, "use")
    assert isinstance(deposit, QrShown)
    assert deposit.amount_minor == 10_00


async def test_the_same_wish_twice_is_the_same_code(inn: Inn) -> None:
    terminal = await inn.appliance()
    wish = inn.wish()
    other = inn.server_orders()
    answers = await asyncio.gather(*(orders.place(terminal.id, wish) for orders in (inn.orders, other) * 4))
    assert {answer.qr for answer in answers if isinstance(answer, QrShown)} == {
        f"played://{number}" for number in inn.provider.sheet.orders
    }
    assert len(inn.provider.sheet.orders) == 1
    changed = inn.wish("use", request=wish.request)
    assert await inn.orders.place(terminal.id, changed) is Note.UNAVAILABLE


async def test_what_cannot_be_sold_is_said_at_once(inn: Inn) -> None:
    terminal = await inn.appliance()
    away = await inn.appliance(online=False)
    assert await inn.chooses(terminal, "90min") is Note.UNAVAILABLE
    assert await inn.chooses(terminal, provider="wechat") is Note.UNAVAILABLE
    assert await inn.chooses(away) is Note.UNAVAILABLE
    stranger = inn.wish(outlet=7)
    assert await inn.orders.place(terminal.id, stranger) is Note.UNAVAILABLE
    await inn.running(terminal)
    assert await inn.chooses(terminal) is Note.BUSY
    assert inn.provider.calls.count("create") == 1


async def test_without_keys_or_with_the_account_shut_nothing_is_offered(inn: Inn) -> None:
    terminal = await inn.appliance()
    [offered] = await inn.orders.menus(terminal.id)
    assert [package.package for package in offered.packages] == ["30min", "load", "use"]
    assert [package.by_use for package in offered.packages] == [False, False, True]
    assert offered.providers == ["played"]
    inn.till.providers.clear()
    [offered] = await inn.orders.menus(terminal.id)
    assert (offered.packages, offered.providers) == ([], [])
    assert await inn.chooses(terminal) is Note.UNAVAILABLE


async def test_outside_its_hours_nothing_is_sold_and_what_was_sold_inside_them_begins(inn: Inn) -> None:
    terminal = await inn.appliance()
    shown = await inn.shown(terminal)
    async with inn.pool.acquire() as connection:
        for site in await list_sites(connection, inn.desk.operator):
            await set_site_hours(connection, inn.desk.operator, site.site_id, _not_now(), by="test")
    [offered] = await inn.orders.menus(terminal.id)
    assert offered.packages == []
    assert await inn.chooses(terminal) is Note.UNAVAILABLE
    await inn.pays(shown)
    await inn.starts.once()
    assert await inn.session_of(shown) is not None


def _not_now() -> str:
    """Hours that are shut now, anywhere on earth."""
    return "closed " + " ".join(str(datetime.now(UTC).date() + timedelta(days=off)) for off in (-1, 0, 1))


async def test_choosing_again_closes_the_code_before(inn: Inn) -> None:
    terminal = await inn.appliance()
    first = await inn.shown(terminal)
    second = await inn.shown(terminal, "load")
    assert (await inn.till.attempt(first)).state is AttemptState.CLOSED
    order = await inn.open_code(terminal)
    assert order is not None
    assert (order.intent_id, order.package) == (second.intent_id, "load")


async def test_a_code_that_was_paid_meanwhile_wins(inn: Inn) -> None:
    terminal = await inn.appliance()
    first = await inn.shown(terminal)
    await inn.pays(first, told=False)  # the notification is still under way
    assert await inn.chooses(terminal, "load") is Note.PAID
    await inn.starts.once()
    session = await inn.session_of(first)
    assert session is not None
    assert len(inn.provider.sheet.orders) == 1
    assert await inn.chooses(terminal, "load") is Note.BUSY


@pytest.mark.parametrize("when", ["before the provider's answer", "long after"])
async def test_a_code_that_could_not_be_closed_and_is_paid_goes_back_once(inn: Inn, when: str) -> None:
    """The provider does not answer the close; somebody has the old code on the phone."""
    terminal = await inn.appliance()
    first = await inn.shown(terminal)
    inn.provider.faults["close"] = [Fault.LOST]
    second = await inn.shown(terminal, "load")
    if when == "long after":
        await inn.pays(second)
        await inn.starts.once()
    await inn.pays(first)
    await inn.starts.once()
    assert await inn.session_of(first) is None
    assert await inn.refunds() == [("start_failed", 5_00)]
    if when != "long after":
        await inn.pays(second)
        await inn.starts.once()
    assert await inn.session_of(second) is not None
    await inn.works()
    await inn.even()


async def test_a_payment_after_the_close_goes_back(inn: Inn) -> None:
    terminal = await inn.appliance()
    first = await inn.shown(terminal)
    await inn.shown(terminal, "load")
    order = inn.provider.sheet.orders[first.number]
    order.state, order.provider_id, order.paid_minor = order.state.PAID, "tx-late", order.amount_minor
    await inn.till.notified(first)
    await inn.till.cashier.apply()
    await inn.starts.once()
    assert await inn.sessions() == []
    assert await inn.refunds() == [("late", 5_00)]
    await inn.works()
    await inn.even()


async def test_going_back_closes_the_code(inn: Inn) -> None:
    terminal = await inn.appliance()
    wish = inn.wish()
    answer = await inn.orders.place(terminal.id, wish)
    assert isinstance(answer, QrShown)
    await inn.orders.cancel(terminal.id, 1, wish.request)
    assert await inn.open_code(terminal) is not None
    await inn.orders.cancel(terminal.id, 0, wish.request)
    await inn.orders.cancel(terminal.id, 0, "never")
    assert (await inn.attempt_of(answer)).state is AttemptState.CLOSED
    assert await inn.open_code(terminal) is None
    assert await inn.orders.place(terminal.id, wish) is Note.EXPIRED


async def test_going_back_too_late_leaves_the_payment(inn: Inn) -> None:
    terminal = await inn.appliance()
    wish = inn.wish()
    answer = await inn.orders.place(terminal.id, wish)
    assert isinstance(answer, QrShown)
    attempt = await inn.attempt_of(answer)
    await inn.pays(attempt, told=False)
    await inn.orders.cancel(terminal.id, 0, wish.request)
    await inn.starts.once()
    assert await inn.session_of(attempt) is not None
    assert await inn.orders.place(terminal.id, wish) is Note.PAID


async def test_a_provider_that_does_not_answer_is_asked_again_for_the_same(inn: Inn) -> None:
    terminal = await inn.appliance()
    wish = inn.wish()
    inn.provider.faults["create"] = [Fault.UNANSWERED]
    assert await inn.orders.place(terminal.id, wish) is Note.TRY_AGAIN
    answer = await inn.orders.place(terminal.id, wish)
    assert isinstance(answer, QrShown)
    assert len(inn.provider.sheet.orders) == 1
    inn.provider.faults["create"] = [Fault.REJECTED]
    assert await inn.chooses(terminal) is Note.UNAVAILABLE
    assert isinstance(await inn.chooses(terminal), QrShown)


async def test_fingers_that_never_rest_are_held_back(inn: Inn) -> None:
    terminal, beside = await inn.appliance(), await inn.appliance()
    for _ in range(MOST_LATELY):
        assert isinstance(await inn.chooses(terminal), QrShown)
    assert await inn.chooses(terminal) is Note.TRY_AGAIN
    assert isinstance(await inn.chooses(beside), QrShown)
    await inn.passes(timedelta(minutes=1))
    assert isinstance(await inn.chooses(terminal), QrShown)


async def test_of_two_servers_at_once_one_makes_the_code(inn: Inn) -> None:
    """Two wishes for one outlet, each at another server: the later one closes the earlier one's code."""
    terminal = await inn.appliance()
    servers = [inn.orders, inn.server_orders(), inn.server_orders()]
    answers = await asyncio.gather(*(server.place(terminal.id, inn.wish()) for server in servers))
    assert any(isinstance(answer, QrShown) for answer in answers)
    open_here = await inn.pool.fetchval(
        "SELECT count(*) FROM direct_order WHERE terminal_id = $1 AND over_at IS NULL", terminal.id
    )
    assert open_here == 1
    payable = [o for o in inn.provider.sheet.orders.values() if o.state.value == "waiting"]
    assert len(payable) == 1


async def test_an_expired_code_makes_room(inn: Inn) -> None:
    terminal = await inn.appliance()
    first = await inn.shown(terminal)
    await inn.passes(timedelta(minutes=6))
    await inn.till.cashier.once()
    assert await inn.intent_state(first) == "expired"
    second = await inn.shown(terminal)
    assert second.intent_id != first.intent_id
    outcomes = await inn.pool.fetch("SELECT outcome FROM direct_order ORDER BY made_at")
    assert [row[0] for row in outcomes] == ["expired", None]


async def test_what_was_promised_stays_whatever_is_edited(inn: Inn) -> None:
    """The code rules: an agreement and a tariff of after it do not."""
    terminal = await inn.appliance()
    attempt = await inn.shown(terminal)
    await inn.reprice(packages=[{"id": "30min", "title": "30 min", "price": "8.00", "s": 600}])
    await inn.pays(attempt)
    await inn.starts.once()
    session = await inn.session_of(attempt)
    assert session is not None
    await terminal.records(inn.started(terminal, session))
    ended = await inn.ends(terminal, session)
    assert (ended.hold_minor, ended.charge_minor) == (5_00, 5_00)
    [start] = inn.commands(terminal)
    assert start.limits.s == 1800


async def test_an_older_account_without_keys_is_passed_over(inn: Inn) -> None:
    terminal = await inn.appliance()
    first = inn.till.merchant
    second = await inn.till.add_merchant(PlayedProvider(f"{first.account}-b"))
    del inn.till.providers[first.merchant_id]
    attempt = await inn.shown(terminal)
    assert attempt.merchant_id == second.merchant_id


async def test_a_provider_that_hangs_keeps_nobody_at_the_screen(inn: Inn) -> None:
    """Its answers are noted when they come, and the same wish again finds them."""
    terminal = await inn.appliance()
    first = await inn.shown(terminal)
    answers = asyncio.Event()
    inn.provider.meanwhile = {"close": answers.wait, "create": answers.wait}
    inn.orders = inn.server_orders(patience_s=0.05)
    wish = inn.wish("load")
    assert await inn.orders.place(terminal.id, wish) is Note.TRY_AGAIN
    answers.set()
    inn.orders = inn.server_orders()
    answer = await inn.orders.place(terminal.id, wish)
    assert isinstance(answer, QrShown)
    await inn.till.cashier.once()
    assert (await inn.till.attempt(first)).state in (AttemptState.CLOSED, AttemptState.CLOSING)
    outcome = await inn.pool.fetchval(
        "SELECT outcome FROM direct_order WHERE intent_id = $1", first.intent_id
    )
    assert outcome == "dropped"
