"""Bytes from the server that may be no message: dropped, or declined where they clearly were a start."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from coinslot.wire.codec import WireError, decode_down
from coinslot.wire.ids import Id
from coinslot.wire.messages import MAX_MESSAGE_BYTES, Down, Limits, Link, Start
from coinslot.wire.records import Outlet

_NONE = Limits(ml=1, s=1, wh=1, count=1, idle_s=1)


class BadStart(Struct, frozen=True):
    """A start whose limits, expiry or quote cannot be understood: to be declined, never run."""

    start: Start


class _StartHead(Struct, tag="start", tag_field="type"):
    link: Link
    command: Id
    session: Id
    outlet: Outlet


_head = msgspec.json.Decoder(_StartHead)


def understand(data: bytes) -> Down | BadStart | None:
    """The message, a start to decline, or nothing."""
    try:
        return decode_down(data)
    except WireError:
        if len(data) > MAX_MESSAGE_BYTES:
            return None
    try:
        head = _head.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return BadStart(
        Start(
            link=head.link,
            command=head.command,
            session=head.session,
            outlet=head.outlet,
            limits=_NONE,
            expires_at_ms=0,
            quote=Raw(b"null"),
        )
    )
