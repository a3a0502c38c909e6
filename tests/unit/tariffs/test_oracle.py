"""The code and an independent reading of the rules agree."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.tariffs.oracle import Outcome, check, make_session, make_tariff, run


def test_twenty_thousand_seeded_cases_do_not_differ() -> None:
    outcomes = run(20_000, seed=1)
    assert all(outcomes[outcome] > 1_000 for outcome in Outcome), outcomes


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**64))
def test_any_seed_s_tariff_agrees(seed: int) -> None:
    rng = random.Random(seed)
    check(make_session(rng, make_tariff(rng)))
