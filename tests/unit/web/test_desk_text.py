"""What a front desk reads of each state, and when its bell rings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from coinslot.fleet.front_desks import DeskHere
from coinslot.sessions.states import State
from coinslot.web.desk.reading import ApplianceRow, OrderRow, SessionRow, Today, day_begins
from coinslot.web.desk.text import desk_view
from coinslot.web.desk.views import DeskView, Kind
from coinslot.wire.ids import OperatorId, SiteId
from coinslot.wire.messages import Limits

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DESK = DeskHere(
    operator_id=OperatorId("opr_1"),
    desk_id="dsk_1",
    site_id=SiteId("sit_1"),
    site="Hotel am See",
    name="Reception",
    operator="Hotels",
    timezone="Asia/Shanghai",
    currency="CNY",
)
ORDER = OrderRow(
    intent_id="int_1",
    appliance_id="app_1",
    appliance="Dryer",
    room="801",
    package="30 min",
    at=NOW - timedelta(minutes=2),
    currency="CNY",
    amount_minor=500,
    provider="wechat",
    paid_at=None,
    intent_state="open",
    decided_at=None,
    session_id=None,
    refunded_minor=0,
    refunding_minor=0,
    refund_why="",
    refund_stuck=False,
)
PAID = replace(ORDER, paid_at=NOW - timedelta(minutes=1), intent_state="paid")
SESSION = SessionRow(
    session_id="ses_1",
    intent_id="int_1",
    appliance_id="app_1",
    appliance="Dryer",
    room="801",
    at=NOW - timedelta(minutes=1),
    state=State.RUNNING,
    currency="CNY",
    started_at=NOW - timedelta(seconds=30),
    settled_at=None,
    stop_asked=False,
    stop_reason=None,
    limits=msgspec.json.encode(Limits(ml=1, s=1800, wh=2000, count=1, idle_s=60)).decode(),
    hold_minor=500,
    captured_minor=None,
)
OVER = replace(SESSION, state=State.SETTLED, settled_at=NOW, stop_reason="limit", captured_minor=500)
DRYER = ApplianceRow(
    appliance_id="app_1", name="Dryer", room="801", closed=False, outlets=1, priced=1, online=True, faulty=False,
    running=False,
)  # fmt: skip


def said(text: str, **values: object) -> str:
    return text % values if values else text


def seen(
    *orders: OrderRow, sessions: tuple[SessionRow, ...] = (), things: tuple[ApplianceRow, ...] = ()
) -> DeskView:
    return desk_view(said, DESK, Today(now=NOW, orders=orders, sessions=sessions, appliances=things))


@pytest.mark.parametrize(
    ("order", "session", "word", "rings", "fault"),
    [
        (ORDER, None, "Waiting for payment", False, False),
        (PAID, None, "Paid, starting", True, False),
        (replace(PAID, decided_at=NOW), None, "Did not start", True, True),
        (PAID, replace(SESSION, state=State.AUTHORIZED), "Paid, starting", True, False),
        (PAID, SESSION, "Under way", True, False),
        (PAID, replace(SESSION, stop_asked=True), "Stopping", True, False),
        (PAID, OVER, "Finished", True, False),
        (PAID, replace(OVER, stop_reason="fault"), "Broke off", True, True),
        (PAID, replace(OVER, stop_reason="power_loss"), "Broke off", True, True),
        (PAID, replace(OVER, state=State.RELEASED, captured_minor=0), "Did not start", True, True),
        (replace(PAID, refunding_minor=200, refund_stuck=True), OVER, "Finished", True, True),
    ],
)  # fmt: skip
def test_each_state_has_its_word_and_its_sound(
    order: OrderRow, session: SessionRow | None, word: str, rings: bool, fault: bool
) -> None:
    view = seen(order, sessions=() if session is None else (session,))
    [use] = view.uses
    assert (use.word, use.paid, use.fault) == (word, rings, fault)
    assert bool(view.paid_keys()) is rings
    assert bool(view.fault_keys()) is fault
    assert bool(use.confirmed) is (order.paid_at is not None)


def test_what_is_left_is_counted_by_the_limit_that_the_appliance_keeps_and_not_where_that_says_nothing() -> (
    None
):
    assert seen(PAID, sessions=(SESSION,)).uses[0].left_s == 1770
    late = replace(SESSION, started_at=NOW - timedelta(hours=2))
    assert seen(PAID, sessions=(late,)).uses[0].left_s == 0
    safeguard = msgspec.json.encode(Limits(ml=1, s=86_400, wh=2000, count=1, idle_s=60)).decode()
    assert seen(PAID, sessions=(replace(SESSION, limits=safeguard),)).uses[0].left_s is None


def test_the_sums_count_what_arrived_and_what_goes_back() -> None:
    back = replace(PAID, intent_id="int_2", refunded_minor=100, refunding_minor=50)
    foreign = replace(PAID, intent_id="int_3", currency="EUR")
    wallet = replace(OVER, session_id="ses_9", intent_id=None, captured_minor=45)
    view = seen(ORDER, PAID, back, foreign, sessions=(wallet,))
    assert (view.paid_uses, view.received, view.returned) == (4, "¥10.45", "¥1.50")
    assert seen().returned == ""


def test_a_wallets_use_is_shown_without_anybodys_name_and_a_guests_of_yesterday_without_its_payment() -> None:
    wallet = replace(OVER, session_id="ses_9", intent_id=None)
    older = replace(SESSION, intent_id="int_of_yesterday")
    payers = {use.key: use.payer for use in seen(sessions=(wallet, older)).uses}
    assert payers == {"ses_9": "Balance", "ses_1": ""}


@pytest.mark.parametrize(
    ("thing", "word", "kind", "fault"),
    [
        (DRYER, "Free", Kind.PLAIN, False),
        (replace(DRYER, running=True, online=False), "In use", Kind.RUN, False),
        (replace(DRYER, online=False), "Offline", Kind.BAD, False),
        (replace(DRYER, faulty=True, running=True), "Out of order", Kind.BAD, True),
        (replace(DRYER, closed=True, faulty=True), "Taken out of service", Kind.WARN, False),
        (replace(DRYER, priced=0), "Has no price", Kind.PLAIN, False),
    ],
)
def test_how_an_appliance_stands(thing: ApplianceRow, word: str, kind: Kind, fault: bool) -> None:
    [found] = seen(things=(thing,)).appliances
    assert (found.word, found.kind, found.fault) == (word, kind, fault)


def test_what_needs_somebody_comes_first_and_room_9_before_room_10() -> None:
    things = [replace(DRYER, appliance_id=room, room=room) for room in ("10", "9", "801")]
    view = seen(things=(*things, replace(DRYER, appliance_id="x", room="999", faulty=True)))
    assert [each.room for each in view.appliances] == ["999", "9", "10", "801"]


def test_a_day_begins_at_midnight_on_the_sites_wall_also_when_clocks_change() -> None:
    assert day_begins("Asia/Shanghai", datetime(2026, 11, 22, 16, 30, tzinfo=UTC)) == datetime(
        2026, 11, 22, 16, tzinfo=UTC
    )
    assert day_begins("Europe/Berlin", datetime(2026, 3, 29, 12, 0, tzinfo=UTC)) == datetime(
        2026, 3, 28, 23, tzinfo=UTC
    )
