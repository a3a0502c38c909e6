"""Many runs, one after the other or on several cores, and what they came to together."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field

from coinslot.sandbox.simulator.plan import Outcome, Plan
from coinslot.sandbox.simulator.violation import Violation
from coinslot.sandbox.simulator.world import World

CHUNK = 25
"""Runs handed to a process at once: about a second's work."""


@dataclass
class Totals:
    """All runs so far."""

    schedules: int = 0
    steps: int = 0
    virtual_ms: int = 0
    refused: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reviews: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    def add(self, outcome: Outcome | Violation) -> None:
        """Count one run."""
        self.schedules += 1
        if isinstance(outcome, Violation):
            self.violations.append(outcome)
            return
        self.steps += outcome.steps
        self.virtual_ms += outcome.virtual_ms
        self.refused += outcome.refused
        self.states.update({state.value: count for state, count in outcome.states.items()})
        self.reviews.update(outcome.reviews)
        self.faults.update({kind.value: count for kind, count in outcome.faults.items()})


def one(seed: int, plan: Plan) -> Outcome | Violation:
    """One run; a broken rule is its result, so that the others go on."""
    try:
        return World(seed, plan).run()
    except Violation as violation:
        return violation


@contextmanager
def without_log() -> Iterator[None]:
    """Keep the product's own log quiet: what it tells of are faults that are meant here."""
    log = logging.getLogger("coinslot")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def some(first: int, count: int, plan: Plan) -> list[Outcome | Violation]:
    """Runs with `count` seeds from `first` on."""
    with without_log():
        return [one(seed, plan) for seed in range(first, first + count)]


def many(first: int, count: int, plan: Plan, jobs: int) -> Iterator[Outcome | Violation]:
    """The same on `jobs` processes, as they come in."""
    chunks = [(at, min(CHUNK, first + count - at)) for at in range(first, first + count, CHUNK)]
    if jobs == 1:
        for at, size in chunks:
            yield from some(at, size, plan)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(some, at, size, plan) for at, size in chunks]):
            yield from done.result()
