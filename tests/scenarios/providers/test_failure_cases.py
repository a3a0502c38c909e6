"""The sixteen ways in which payments fail, and the tests that prove each. A way without its test is a failure here.

`W` and `A` are tests with the real WeChat Pay and Alipay libraries over the wire of a made-up provider, `C` those of the
core on real PostgreSQL with a provider that is played, where what is tried does not depend on any wire.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import coinslot

TESTS: Final = Path(__file__).parents[2]
SOURCE: Final = Path(coinslot.__file__).parent

_W: Final = "scenarios/providers/test_wechat"
_A: Final = "scenarios/providers/test_alipay"
_BOTH: Final = "postgres/providers/test"
_C: Final = "postgres/payments/test"
WL: Final = "postgres/providers/test_wechat_to_the_ledger"
AL: Final = "postgres/providers/test_alipay_to_the_ledger"


class Proof(NamedTuple):
    """One part of a case: by which tests; why there is none with a library, where it has no such thing."""

    what: str
    wechat: tuple[str, ...] = ()
    alipay: tuple[str, ...] = ()
    core: tuple[str, ...] = ()
    no_wechat: str = ""
    no_alipay: str = ""


def _w(part: str, name: str) -> str:
    return f"{_W}_{part}::{name}"


def _a(part: str, name: str) -> str:
    return f"{_A}{part and '_' + part}::{name}"


def _c(part: str, name: str) -> str:
    return f"{_C}_{part}::{name}"


def _both(part: str, name: str) -> str:
    return f"{_BOTH}_{part}::{name}"


_BILL: Final = _both(
    "bills_to_the_ledger", "test_the_bill_finds_what_nobody_told_of_and_keeps_apart_what_nobody_asked_for"
)
_BAD_BILL: Final = _both("bills_to_the_ledger", "test_a_bill_that_cannot_be_relied_upon_changes_nothing")
_MISSING: Final = _both("bills_to_the_ledger", "test_a_line_that_is_missing_with_them_is_told_until_it_comes")
_NOT_STARTED: Final = _both(
    "failures_to_the_ledger", "test_paid_but_not_started_goes_back_exactly_once_whatever_the_wire_does"
)
_TWICE_PAID: Final = "test_two_attempts_paid_one_goes_back_though_its_refund_times_out"
_UNHEARD: Final = "test_a_create_that_nobody_heard_of_and_a_payment_that_nobody_told_of"
_WRONG: Final = "test_something_wrong_under_a_right_signature_is_put_aside"
_EARLY: Final = "test_paid_and_told_before_the_answer"

CASES: Final[dict[int, tuple[Proof, ...]]] = {
    1: (
        Proof(
            "the same notification twice and at once",
            (f"{WL}::test_a_payment_told_five_times_at_once_is_credited_once",),
            (f"{AL}::test_polled_before_it_is_scanned_and_told_five_times_at_once_it_is_credited_once",),
            (_c("duplicates", "test_each_payment_is_credited_exactly_once"),),
        ),
        Proof(
            "replayed after more than five minutes",
            (_w("notifications", "test_a_replayed_notification_is_refused_after_five_minutes"),),
            (_a("notices", "test_an_old_one_is_refused_and_a_fresh_one_only_until_it_is_old"),),
            (_c("notifications", "test_a_replay_and_a_forgery_leave_no_trace"),),
        ),
    ),
    2: (
        Proof("before create has returned", (f"{WL}::{_EARLY}",), (f"{AL}::{_EARLY}",)),
        Proof(
            "before our commit",
            core=(_c("attempts", "test_the_attempt_is_committed_before_the_provider_hears_of_it"),),
            no_wechat="there is always a row before the provider hears of an attempt",
            no_alipay="likewise",
        ),
    ),
    3: (Proof("create times out after it was accepted", (f"{WL}::{_UNHEARD}",), (f"{AL}::{_UNHEARD}",)),),
    4: (
        Proof("never told of: found by asking", (f"{WL}::{_UNHEARD}",), (f"{AL}::{_UNHEARD}",)),
        Proof("found by the bill alone", (_BILL,), (_BILL,)),
    ),
    5: (
        Proof(
            "right signature, wrong amount, app, merchant, order", (f"{WL}::{_WRONG}",), (f"{AL}::{_WRONG}",)
        ),
    ),
    6: (
        Proof(
            "a flood of forged serials",
            (_w("notifications", "test_a_flood_of_forged_serials_asks_nobody"),),
            (f"{AL}::test_forged_notifications_fill_nothing_and_the_true_one_still_counts",),
        ),
        Proof(
            "a probe",
            (_w("notifications", "test_a_probe_is_answered_as_a_failed_verification"),),
            no_alipay="it sends none",
        ),
        Proof(
            "a body that was changed, another key",
            (_w("notifications", "test_what_is_not_the_providers_is_refused_and_said_again"),),
            (_a("notices", "test_what_the_provider_has_not_signed_is_refused"),),
        ),
        Proof(
            "keys change over",
            (
                _w("notifications", "test_the_providers_key_is_changed"),
                _w("notifications", "test_the_merchants_apiv3_key_is_changed"),
            ),
            (_a("faults", "test_the_providers_key_may_change"),),
        ),
    ),
    7: (
        Proof(
            "a 2xx that was changed or is not signed",
            (_w("calls", "test_an_answer_that_is_not_proven_decides_nothing"),),
            (_a("faults", "test_an_answer_that_cannot_be_believed_is_no_answer"),),
        ),
        Proof(
            "an error that is not signed",
            (_w("calls", "test_an_unsigned_not_found_is_not_absence"),),
            (_a("faults", "test_an_answer_that_cannot_be_believed_is_no_answer"),),
        ),
    ),
    8: (
        Proof(
            "close races payment",
            (_w("calls", "test_the_payer_is_quicker_than_the_close"),),
            (f"{AL}::test_closing_what_was_just_paid_credits_it",),
        ),
        Proof(
            "paid after our end",
            (f"{WL}::test_the_payer_pays_although_it_was_closed",),
            (f"{AL}::test_the_payer_pays_although_it_was_closed",),
            (_c("attempts", "test_a_payment_after_our_expiry_counts_while_the_provider_takes_it"),),
        ),
        Proof("two attempts paid", (f"{WL}::{_TWICE_PAID}",), (f"{AL}::{_TWICE_PAID}",)),
    ),
    9: (
        Proof("no trade before it is scanned", (), (_a("", "test_a_code_is_no_trade_before_it_is_scanned"),)),
        Proof("a brace in the subject", (), (_a("", "test_braces_in_a_subject_mislead_nobody"),)),
        Proof(
            "paid once more after a part went back",
            (),
            (_a("", "test_a_part_given_back_is_told_as_paid_once_more_and_is_no_second_payment"),),
        ),
        Proof(
            "closed by a refund or by a time-out",
            (),
            (
                _a("notices", "test_out_of_order_each_still_says_that_it_was_paid"),
                _a("", "test_a_scanned_trade_ends_by_itself_and_says_that_nobody_paid"),
            ),
        ),
    ),
    10: (
        Proof(
            "times out, asked again with its number",
            (_w("calls", "test_a_refund_that_timed_out_is_asked_for_again_by_the_same_number"),),
            (_a("faults", "test_a_refund_without_an_answer_is_asked_for_again_with_its_number"),),
        ),
        Proof(
            "more than was paid",
            (_w("calls", "test_more_than_was_paid_is_not_refunded"),),
            (_a("", "test_more_than_was_paid_is_not_given_back"),),
            (_c("refunds", "test_two_hundred_who_ask_at_once_never_get_more_than_was_paid"),),
        ),
        Proof(
            "abnormal",
            (
                _both(
                    "failures_to_the_ledger", "test_a_refund_that_the_payers_account_cannot_take_is_a_persons"
                ),
            ),
            core=(_c("refunds", "test_an_abnormal_refund_is_for_a_person_who_may_try_again"),),
            no_alipay="it gives back at once or refuses",
        ),
        Proof(
            "told of before our commit",
            (_w("notifications", "test_a_notification_may_come_before_the_answer"),),
            (_a("notices", "test_a_notification_may_come_before_the_answer"),),
            (_c("refunds", "test_a_notification_of_a_refund_before_its_answer_is_stored"),),
        ),
        Proof(
            "after a split",
            (_w("shares", "test_a_refund_waits_until_what_was_shared_is_back"),),
            (_a("shares", "test_a_refund_takes_the_shares_back_itself"),),
        ),
    ),
    11: (
        Proof(
            "split too early",
            (_w("shares", "test_a_payment_is_shared_once_it_is_old_enough"),),
            (_a("shares", "test_what_may_not_be_shared_is_refused"),),
        ),
        Proof(
            "more than may be shared",
            (_w("shares", "test_more_than_may_be_shared_is_refused_for_good"),),
            (_a("shares", "test_what_may_not_be_shared_is_refused"),),
        ),
        Proof(
            "one part fails",
            (_w("shares", "test_each_part_has_an_end_of_its_own"),),
            (_a("shares", "test_each_part_of_a_payment_has_an_end_of_its_own"),),
        ),
    ),
    12: (
        Proof(
            "nobody confirms a transfer in a day",
            (_w("shares", "test_a_transfer_that_nobody_confirms_in_a_day_is_closed"),),
            (_a("shares", "test_a_transfer_arrives_fails_or_stays_under_way"),),
        ),
    ),
    13: (
        Proof(
            "killed between inbox and apply",
            core=(
                _c("crashes", "test_a_process_killed_before_and_the_next_one_after"),
                _c("notifications", "test_a_worker_that_dies_after_the_answer_has_lost_nothing"),
            ),
            no_wechat="what is killed stands behind every wire alike",
            no_alipay="likewise",
        ),
        Proof(
            "a slow handler",
            (_w("notifications", "test_a_slow_handler_is_asked_again_by_the_providers_schedule"),),
            (_a("notices", "test_it_is_said_again_by_the_providers_schedule_until_it_is_taken"),),
            (_c("notify_door", "test_a_slow_database_has_it_said_again_and_what_was_begun_is_stored_once"),),
        ),
    ),
    14: (
        Proof("not ready", (_w("bills", "test_a_bill_is_not_ready_before_ten"), _BILL), (_BILL,)),
        Proof("its link has expired, its hash is wrong", (_BAD_BILL,), (_BAD_BILL,)),
        Proof(
            "columns in another order",
            (_w("bills", "test_reordered_columns_and_lines_that_we_do_not_know"), _BILL),
            (_a("bills", "test_columns_may_change_places_and_lines_may_be_missing_or_strange"), _BILL),
        ),
        Proof(
            "midnight in Beijing",
            (_w("bills", "test_midnight_in_beijing_parts_the_days"),),
            (_a("bills", "test_midnight_is_beijings"),),
            (_c("bills", "test_a_payment_at_the_days_end_may_stand_in_the_next_bill"),),
        ),
        Proof("a line that only they have", (_BILL,), (_BILL,)),
        Proof("a line that only we have", (_MISSING,), (_MISSING,)),
    ),
    15: (
        Proof(
            "paid and not started",
            (_NOT_STARTED,),
            (_NOT_STARTED,),
            (
                _c("refunds", "test_paid_but_not_started_is_given_back_exactly_once"),
                "postgres/direct/test_guests::test_what_cannot_be_used_any_more_is_given_back",
            ),
        ),
    ),
    16: (
        Proof(
            "too many calls",
            (_w("calls", "test_refusals_of_a_refund"), _NOT_STARTED),
            (_a("faults", "test_too_many_calls_are_not_now"), _NOT_STARTED),
        ),
        Proof(
            "a storm of 500s",
            (_w("calls", "test_a_storm_of_errors_makes_one_order_and_one_refund"),),
            (_a("faults", "test_an_answer_that_cannot_be_believed_is_no_answer"),),
            (_c("attempts", "test_a_storm_of_errors_is_not_answered_by_a_storm_of_questions"),),
        ),
        Proof(
            "clocks that differ",
            (_w("calls", "test_clocks_that_differ_are_named"),),
            (_a("faults", "test_clocks_that_differ_are_named"),),
        ),
    ),
}
"""By the number under which the design lists them; the ninth is Alipay's own."""

RACES: Final = (
    _c("withdrawals", "test_a_wallet_under_two_hundred_hands_never_falls_below_zero"),
    _c("refunds", "test_two_hundred_who_ask_at_once_never_get_more_than_was_paid"),
    _c("operator_refunds", "test_many_hands_never_give_back_more_than_was_paid"),
)
"""Withdrawal, capture and refund of the same money at once."""


@functools.cache
def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def _is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path = TESTS / f"{file}.py"
    return path.is_file() and name in _tests_in(path)


@pytest.mark.parametrize("number", range(1, 17))
def test_each_case_is_proven_at_each_provider(number: int) -> None:
    for proof in CASES[number]:
        tests = (*proof.wechat, *proof.alipay, *proof.core)
        assert [test for test in tests if not _is_there(test)] == [], proof.what
        assert proof.wechat or proof.no_wechat or number == 9, f"{proof.what}: not with WeChat Pay"
        assert proof.alipay or proof.no_alipay, f"{proof.what}: not with Alipay"
        assert tests


def test_the_list_is_the_whole_list() -> None:
    assert sorted(CASES) == list(range(1, 17))
    assert all(_is_there(test) for test in RACES)


def test_nothing_reads_xml_so_that_no_entity_of_it_is_ever_followed() -> None:
    """Older interfaces of both providers speak XML; ours do not, and no parser of it is within reach."""
    readers = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            readers += [f"{path.name}: {name}" for name in names if name.split(".")[0] in ("xml", "lxml")]
    assert [each for each in readers if "saxutils" not in each] == []
