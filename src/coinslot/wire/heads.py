"""What every message has, and how long anything in one may be."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

MAX_MESSAGE_BYTES = 4096
MAX_RECORDS = 16
"""Records in one `records` message; one such message is in flight per terminal."""
MAX_SENSORS = 16
Link: TypeAlias = Annotated[int, Meta(ge=1, le=2**53 - 1)]
"""The terminal's number for one connection: persistent and rising."""
Seq: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$(?!\n)"  # a database refuses NUL in text, a terminal's display the rest
Line: TypeAlias = Annotated[str, Meta(max_length=40, pattern=_PRINTABLE)]
Text: TypeAlias = Annotated[str, Meta(max_length=64, pattern=_PRINTABLE)]


class Message(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all of them: each says on which link it was sent."""

    link: Link
