"""The only place that builds or parses a link topic, in MQTT's form and in NATS's."""

from __future__ import annotations

from enum import StrEnum

from coinslot.wire.ids import TerminalId, is_id

ROOT = "coinslot"
VERSION = "1"


class Channel(StrEnum):
    """The three channels of one terminal."""

    UP = "up"
    """Terminal to server."""
    DOWN = "down"
    """Server to terminal."""
    GONE = "gone"
    """The terminal's last will."""


def topic(terminal: TerminalId, channel: Channel) -> str:
    """The MQTT topic, for the terminal's side. ValueError on an id that could widen it."""
    return "/".join(_parts(terminal, channel))


def subject(terminal: TerminalId, channel: Channel) -> str:
    """The same channel as the broker's own subject, for the server's side."""
    return ".".join(_parts(terminal, channel))


def every(channel: Channel) -> str:
    """The subject that matches one channel of every terminal."""
    return f"{ROOT}.{VERSION}.*.{channel.value}"


def parse_subject(text: str) -> tuple[TerminalId, Channel]:
    """Whose and which channel a subject is. ValueError when it is none of ours."""
    parts = text.split(".")
    if len(parts) != 4 or parts[0] != ROOT or parts[1] != VERSION or not is_id(parts[2]):
        raise ValueError(f"not a link subject: {text[:80]!r}")
    return TerminalId(parts[2]), Channel(parts[3])


def _parts(terminal: TerminalId, channel: Channel) -> tuple[str, str, str, str]:
    if not is_id(terminal):
        raise ValueError(f"not a terminal id: {terminal[:80]!r}")
    return ROOT, VERSION, terminal, channel.value
