"""Which agreement is in force: the most specific, by the operator's days, never two at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot.sharing import Agreement, Agreements, Part, PartyId, Place, Target, choose, freeze
from coinslot.sharing.model import AgreementId
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId

HALL, ANNEX = SiteId("hall"), SiteId("annex")
HERE = Place(HALL, "shower", ApplianceId("s1"))
NOON = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
BEGIN = date(2026, 1, 1)

ALL = Target()
KIND = Target(kind="shower")
SITE = Target(site=HALL)
KIND_AT_SITE = Target(site=HALL, kind="shower")
ONE = Target(appliance=ApplianceId("s1"))


def agreement(name: str, target: Target = ALL, first: date = BEGIN, last: date | None = None) -> Agreement:
    return Agreement(
        operator_id=OperatorId("op"), agreement_id=AgreementId(name), version=1, name=name, target=target,
        valid_from=first, valid_to=last, bonus_shared=False, parts=(Part(PartyId("hotel"), 300_000),),
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def in_force(*every: Agreement, where: Place = HERE, when: datetime = NOON) -> str | None:
    found = {
        None if one is None else one.agreement_id
        for one in (Agreements("Asia/Shanghai", order).find(where, when) for order in (every, every[::-1]))
    }
    assert len(found) == 1, "it depends on the order in which they are read"
    return found.pop()


RANKED = [ONE, KIND_AT_SITE, SITE, KIND, ALL]


@pytest.mark.parametrize("best", range(len(RANKED)))
def test_the_most_specific_wins(best: int) -> None:
    every = [agreement(f"a{at}", RANKED[at]) for at in range(best, len(RANKED))]
    assert in_force(*every) == f"a{best}"


@pytest.mark.parametrize(
    "target",
    [
        Target(site=ANNEX),
        Target(kind="dryer"),
        Target(site=HALL, kind="dryer"),
        Target(appliance=ApplianceId("s2")),
    ],
)
def test_what_is_about_something_else_is_not_in_force(target: Target) -> None:
    assert in_force(agreement("a", target)) is None


def test_days_are_the_operators() -> None:
    june = agreement("june", first=date(2026, 6, 1), last=date(2026, 6, 30))
    assert in_force(june, when=datetime(2026, 5, 31, 15, 59, 59, tzinfo=UTC)) is None
    assert in_force(june, when=datetime(2026, 5, 31, 16, 0, tzinfo=UTC)) == "june"
    assert in_force(june, when=datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC)) == "june"
    assert in_force(june, when=datetime(2026, 6, 30, 16, 0, tzinfo=UTC)) is None


def test_days_follow_the_clock_through_a_change_of_time() -> None:
    late = agreement("late", first=date(2026, 3, 29), last=date(2026, 3, 29))  # a day of 23 hours in Paris
    paris = Agreements("Europe/Paris", [late])
    begins = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    assert choose(paris, HERE, begins - timedelta(seconds=1)) is None
    assert choose(paris, HERE, begins) is not None
    assert choose(paris, HERE, begins + timedelta(hours=22, minutes=59)) is not None
    assert choose(paris, HERE, begins + timedelta(hours=23)) is None


def test_a_season_within_one_without_end_wins_while_it_lasts() -> None:
    whole, season = agreement("whole"), agreement("season", first=date(2026, 6, 1), last=date(2026, 6, 30))
    assert in_force(whole, season) == "season"
    assert in_force(whole, season, when=NOON + timedelta(days=30)) == "whole"


def test_of_two_that_begin_together_the_later_made_wins_then_the_greater_id() -> None:
    one, other = agreement("x"), replace(agreement("a"), made_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert in_force(one, other) == "a"
    assert in_force(agreement("a"), agreement("b")) == "b"


def test_a_less_specific_one_counts_where_the_more_specific_is_over() -> None:
    assert in_force(agreement("one", ONE, last=date(2026, 6, 14)), agreement("all")) == "all"


def test_one_that_was_ended_before_it_began_is_never_in_force() -> None:
    never = agreement("never", first=date(2026, 6, 15), last=date(2026, 6, 14))
    assert in_force(never) is None


def test_what_a_start_keeps_is_what_was_chosen_whenever_it_asks() -> None:
    every = Agreements("Asia/Shanghai", [agreement("june", first=date(2026, 6, 1), last=date(2026, 6, 30))])
    midnight = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
    for when in (NOON, midnight - timedelta(seconds=1), midnight, NOON, midnight, NOON):
        for where in (HERE, Place(ANNEX, "dryer", ApplianceId("d1")), HERE):
            chosen = choose(every, where, when)
            assert every.frozen_text(where, when) == ("" if chosen is None else freeze(chosen))


def test_what_is_frozen_says_which_version() -> None:
    found = choose(Agreements("UTC", [replace(agreement("a"), version=7)]), HERE, NOON)
    assert found is not None
    assert (found.agreement, found.version, found.parts) == ("a", 7, (Part(PartyId("hotel"), 300_000),))
