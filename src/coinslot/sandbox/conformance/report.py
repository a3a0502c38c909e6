"""What came of a run, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from coinslot.sandbox.conformance.rule import Rule, Weight

MOST_LINES = 12
"""Of the wire, beside a rule that was broken."""


class Result(StrEnum):
    """What came of one rule."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not tried; the reason says what would help."""


class Verdict(Struct, frozen=True, kw_only=True):
    """One rule, and what was seen."""

    number: str
    name: str
    sentence: str
    weight: Weight
    where: str
    result: Result
    why: str = ""
    """Why it failed, or was not tried."""
    seen: list[str] = []
    """The wire while it was tried: the last lines."""
    seconds: float = 0.0


class Report(Struct, frozen=True, kw_only=True):
    """The whole run."""

    terminal: str
    firmware: str
    verdicts: list[Verdict]
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether no rule was broken."""
        return not self.of(Result.FAILED)

    def of(self, result: Result) -> list[Verdict]:
        """The verdicts with this result."""
        return [one for one in self.verdicts if one.result is result]

    @property
    def summary(self) -> str:
        """One line."""
        counts = ", ".join(f"{len(self.of(result))} {result}" for result in Result)
        return f"{counts}; {self.seconds:.1f} s"

    def json(self) -> bytes:
        """For a program."""
        return msgspec.json.encode(
            {
                "terminal": self.terminal,
                "firmware": self.firmware,
                "kept": self.kept,
                "seconds": round(self.seconds, 1),
                "rules": self.verdicts,
            }
        )


def verdict(rule: Rule, result: Result, why: str, seen: Sequence[object], seconds: float) -> Verdict:
    """What came of a rule."""
    return Verdict(
        number=rule.number,
        name=rule.name,
        sentence=rule.sentence,
        weight=rule.weight,
        where=rule.where,
        result=result,
        why=why,
        seen=[str(one) for one in seen][-MOST_LINES:],
        seconds=round(seconds, 2),
    )


def lines(one: Verdict, *, wire: bool) -> Iterable[str]:
    """A verdict in plain text; `wire`: with what was seen."""
    mark = {Result.PASSED: "✓", Result.FAILED: "✗", Result.SKIPPED: "–"}[one.result]
    yield f"{mark} {one.number:<5} {one.name:<24} {one.sentence}"
    if one.why:
        yield f"        {one.result}: {one.why}"
    if one.result is Result.FAILED:
        yield f"        the rule: {one.where} ({one.weight})"
    if wire or one.result is Result.FAILED:
        yield from (f"        {line}" for line in one.seen)
