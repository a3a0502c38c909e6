"""An example: a message, and what it is one of."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from coinslot.wire.messages import (
    Down,
    Up,
)
from coinslot.wire.records import Record

Anything: TypeAlias = Up | Down | Record


class Example(Struct, frozen=True):
    """A message and what it is an example of."""

    name: str
    message: Anything
