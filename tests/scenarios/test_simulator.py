"""A thousand seeded days with every fault, and proof that a broken rule would not go unseen."""

from __future__ import annotations

import pytest

from coinslot.sandbox.simulator.plan import Plan
from coinslot.sandbox.simulator.run import one, some
from coinslot.sandbox.simulator.violation import Violation
from coinslot.sandbox.simulator.world import World
from tests.scenarios.planted import PLANTS, Plant

PLAN = Plan(sessions=8, terminals=2)
CHUNK = 100
FOUND_WITHIN = 400
"""Schedules in which a planted bug has to show; most show in the first ten."""


@pytest.mark.parametrize(
    "first",
    [
        *range(0, 100, CHUNK),
        *(pytest.param(first, marks=pytest.mark.long) for first in range(100, 1000, CHUNK)),
    ],
)
def test_no_schedule_breaks_a_rule(first: int) -> None:
    found = [outcome for outcome in some(first, CHUNK, PLAN) if isinstance(outcome, Violation)]
    assert not found, "\n".join(map(str, found))


# These two show only in some hundred schedules, half a minute each.
RARE = {"opens_for_another_link", "shares_what_was_paid_with_bonus"}


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(
            plant, marks=pytest.mark.long if at % 2 or plant.__name__ in RARE else (), id=plant.__name__
        )
        for at, plant in enumerate(PLANTS)
    ],
)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = next(
        (it for it in (one(seed, PLAN) for seed in range(FOUND_WITHIN)) if isinstance(it, Violation)), None
    )
    assert found is not None, "the rule it breaks is watched by nobody"
    print(f"{plant.__name__}: {found.why}")


def test_one_seed_is_one_run_to_the_letter() -> None:
    traces: list[list[str]] = [[], []]
    for trace in traces:
        World(7, PLAN, trace.append).run()
    assert traces[0]
    assert traces[0] == traces[1]


def test_a_violation_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[0](monkeypatch)
    found = next(it for it in (one(seed, PLAN) for seed in range(FOUND_WITHIN)) if isinstance(it, Violation))
    again = one(found.seed, PLAN)
    assert isinstance(again, Violation)
    assert (again.step, again.why) == (found.step, found.why)
    assert f"--seed {found.seed} --sessions 8 --terminals 2 --trace" in found.command
