"""The suite against the reference agent, in virtual time: as it is, and with one thing wrong at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coinslot.sandbox.conformance.document import headings, page
from coinslot.sandbox.conformance.report import Result
from coinslot.sandbox.conformance.rule import Rule
from coinslot.sandbox.conformance.rules import RULES, find
from tests.support.conformance import Plant, report_of
from tests.unit.conformance import plants

QUICK = tuple(rule for rule in RULES if not rule.long)
DOCS = Path(__file__).parents[3] / "docs" / "link"

PLANTED: tuple[tuple[Callable[[], Plant], set[str]], ...] = (
    (plants.OneNumberEachBoot, {"link-rises"}),
    (plants.NumbersInMemory, {"link-outlives-power"}),
    (plants.SkipsANumber, {"no-gap"}),
    (lambda: plants.AnswersAgain(opened=True), {"start-twice"}),
    (lambda: plants.AnswersAgain(opened=False), {"declined-twice"}),
    (plants.ObeysExpired, {"expired", "link-time"}),
    (plants.CountsFromWelcome, {"link-time"}),
    (plants.ForgetsStops, {"stop-is-sticky", "stop-outlives-link", "stop-outlives-power"}),
    (plants.ForgetsStopsInTheDark, {"stop-outlives-power"}),
    (plants.AnyLink, {"wrong-link"}),
    (plants.NoLimits, {"limits"}),
    (plants.DiesOfTomorrow, {"unknown-types"}),
    (plants.TakesOversized, {"oversized"}),
    (plants.GivesUpWithTheLink, {"link-lost", "link-lost-stop"}),
    (plants.FirstHelloLate, {"hello-first"}),
    (plants.HalfMillilitres, {"valid"}),
    (plants.StaleSession, {"clean-session"}),
    (plants.OldWill, {"will"}),
)


def test_the_reference_agent_keeps_every_rule() -> None:
    report = report_of(RULES)

    assert [(one.name, one.why) for one in report.of(Result.FAILED)] == []
    assert {one.name for one in report.of(Result.SKIPPED)} <= {"unsigned-update"}


def near(names: set[str]) -> tuple[Rule, ...]:
    """The sections of these rules, and what is judged of the whole run; all of them where that is what is wrong."""
    judged = {rule.name for rule in RULES if rule.judge is not None}
    sections = {rule.number.partition(".")[0] for rule in RULES if rule.name in names | judged}
    every = bool(names & judged)
    return tuple(
        rule for rule in RULES if not rule.long and (every or rule.number.partition(".")[0] in sections)
    )


@pytest.mark.parametrize(
    "all_rules", [False, pytest.param(True, marks=pytest.mark.long)], ids=["near", "all"]
)
@pytest.mark.parametrize(("planted", "broken"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_wrong_is_found_by_the_rule_that_names_it_and_by_no_other(
    planted: Callable[[], Plant], broken: set[str], *, all_rules: bool
) -> None:
    report = report_of(QUICK if all_rules else near(broken), planted())

    assert {one.name for one in report.of(Result.FAILED)} == broken


def test_a_journal_in_memory_is_found_by_what_it_forgets() -> None:
    report = report_of(RULES, plants.LosesJournal())

    failed = {one.name for one in report.of(Result.FAILED)}
    assert {"journal-outlives-power", "link-outlives-power", "boot-rises"} <= failed


def test_a_rule_is_found_by_its_number_and_by_its_name() -> None:
    assert {find(rule.number) for rule in RULES} == {find(rule.name) for rule in RULES} == set(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_every_rule_names_a_heading_of_the_documents_and_the_page_of_rules_is_current() -> None:
    known = headings((DOCS / "README.md").read_text(encoding="utf-8"))

    assert {rule.anchor for rule in RULES} - known == set()
    assert (DOCS / "rules.md").read_text(encoding="utf-8") == page()
