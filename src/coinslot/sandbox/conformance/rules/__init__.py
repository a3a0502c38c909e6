"""The rules of the link, one module for each section.

Owns: what each rule says, how it is tried, and where it stands in the documents.
Does not decide: how bytes travel (`stand`), what a server answers by itself (`clerk`).
Invariants: a rule needs nothing of the rules before it; each names one fault, and a terminal with that fault alone
breaks that rule alone.
"""

from __future__ import annotations

from coinslot.sandbox.conformance.rule import Rule, Section
from coinslot.sandbox.conformance.rules import (
    connection,
    keypad,
    offline,
    power,
    records,
    robustness,
    standing,
    starting,
    telling,
    updates,
    use,
)

SECTIONS: tuple[Section, ...] = (
    connection.SECTION,
    records.SECTION,
    starting.SECTION,
    use.SECTION,
    telling.SECTION,
    power.SECTION,
    robustness.SECTION,
    offline.SECTION,
    updates.SECTION,
    keypad.SECTION,
    standing.SECTION,
)
"""In the order they are tried: what locks a keypad for a minute comes last."""

RULES: tuple[Rule, ...] = tuple(rule for section in SECTIONS for rule in section.rules)


def find(text: str) -> Rule | None:
    """A rule by its number or its name."""
    return next((rule for rule in RULES if text in (rule.number, rule.name)), None)
