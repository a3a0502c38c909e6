"""Messages and records whose exact bytes every implementation must read, and write alike."""

from __future__ import annotations

from coinslot.wire.documents.example import Anything, Example
from coinslot.wire.documents.example_records import RECORD_EXAMPLES
from coinslot.wire.documents.examples_down import DOWN_EXAMPLES
from coinslot.wire.documents.examples_up import UP_EXAMPLES

__all__ = ["EXAMPLES", "Anything", "Example"]

EXAMPLES: tuple[Example, ...] = (
    *(Example(name, record) for name, record in RECORD_EXAMPLES),
    *UP_EXAMPLES,
    *DOWN_EXAMPLES,
)
"""All of them; their names are unique."""
