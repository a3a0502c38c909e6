"""A broken rule, and how to see it again."""

from __future__ import annotations


class Broken(Exception):
    """A rule does not hold; the text says which, and where."""


class Violation(Exception):
    """A run broke a rule. `command` repeats it."""

    def __init__(self, seed: int, step: int, why: str, command: str) -> None:
        super().__init__(f"seed {seed}, step {step}: {why}\n  again: {command}")
        self.seed = seed
        self.step = step
        self.why = why
        self.command = command

    def __reduce__(self) -> tuple[type[Violation], tuple[int, int, str, str]]:
        return Violation, (self.seed, self.step, self.why, self.command)
