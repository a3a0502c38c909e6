"""The link's messages as they pass, for the wall: bounded, short, and without what somebody typed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from coinslot.web.wall.port import LinkLine
from coinslot.wire.ids import TerminalId
from coinslot.wire.topics import Channel, every, parse_subject

_KEPT = 100
_LONGEST = 180
_FREQUENT = frozenset({"readings", "alive"})
_FREQUENT_EVERY_S = 2.0
"""Between two of the same terminal that are shown; a watched session has one each second."""
_BURST = 20.0
_PER_S = 5.0
_UNSAID = {"quote": "…", "digits": "••••", "key": "••••", "starting_code": "••••"}
"""Too long for a line; what a customer typed; what codes for the time without a link are made with."""


class LinkLog:
    """Keeps the last lines; what exceeds its rate is counted and left out."""

    def __init__(self, names: Mapping[TerminalId, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._names = names
        self._clock = clock
        self._lines: deque[LinkLine] = deque(maxlen=_KEPT)
        self._number = 0
        self._skipped = 0
        self._frequent_at: dict[tuple[TerminalId, object, str], float] = {}
        self._left = _BURST
        self._left_at = clock()

    async def start(self, client: Client) -> None:
        """Listen from now on."""
        for channel in Channel:
            await client.subscribe(every(channel), cb=self._hear)

    def lines(self) -> tuple[LinkLine, ...]:
        """The latest, the newest last."""
        return tuple(self._lines)

    async def _hear(self, message: Msg) -> None:
        self.note(message.subject, message.data)

    def note(self, subject: str, data: bytes) -> None:
        """Take one message; others' subjects and terminals are passed over."""
        try:
            terminal, channel = parse_subject(subject)
        except ValueError:
            return
        name = self._names.get(terminal)
        if name is None:
            return
        fields = _fields(data)
        kind = str(fields.pop("type", "?"))[:20]
        if not self._has_room(terminal, fields.get("outlet"), kind):
            self._skipped += 1
            return
        self._number += 1
        skipped, self._skipped = self._skipped, 0
        self._lines.append(
            LinkLine(
                number=self._number,
                at_ms=time.time_ns() // 1_000_000,
                name=name,
                up=channel is not Channel.DOWN,
                kind=kind,
                text=_short(fields),
                skipped=skipped,
            )
        )

    def _has_room(self, terminal: TerminalId, outlet: object, kind: str) -> bool:
        now_s = self._clock()
        if kind in _FREQUENT:
            key = (terminal, outlet if isinstance(outlet, int) else None, kind)
            if now_s - self._frequent_at.get(key, -_FREQUENT_EVERY_S) < _FREQUENT_EVERY_S:
                return False
            self._frequent_at[key] = now_s
        self._left = min(_BURST, self._left + (now_s - self._left_at) * _PER_S)
        self._left_at = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _fields(data: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def _short(fields: dict[str, object]) -> str:
    said = {name: _UNSAID.get(name, value) for name, value in fields.items() if name != "link"}
    text = msgspec.json.encode(said).decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
