"""Actions: what the shell does for the core, strictly in this order, each one a possible crash point."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from coinslot.terminal.entries import Entry
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Up, Update


class Append(Struct, frozen=True):
    """Add one line to the journal and force it to disk before the next action."""

    entry: Entry
    line: bytes


class Note(Struct, frozen=True):
    """Add one line that may be lost with the power; the next `Append` forces it too."""

    entry: Entry
    line: bytes


class Rewrite(Struct, frozen=True):
    """Replace the whole journal by these lines, durably, all or nothing."""

    lines: tuple[bytes, ...]


class OpenValve(Struct, frozen=True):
    """Let an outlet run."""

    outlet: int
    credits: int | None = None
    """How many a new session has paid for, where the outlet counts them; never again when it goes on after a pause
    or a loss of power."""


class ShutValve(Struct, frozen=True):
    """Stop an outlet. Must work whatever else fails."""

    outlet: int


class Send(Struct, frozen=True):
    """Publish a message; nothing is said when it is lost."""

    message: Up


class Display(Struct, frozen=True):
    """Put rows, and perhaps a QR code, on an outlet's display; `view` says the same for one with buttons."""

    outlet: int
    lines: tuple[str, ...]
    """As many as the outlet's display has, none wider."""
    qr: str | None = None
    view: View = View(phase=Phase.READY)


class Connect(Struct, frozen=True):
    """Connect with this link number, its will first; answer with `LinkUp` or `LinkDown`."""

    link: int


class Disconnect(Struct, frozen=True):
    """Drop the connection, if there is one."""


class Offered(Struct, frozen=True):
    """An update was announced: have it judged, and perhaps loaded, beside everything else."""

    update: Update


class Restart(Struct, frozen=True):
    """End the program so that it starts from what was put in place; nobody uses the appliance now."""


Action: TypeAlias = (
    Append
    | Note
    | Rewrite
    | OpenValve
    | ShutValve
    | Send
    | Display
    | Connect
    | Disconnect
    | Offered
    | Restart
)
