"""Events: everything that can happen to a terminal. Time is an argument of `Core.handle`, not a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from coinslot.wire.ids import Id
from coinslot.wire.messages import Down, UpdateKind, UpdateStep
from coinslot.wire.registers import Registers


class Boot(Struct, frozen=True, kw_only=True):
    """The program started, the outputs are shut and the journal has been read.

    `seed` is random and new at each boot; the ids of epochs made in this boot begin with it.
    `damaged` says that the journal had a bad line before its end. `wall_ms` is the board's clock,
    None where it is not to be believed.
    """

    lines: tuple[bytes, ...]
    seed: Id
    damaged: bool = False
    wall_ms: int | None = None


class LinkUp(Struct, frozen=True):
    """The connection that `Connect(link)` asked for stands and is subscribed."""

    link: int


class LinkDown(Struct, frozen=True):
    """That connection failed or ended."""

    link: int


class MessageReceived(Struct, frozen=True):
    """A message of the server's."""

    message: Down


class BytesReceived(Struct, frozen=True):
    """The same, not yet parsed; bytes that are no message are dropped or declined."""

    data: bytes


class MeterRead(Struct, frozen=True):
    """What an outlet's meter shows. To be fed often while in use: limits are kept at each one."""

    outlet: int
    registers: Registers


class MeterFailed(Struct, frozen=True):
    """The meter did not answer."""

    outlet: int


class StopKey(Struct, frozen=True):
    """The stop key of an outlet was pressed."""

    outlet: int


class KeyPressed(Struct, frozen=True):
    """A key of an outlet's keypad: `0`…`9`, `*` (one digit back, back; pause and go on while in use) or `#` (confirm;
    stop while in use)."""

    outlet: int
    key: str


class PackageChosen(Struct, frozen=True):
    """Somebody picked a package and a way to pay on the appliance."""

    outlet: int
    provider: Id
    package: Id


class Cancelled(Struct, frozen=True):
    """Somebody went back to what is sold: the back button, or "again" after the end."""

    outlet: int


class SensorsRead(Struct, frozen=True):
    """The sensors of an outlet, by name with their unit; `leak` above 0 is a leak, `power_w` is what it draws."""

    outlet: int
    values: Mapping[str, int]


class ValveIs(Struct, frozen=True):
    """What the valve's own feedback says; outlets without feedback never send it."""

    outlet: int
    open: bool


class UpdateStands(Struct, frozen=True, kw_only=True):
    """How the update of one kind stands now: the server is to know."""

    kind: UpdateKind
    serial: int
    version: str
    step: UpdateStep
    detail: str = ""


class RestartWanted(Struct, frozen=True):
    """What was put in place runs after the next start: have it come when nobody minds."""


class Tick(Struct, frozen=True):
    """Time passed. To be fed at least once a second, and four times a second while in use."""


class Shutdown(Struct, frozen=True):
    """The program is asked to end: valves shut, sessions closed, no start any more."""


Event: TypeAlias = (
    Boot
    | LinkUp
    | LinkDown
    | MessageReceived
    | BytesReceived
    | MeterRead
    | MeterFailed
    | StopKey
    | KeyPressed
    | PackageChosen
    | Cancelled
    | SensorsRead
    | ValveIs
    | UpdateStands
    | RestartWanted
    | Tick
    | Shutdown
)
