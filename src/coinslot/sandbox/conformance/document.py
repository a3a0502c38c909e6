"""The page of all rules: `python -m coinslot.sandbox.conformance.document docs/link/rules.md`, or `--check` it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from coinslot.sandbox.conformance.rule import Rule
from coinslot.sandbox.conformance.rules import SECTIONS

_HEAD = """\
# What a terminal must keep

Every rule of [the link](README.md) that can be seen from outside, as `coinslot conformance` tries it. How to run it:
[write a terminal](../terminal/write-a-terminal.md#run-the-suite). This page is made from the rules' own code by
`python -m coinslot.sandbox.conformance.document docs/link/rules.md`.

**must**: money or safety; no terminal may go to a wall without it. **should**: people or costs; it works without, and
less well. **where it has one**: a part that not every terminal has; whoever has it must keep the rule. *Needs* names
what takes more than the wire: the power cut, keys pressed, the tap behind the valve closed. *Long* ones take up to minutes
and are tried with `--long`.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for section in SECTIONS:
        parts.append(f"\n## {section.number}. {section.title}\n\n")
        parts.append("| | rule | what a terminal keeps | how strictly | needs |\n|---|---|---|---|---|\n")
        parts.extend(_row(rule) for rule in section.rules)
    return "".join(parts)


def headings(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made from their words."""
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", one.lower()).replace(" ", "-") for one in found}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when `--check` finds the page stale."""
    parser = argparse.ArgumentParser(
        prog="python -m coinslot.sandbox.conformance.document", description=__doc__
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether it is current")
    options = parser.parse_args(arguments)
    if not options.check:
        options.page.write_text(page(), encoding="utf-8")
        return 0
    if options.page.is_file() and options.page.read_text(encoding="utf-8") == page():
        return 0
    print(f"stale: {options.page}; run {parser.prog} {options.page}", file=sys.stderr)
    return 1


def _row(rule: Rule) -> str:
    needs = ", ".join([*sorted(str(need) for need in rule.needs), *(["long"] if rule.long else [])])
    sentence = rule.sentence.replace("|", "\\|")
    return f"| {rule.number} | `{rule.name}` | [{sentence}](README.md#{rule.anchor}) | {rule.weight} | {needs} |\n"


if __name__ == "__main__":
    raise SystemExit(main())
