"""What a terminal says."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Raw

from coinslot.wire.heads import MAX_RECORDS, MAX_SENSORS, Message, Text
from coinslot.wire.ids import Id
from coinslot.wire.parts import UpdateKind
from coinslot.wire.records import Measure, Milliseconds, Outlet, SensorName
from coinslot.wire.registers import Count, Registers


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """The first word on a link, and the answer to every `ping`.

    `next_seq` says that every record below it exists: with them applied, a start that has no
    `started` among them and has expired can never open a valve any more.
    """

    epoch: Id
    next_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    at_ms: Milliseconds = 0
    """Link time when this was composed; 0 in the first hello of a link. A hello composed after a
    start's `expires_at_ms` proves by itself that no record of that start can follow."""
    oldest_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """The oldest record still in the journal; what is below it cannot be sent again."""
    boot: Count
    open_sessions: Annotated[list[Id], Meta(max_length=32)]
    firmware: Text = ""
    offline: Annotated[list[Id], Meta(max_length=32)] = []
    """The terms of offline codes that it holds: only by these can a code be typed there without a link."""


class Records(Message, frozen=True, kw_only=True, tag="records"):
    """Up to 16 records in order. Each is parsed by itself, so that a bad one blocks no other."""

    epoch: Id
    first_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    records: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_RECORDS)]


class Lost(Message, frozen=True, kw_only=True, tag="lost"):
    """The answer to a `want` the journal cannot satisfy: these records are gone for good."""

    epoch: Id
    from_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    to_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class Readings(Message, frozen=True, kw_only=True, tag="readings"):
    """Where an outlet stands: not durable, for the live page, the history and the alarms."""

    outlet: Outlet
    ticks_ms: Milliseconds
    registers: Registers
    flow_ml_per_min: Count | None = None
    power_w: Count | None = None
    """What the appliance behind a relay draws now."""
    valve_open: bool | None = None
    """The valve open, or the relay closed: it runs."""
    session: Id | None = None
    sensors: Annotated[dict[SensorName, Measure], Meta(max_length=MAX_SENSORS)] = {}


class CodeEntered(Message, frozen=True, kw_only=True, tag="code_entered"):
    """Somebody typed a code and confirmed it."""

    outlet: Outlet
    digits: Annotated[str, Meta(pattern=r"^[0-9]{4,16}$(?!\n)")]
    request: Id


class QrWanted(Message, frozen=True, kw_only=True, tag="qr_wanted"):
    """Somebody chose a package and a provider on the appliance. The same `request` again is the same wish,
    said again on a new link, or because no answer came."""

    outlet: Outlet
    provider: Id
    package: Id
    request: Id
    """New for each choice, in this boot and in any other."""


class QrCancelled(Message, frozen=True, kw_only=True, tag="qr_cancelled"):
    """Whoever chose went back: the code need not be payable any more. Not answered; if it is lost, the code
    lives to its end, and if it was paid meanwhile, the payment stands and the start follows."""

    outlet: Outlet
    request: Id
    """The wish that is taken back."""


class KeypadGuard(Message, frozen=True, kw_only=True, tag="keypad"):
    """How a keypad stands against guessing: said after `welcome` where anybody guessed, and at each change.
    Not durable here; the terminal keeps it on its own disk."""

    outlet: Outlet
    tries: Count
    """Wrong codes of the last 24 hours, as far as they still count."""
    locked_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    """Seconds until it takes codes of the usual lengths again; until then only the long ones."""


class UpdateStep(StrEnum):
    """Where an update stands."""

    FETCHING = "fetching"
    """It is being loaded; goes on where it was cut."""
    INSTALLED = "installed"
    """Proved by its signature and put in place."""
    CONFIRMED = "confirmed"
    """It runs, and has reached the server."""
    REFUSED = "refused"
    """Not signed by the key the terminal trusts, not newer, or not what was announced; nothing has changed."""
    ROLLED_BACK = "rolled_back"
    """It did not reach the server in time: what ran before runs again."""


class Updated(Message, frozen=True, kw_only=True, tag="updated"):
    """What became of an `update`. Not durable: where each kind stands is said again on each new link."""

    version: Text
    serial: Count
    step: UpdateStep
    kind: UpdateKind = UpdateKind.SOFTWARE
    """Serials rise for each kind by itself."""
    detail: Text = ""
    """Why, in English, for the operator."""


class Alive(Message, frozen=True, kw_only=True, tag="alive"):
    """Nothing to say, still here."""


class Gone(Message, frozen=True, kw_only=True, tag="gone"):
    """The last will: this link is over."""


Up: TypeAlias = (
    Hello
    | Records
    | Lost
    | Readings
    | CodeEntered
    | QrWanted
    | QrCancelled
    | KeypadGuard
    | Updated
    | Alive
    | Gone
)
