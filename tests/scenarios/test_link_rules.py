"""What the link promises about journals, commands and faults, and the tests that prove each. A rule without its test is a
failure here.

Core: the terminal's pure core on a bench that loses power. Cuts: the agent killed at every line it writes. Books: the
server's transactions on real PostgreSQL with a terminal played by hand. Link: the real agent over a real broker. What
`coinslot conformance` holds against any firmware stands in docs/link/rules.md.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]

_JOURNAL: Final = "unit/terminal/test_journal"
_LINKING: Final = "unit/terminal/test_linking"
_SESSIONS: Final = "unit/terminal/test_sessions"
_POWER: Final = "unit/terminal/test_power"
_FAULTS: Final = "unit/terminal/test_faults"
_CODES: Final = "unit/terminal/test_codes"
_OFFLINE: Final = "unit/terminal/test_offline_codes"
_BY_CODE: Final = "unit/terminal/test_code_faults"
_CUTS: Final = "scenarios/test_terminal_crashes"
_CLOCKS: Final = "scenarios/test_terminal_faults"
_BROKER: Final = "scenarios/test_broker_faults"
_BOOKS: Final = "postgres/settlement/test_link_faults"
_BOOKS_BY_CODE: Final = "postgres/offline/test_faults_by_code"
_PROMISES: Final = "postgres/offline/test_codes_without_a_link"

RULES: Final[dict[str, tuple[str, ...]]] = {
    # ------------------------------------------------------------ records
    "`started` is on disk before the valve opens, `stopped` after it has shut": (
        f"{_SESSIONS}::test_started_is_on_disk_before_the_valve_opens_and_stopped_after_it_has_shut",
        f"{_CUTS}::test_a_valve_that_opens_before_the_line_is_on_disk_is_found",
        f"{_CUTS}::test_an_end_that_is_written_before_the_valve_has_shut_is_found",
    ),
    "a journal cut or spoiled at any byte is read up to there, and never read wrongly": (
        f"{_JOURNAL}::test_cut_anywhere_the_whole_lines_before_remain_and_nothing_is_called_damage",
        f"{_JOURNAL}::test_any_flipped_byte_costs_lines_but_never_changes_one",
        f"{_JOURNAL}::test_damage_begins_a_new_epoch_with_the_records_that_were_left",
    ),
    "one message in flight, of at most sixteen records in order, sent again ever more rarely": (
        f"{_LINKING}::test_one_message_in_flight_of_at_most_sixteen_records_in_order",
        f"{_LINKING}::test_backoff_grows_to_its_cap_and_differs_between_terminals",
    ),
    "an acknowledgement means durably the server's, in one commit with its effects": (
        f"{_BROKER}::test_an_acknowledgement_that_died_with_the_broker_costs_nothing",
        "scenarios/test_crash_points::test_a_server_killed_at",
        f"{_LINKING}::test_an_ack_of_what_was_never_sent_is_not_believed",
    ),
    "a record sent again has no second effect": (
        f"{_PROMISES}::test_made_used_without_the_link_and_settled_once_when_it_is_back",
        f"{_BROKER}::test_a_final_record_that_died_with_the_broker_is_said_again",
    ),
    "what cannot be accepted is kept for a person, acknowledged, and blocks nothing behind it": (
        f"{_BOOKS}::test_a_record_for_an_ended_session_waits_for_a_person_and_blocks_nobody",
        f"{_BOOKS}::test_an_unreadable_record_is_kept_acknowledged_and_passed_by",
        f"{_BOOKS}::test_stopped_before_started_is_held_back_and_settles_once",
    ),
    "acknowledged records stay while there is room, and a gap is sent again or said to be lost": (
        f"{_LINKING}::test_acknowledged_records_stay_over_a_reboot",
        f"{_LINKING}::test_a_restored_server_gets_the_acknowledged_records_again",
        f"{_LINKING}::test_a_wanted_record_that_is_gone_is_said_to_be_lost_and_the_rest_follows",
        f"{_BOOKS}::test_lost_records_go_to_review_and_the_rest_goes_on",
    ),
    "a journal that was rolled back begins a new epoch; a new one settles the old one's sessions": (
        f"{_LINKING}::test_a_restored_journal_begins_a_new_epoch_and_moves_unacknowledged_records_there",
        f"{_BOOKS}::test_a_rolled_back_journal_must_be_renewed",
        f"{_BOOKS}::test_a_new_journal_settles_the_old_ones_sessions_at_their_last_checkpoint",
    ),
    # ------------------------------------------------------------ commands
    "a command acts once and is answered once, whatever the power does": (
        f"{_SESSIONS}::test_the_same_command_twice_opens_once_and_is_answered_once",
        f"{_SESSIONS}::test_the_same_command_after_a_reboot_is_not_answered_again",
        f"{_BROKER}::test_a_start_said_ten_times_opens_once_even_after_the_end_and_on_a_new_link",
    ),
    "a command that is late, or made for another link, opens nothing": (
        f"{_SESSIONS}::test_a_start_runs_until_the_last_millisecond_before_it_expires",
        f"{_SESSIONS}::test_a_start_for_the_former_link_is_declined_after_a_reconnect",
        f"{_BROKER}::test_a_start_that_comes_too_late_opens_nothing",
    ),
    "link time is counted from sending the first hello, and links rise": (
        f"{_LINKING}::test_link_time_counts_from_sending_the_first_hello_not_a_later_one",
        f"{_LINKING}::test_a_link_number_is_saved_before_it_is_used_and_rises_over_reboots",
        f"{_BOOKS}::test_a_lower_link_is_not_heard_and_raises_an_alarm",
    ),
    "silence is unknown, and a hold goes back for it only by proof": (
        f"{_BOOKS}::test_silence_is_unknown_and_the_hold_stays_until_proof",
        f"{_BOOKS}::test_a_hello_that_names_unseen_records_proves_nothing_before_they_are_here",
        f"{_BROKER}::test_a_start_that_died_with_the_broker_is_returned_by_proof",
        f"{_PROMISES}::test_a_start_that_silence_disproves_leaves_the_promise_and_its_hold",
    ),
    "on boot everything is shut first, and what was open ends once at its last certain register": (
        f"{_POWER}::test_power_loss_closes_the_session_at_the_last_certain_register",
        f"{_CUTS}::test_a_boot_that_does_not_shut_first_is_found",
    ),
    # ------------------------------------------------------------ codes
    "what tells of a code burns it in the same write": (
        f"{_OFFLINE}::test_power_lost_at_any_action_of_an_acceptance_leaves_it_whole_or_undone",
        f"{_OFFLINE}::test_power_lost_at_any_action_of_a_burning_leaves_it_burnt_or_usable",
        f"{_OFFLINE}::test_power_lost_at_any_action_of_a_start_under_a_code_burns_it_with_its_answer",
    ),
    "a wrong code is on disk before anybody reads of it": (
        f"{_CODES}::test_a_wrong_code_is_on_disk_before_anybody_reads_of_it",
        f"{_CODES}::test_power_cut_at_any_action_of_a_wrong_answer_never_shows_what_is_not_on_disk",
    ),
}

FAULTS: Final[dict[str, tuple[str, ...]]] = {
    "the link dies after it has opened: it closes itself at the limit": (
        f"{_SESSIONS}::test_the_volume_limit_cuts_within_one_step_of_the_meter_without_a_link",
        f"{_BROKER}::test_a_link_that_dies_after_the_valve_has_opened_ends_at_the_limit_by_itself",
        f"{_BY_CODE}::test_the_link_dies_after_a_code_has_opened_and_it_closes_itself_at_its_limit",
        f"{_OFFLINE}::test_a_code_opens_without_a_link_under_the_terms_and_closes_at_their_limit",
    ),
    "the clock says 1970, yesterday, ten years on, 29 February, midnight: durations come from ticks": (
        f"{_CLOCKS}::test_durations_come_from_ticks_whatever_the_wall_clock_says",
        f"{_BOOKS}::test_the_terminals_clock_has_no_say_in_duration_or_charge",
        f"{_BY_CODE}::test_how_long_a_code_s_use_lasted_comes_from_ticks_whatever_the_wall_clock_says",
        f"{_BOOKS_BY_CODE}::test_a_clock_without_a_link_has_no_say_in_how_long_a_code_lasted_or_what_it_cost",
    ),
    "the journal is full: only superseded checkpoints go, starts are declined, ends have room": (
        f"{_JOURNAL}::test_a_nearly_full_journal_declines_starts_and_keeps_every_record_but_superseded_checkpoints",
        f"{_JOURNAL}::test_a_long_session_in_a_nearly_full_journal_still_gets_its_end_written",
        f"{_BY_CODE}::test_a_journal_full_of_codes_declines_burns_nothing_and_drops_only_superseded_checkpoints",
    ),
    "the valve says shut and water flows on: a fault, billing stops, the operator sees the alarm": (
        f"{_FAULTS}::test_the_valve_says_shut_and_water_flows_on_so_billing_stops_before_it",
        f"{_BOOKS}::test_flow_while_shut_closes_the_outlet_to_business_until_it_is_over",
        f"{_BY_CODE}::test_the_valve_says_shut_and_water_flows_on_so_billing_of_a_code_stops_before_it",
        f"{_BOOKS_BY_CODE}::"
        "test_the_valve_says_shut_and_water_flows_on_so_billing_stops_and_the_operator_is_alarmed",
    ),
    "a final record that is refused a hundred times is still kept": (
        f"{_LINKING}::test_silence_makes_resends_grow_rarer_and_a_hundred_of_them_lose_nothing",
        f"{_BY_CODE}::test_the_end_of_a_code_s_use_refused_a_hundred_times_is_still_kept",
    ),
    "the agent is killed at each write of its journal with the valve open: shut, and reported": (
        f"{_CUTS}::test_after_every_cut_the_valve_is_shut_the_journal_whole_and_each_session_settled_once",
        f"{_CUTS}::test_a_recovery_that_is_cut_again_comes_right_too",
        f"{_CLOCKS}::test_a_terminal_killed_with_its_valve_open_reports_its_last_register_and_settles_once",
    ),
    "a keypad is swept: the lock grows, outlives power cuts, and a guess stays below one in a million": (
        f"{_CODES}::test_a_sweep_of_three_days_gets_33_tries_a_day_whatever_is_done_to_the_power",
        f"{_CODES}::test_a_loss_of_power_forgets_no_try_and_shortens_no_lock",
        "unit/access/test_odds::test_each_kind_at_its_most_is_below_one_in_a_million",
        "unit/access/test_odds::test_however_codes_are_made_no_keypad_gets_beyond_it",
        "postgres/codes/test_guarded_keypads::test_a_day_of_tries_is_33",
    ),
    "a used code comes again after a reboot, at the counter's end, with the clock set back: refused": (
        f"{_OFFLINE}::test_the_same_code_again_is_refused_after_a_reboot_a_rewrite_and_a_clock_set_back",
        f"{_OFFLINE}::test_used_counts_survive_the_loss_of_every_acknowledged_record",
        "unit/access/test_offline::test_a_counter_never_rolls_over",
        "scenarios/test_codes_without_a_link::"
        "test_the_terminals_word_alone_gives_money_back_and_no_code_opens_twice",
    ),
}


@functools.cache
def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def _is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path = TESTS / f"{file}.py"
    return path.is_file() and name.startswith("test_") and name in _tests_in(path)


@pytest.mark.parametrize("rule", [*RULES, *FAULTS])
def test_each_rule_is_proven(rule: str) -> None:
    tests = {**RULES, **FAULTS}[rule]
    assert [test for test in tests if not _is_there(test)] == []
    assert len(set(tests)) == len(tests) > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_tried_with_showers_by_code_too(fault: str) -> None:
    modules = (_CODES, _OFFLINE, _BY_CODE, _BOOKS_BY_CODE, _CUTS)  # the cuts' stories have codes among them
    assert [test for test in FAULTS[fault] if test.partition("::")[0] in modules]
