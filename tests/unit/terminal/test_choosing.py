"""A guest in front of an appliance: choosing, paying, going back, and everything that comes in between."""

from __future__ import annotations

import pytest
from msgspec import structs

from coinslot.terminal.choosing import ANSWER_MS, PAID_MS
from coinslot.terminal.events import LinkDown, SensorsRead, StopKey
from coinslot.terminal.views import Phase
from coinslot.wire.messages import Menu, Note, QrWanted
from coinslot.wire.records import Stopped
from tests.unit.terminal.hotel import BOUGHT, BY_USE, HALF_HOUR, Hotel
from tests.unit.terminal.rig import limits


@pytest.fixture
def hotel() -> Hotel:
    return Hotel().open_shop()


def test_a_guest_chooses_scans_pays_uses_and_sees_what_goes_back(hotel: Hotel) -> None:
    assert hotel.phase() is Phase.CHOOSE
    assert hotel.views[0].packages == (HALF_HOUR, BY_USE)
    request = hotel.chooses()
    sent = hotel.last(QrWanted)
    assert (sent.outlet, sent.package, sent.provider) == (0, "30min", "wechat")
    assert hotel.phase() is Phase.WAITING
    hotel.shows(request)
    view = hotel.views[0]
    assert (view.phase, view.qr, view.amount_minor, view.left_s) == (Phase.QR, f"pay:{request}", 500, 300)
    assert hotel.shown[0] == ("Scan to pay ¥5.00", "WeChat Pay 5:00")
    hotel.wait(10)
    assert hotel.shown[0] == ("Scan to pay ¥5.00", "WeChat Pay 4:50")
    hotel.shows(request, Note.SCANNED)
    assert (hotel.phase(), hotel.views[0].qr) == (Phase.SCANNED, f"pay:{request}")
    hotel.shows(request, Note.PAID)
    assert (hotel.phase(), hotel.views[0].qr) == (Phase.PAID, None)
    hotel.start(within=limits(s=1_800, idle_s=1_800), quote=BOUGHT)
    hotel.wait(60, 2_500)
    assert (hotel.phase(), hotel.views[0].left_s) == (Phase.RUNNING, 1_740)
    assert hotel.shown[0] == ("Left 29:00", "Stop key ends")
    hotel.feed(StopKey(0))
    assert hotel.phase() is Phase.FINISHED
    hotel.bills(request)
    view = hotel.views[0]
    assert (view.phase, view.amount_minor, view.refund_minor) == (Phase.FINISHED, 320, 180)
    assert view.qr == "https://x.example/b/1"
    assert hotel.shown[0] == ("Charged ¥3.20", "Refunded ¥1.80")
    hotel.wait(31)
    assert hotel.phase() is Phase.CHOOSE


def test_the_end_of_bought_time_is_no_limit_somebody_ran_into(hotel: Hotel) -> None:
    hotel.start(within=limits(s=30, idle_s=1_800), quote=BOUGHT)
    hotel.wait(30, 2_500)
    assert hotel.shown[0] == ("Time is up", "0.02 kWh  ¥5.00")


def test_two_lines_and_eight_keys_are_enough(hotel: Hotel) -> None:
    assert hotel.shown[0] == ("Choose a package", "1 30 min ¥5.00  2 by use ¥20.00")
    dear = structs.replace(HALF_HOUR, package="night", title="整夜 · the whole night", price_minor=12_345)
    hotel.say(structs.replace(hotel.menu(), packages=[HALF_HOUR, BY_USE, dear]))
    seen = set()
    for _ in range(7):
        seen.add(hotel.shown[0][1])
        hotel.wait(1)
    assert seen == {"1 30 min ¥5.00  2 by use ¥20.00", "3 the whole night ¥123.45"}
    hotel.presses("8")  # not on the menu
    assert hotel.phase() is Phase.CHOOSE
    hotel.presses("2")
    assert hotel.shown[0] == ("How to pay", "1 WeChat Pay  2 Alipay")
    hotel.presses("*")
    assert hotel.phase() is Phase.CHOOSE
    hotel.presses("1")
    hotel.wait(31)
    assert hotel.phase() is Phase.CHOOSE
    hotel.presses("14")
    assert hotel.phase() is Phase.PAY_WITH
    hotel.presses("2")
    sent = hotel.last(QrWanted)
    assert (sent.package, sent.provider) == ("30min", "alipay")
    hotel.shows(sent.request)
    hotel.presses("1")  # a code is shown: first go back
    assert len(hotel.wanted) == 1
    hotel.presses("*")
    assert hotel.taken_back == [sent.request]
    assert hotel.phase() is Phase.CHOOSE


def test_with_one_way_to_pay_nobody_is_asked_for_it(hotel: Hotel) -> None:
    hotel.say(Menu(link=hotel.link, outlet=0, currency="CNY", packages=[HALF_HOUR], providers=["alipay"]))
    hotel.presses("1")
    assert hotel.last(QrWanted).provider == "alipay"


def test_a_new_choice_leaves_the_old_one_s_answers_out(hotel: Hotel) -> None:
    first = hotel.chooses()
    hotel.shows(first)
    second = hotel.chooses("use", "alipay")
    assert first != second
    for note in Note:
        hotel.shows(first, note)
        assert hotel.phase() is Phase.WAITING
    hotel.shows(first)
    assert hotel.phase() is Phase.WAITING
    hotel.bills(first)
    assert hotel.phase() is Phase.WAITING
    hotel.shows(second)
    hotel.shows(first)
    assert hotel.views[0].qr == f"pay:{second}"


def test_the_same_choice_pressed_twice_is_one_wish_and_a_paid_one_takes_no_other(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.chooses()
    assert hotel.wanted == [request]
    hotel.shows(request)
    hotel.shows(request, Note.PAID)
    hotel.chooses("use")
    hotel.goes_back()
    assert (hotel.wanted, hotel.taken_back, hotel.phase()) == ([request], [], Phase.PAID)


@pytest.mark.parametrize(
    ("note", "phase"),
    [
        (Note.BUSY, Phase.BUSY),
        (Note.UNAVAILABLE, Phase.UNAVAILABLE),
        (Note.TRY_AGAIN, Phase.TRY_AGAIN),
        (Note.EXPIRED, Phase.EXPIRED),
        (Note.REFUNDED, Phase.REFUNDED),
    ],
)
def test_what_became_of_a_wish_is_told_and_then_the_menu_comes_again(
    hotel: Hotel, note: Note, phase: Phase
) -> None:
    hotel.shows(hotel.chooses(), note)
    assert hotel.phase() is phase
    assert all(hotel.shown[0]) or note is Note.REFUNDED
    hotel.wait(31)
    assert hotel.phase() is Phase.CHOOSE
    hotel.shows(hotel.chooses(), note)
    hotel.goes_back()  # read it, once more
    assert hotel.phase() is Phase.CHOOSE


def test_a_code_is_taken_away_when_its_life_is_over_and_a_payment_in_its_last_second_still_counts(
    hotel: Hotel,
) -> None:
    request = hotel.chooses()
    hotel.shows(request, life_s=60)
    hotel.wait(30)
    hotel.shows(request, life_s=60)  # said twice: it lives no longer for that
    hotel.wait(29)
    assert (hotel.phase(), hotel.views[0].left_s) == (Phase.QR, 1)
    hotel.wait(1)
    assert (hotel.phase(), hotel.views[0].qr) == (Phase.EXPIRED, None)
    hotel.shows(request, Note.PAID)
    assert hotel.phase() is Phase.PAID
    hotel.shows(request, Note.REFUNDED)
    assert hotel.phase() is Phase.REFUNDED
    hotel.shows(request, Note.PAID)  # an older word that arrives late
    assert hotel.phase() is Phase.REFUNDED
    hotel.goes_back()
    assert hotel.phase() is Phase.CHOOSE


def test_old_words_about_a_choice_that_was_used_change_nothing(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.shows(request)
    hotel.shows(request, Note.PAID)
    hotel.start()
    hotel.wait(5, 2_000)
    hotel.shows(request, Note.PAID)
    hotel.feed(StopKey(0))
    hotel.goes_back()
    hotel.shows(request, Note.PAID)
    hotel.shows(request)
    hotel.shows(request, Note.SCANNED)
    hotel.shows(request, Note.EXPIRED)
    assert hotel.phase() is Phase.CHOOSE


def test_a_code_counts_down_though_the_link_is_lost_and_can_be_paid(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.shows(request, life_s=120)
    hotel.feed(LinkDown(hotel.link))
    hotel.wait(40)
    assert (hotel.phase(), hotel.views[0].left_s) == (Phase.QR, 80)
    hotel.link_up(acked=hotel.core.kept.acked)
    hotel.sense(0)
    assert hotel.phase() is Phase.QR
    assert hotel.wanted == [request, request]  # what has become of it meanwhile?
    hotel.shows(request, life_s=80)
    assert (hotel.phase(), hotel.views[0].left_s) == (Phase.QR, 80)
    hotel.shows(request, Note.PAID)
    hotel.start()
    assert hotel.open == {0}


def test_a_wish_that_nobody_answered_is_said_again_on_the_next_link_as_the_same_wish(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.feed(LinkDown(hotel.link))
    hotel.wait(3)
    assert hotel.phase() is Phase.WAITING
    hotel.link_up(acked=hotel.core.kept.acked)
    assert hotel.wanted == [request, request]
    assert hotel.last(QrWanted).link == hotel.link
    hotel.shows(request)
    assert hotel.phase() is Phase.QR


def test_who_has_gone_on_from_an_end_chooses_without_its_bill_coming_in_between(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.shows(request)
    hotel.shows(request, Note.PAID)
    hotel.start()
    hotel.sense(900)
    hotel.feed(StopKey(0))
    assert hotel.phase() is Phase.FINISHED
    hotel.goes_back()
    assert hotel.phase() is Phase.CHOOSE
    hotel.bills(request)
    assert hotel.phase() is Phase.CHOOSE


def test_a_payment_that_went_back_while_the_link_was_lost_is_told_on_the_next_one(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.shows(request)
    hotel.feed(LinkDown(hotel.link))
    hotel.wait(70)
    hotel.link_up(acked=hotel.core.kept.acked)
    assert hotel.wanted == [request, request]
    hotel.shows(request, Note.REFUNDED)
    assert hotel.phase() is Phase.REFUNDED
    hotel.feed(LinkDown(hotel.link))
    hotel.link_up(acked=hotel.core.kept.acked)
    assert hotel.wanted == [request, request]  # that was the end of it


def test_a_server_that_does_not_answer_is_not_waited_for_and_its_late_code_is_welcome(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.wait(ANSWER_MS // 1000)
    assert hotel.phase() is Phase.TRY_AGAIN
    hotel.shows(request)
    assert hotel.phase() is Phase.QR
    again = hotel.chooses()
    hotel.wait(ANSWER_MS // 1000)
    hotel.goes_back()
    assert hotel.taken_back == [again]
    hotel.shows(again)
    assert hotel.phase() is Phase.CHOOSE


def test_without_a_link_nothing_is_asked_and_it_is_said(hotel: Hotel) -> None:
    hotel.feed(LinkDown(hotel.link))
    assert hotel.phase() is Phase.OFFLINE
    hotel.chooses()
    hotel.presses("11")
    assert hotel.wanted == []
    assert hotel.shown[0][0] == "Offline, please wait"


def test_who_goes_back_is_told_of_money_only(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.goes_back()
    assert hotel.taken_back == [request]
    assert hotel.phase() is Phase.CHOOSE
    hotel.shows(request)
    hotel.shows(request, Note.SCANNED)
    hotel.shows(request, Note.EXPIRED)
    assert hotel.phase() is Phase.CHOOSE
    hotel.shows(request, Note.PAID)  # the payment was faster than the way back: it stands
    assert hotel.phase() is Phase.PAID
    hotel.start()
    hotel.wait(1, 2_000)
    assert hotel.phase() is Phase.RUNNING


def test_a_paid_choice_whose_start_never_comes_does_not_hold_the_display_for_ever(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.shows(request)
    hotel.shows(request, Note.PAID)
    hotel.wait(PAID_MS // 1000)
    assert hotel.phase() is Phase.CHOOSE
    hotel.shows(request, Note.REFUNDED)
    assert hotel.phase() is Phase.REFUNDED
    assert hotel.shown[0] == ("Not started, all refunded", "Refunded ¥5.00")


def test_an_older_wish_s_answer_after_a_loss_of_power_shows_nothing_and_no_request_comes_twice(
    hotel: Hotel,
) -> None:
    request = hotel.chooses()
    hotel.power_cycle()
    hotel.link_up()
    hotel.sense(0)
    hotel.say(hotel.menu())
    hotel.shows(request)
    for note in Note:
        hotel.shows(request, note)
    assert hotel.phase() is Phase.CHOOSE
    hotel.chooses()
    hotel.connects.clear()
    hotel.journal.durable.clear()  # even where the journal was lost, and boots count from 1 again
    hotel.power_cycle()
    hotel.link_up()
    hotel.sense(0)
    hotel.chooses()
    assert len(set(hotel.wanted)) == len(hotel.wanted) == 3


def test_what_is_not_on_the_menu_is_not_asked_for_and_without_a_menu_the_server_decides(hotel: Hotel) -> None:
    hotel.chooses("90min")
    assert (hotel.wanted, hotel.phase()) == ([], Phase.UNAVAILABLE)
    hotel.chooses("30min", "stripe")
    assert hotel.wanted == []
    bare = Hotel()
    bare.boot().link_up()
    bare.sense(0)
    bare.chooses()
    assert len(bare.wanted) == 1


def test_a_menu_of_the_link_before_is_good_for_a_moment_and_an_empty_one_ends_the_sale(hotel: Hotel) -> None:
    hotel.feed(LinkDown(hotel.link))
    hotel.link_up(acked=hotel.core.kept.acked)
    hotel.wait(14)
    assert hotel.phase() is Phase.CHOOSE
    hotel.wait(1)
    assert hotel.phase() is Phase.READY
    hotel.say(hotel.menu())
    hotel.wait(60)
    assert hotel.phase() is Phase.CHOOSE
    hotel.presses("1")
    hotel.say(Menu(link=hotel.link, outlet=0))
    assert hotel.phase() is Phase.READY
    hotel.presses("12")
    assert hotel.wanted == []


def test_a_session_of_somebody_else_ends_the_choosing_and_a_fault_closes_the_shop(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.shows(request)
    hotel.start()  # from a phone
    hotel.chooses("use")
    assert hotel.wanted == [request]
    hotel.wait(2, 2_000)
    hotel.feed(StopKey(0))
    hotel.shows(request)
    assert hotel.phase() is Phase.FINISHED
    hotel.feed(SensorsRead(0, {"leak": 1, "power_w": 0}))
    assert hotel.phase() is Phase.FAULT
    hotel.chooses()
    assert hotel.wanted == [request]


def test_a_guest_whose_appliance_failed_sees_the_refund_before_the_fault(hotel: Hotel) -> None:
    request = hotel.chooses()
    hotel.start(within=limits(s=1_800), quote=BOUGHT)
    hotel.wait(60)  # it draws nothing
    assert hotel.phase() is Phase.FAULT
    assert len(hotel.of(Stopped)) == 1
    hotel.bills(request, refund_minor=500)
    assert (hotel.phase(), hotel.views[0].refund_minor) == (Phase.FINISHED, 500)
    hotel.wait(31)
    assert hotel.phase() is Phase.FAULT


def test_a_bill_after_a_loss_of_power_finds_its_guest_by_the_session(hotel: Hotel) -> None:
    hotel.start()
    hotel.wait(15, 2_000)
    for _ in range(6):
        hotel.power_cycle()
    assert hotel.phase() is Phase.FINISHED
    hotel.link_up()
    hotel.sense(0)
    hotel.bills("req-of-another-boot", "ses-of-another-guest")
    assert hotel.views[0].qr is None
    hotel.bills("req-of-another-boot", "ses")
    assert hotel.views[0].refund_minor == 180
