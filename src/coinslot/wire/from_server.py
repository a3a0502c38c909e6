"""What the server says."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Raw

from coinslot.wire.heads import Line, Message, Seq, Text
from coinslot.wire.ids import Id
from coinslot.wire.parts import (
    Bill,
    Config,
    DisplayLanguage,
    Limits,
    Note,
    PackageOffered,
    UpdateKind,
)
from coinslot.wire.records import Milliseconds, Outlet
from coinslot.wire.registers import Count


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """The answer to `hello`."""

    now_ms: Milliseconds
    """Unix milliseconds by the server."""
    epoch: Id
    acked: Seq
    """The last record of `epoch` the server has."""
    new_epoch: bool = False
    """The journal is older than what the server has seen: start a new epoch and say hello again."""
    config: Config = Config()


class Ack(Message, frozen=True, kw_only=True, tag="ack"):
    """Records up to `seq` are durably the server's: stored, not necessarily agreed with."""

    epoch: Id
    seq: Seq
    want: Annotated[int, Meta(ge=1, le=2**53 - 1)] | None = None
    """The first missing record: send from here, or say what is `lost`."""


class Start(Message, frozen=True, kw_only=True, tag="start"):
    """Open an outlet for a session, within limits, until a moment in link time."""

    command: Id
    session: Id
    outlet: Outlet
    limits: Limits
    expires_at_ms: Milliseconds
    """Link time: the terminal counts from sending the link's first hello."""
    quote: Raw = Raw(b"null")
    """The frozen quote, so that the display and the bill agree."""
    language: DisplayLanguage | None = None
    """The customer's, for this session's display; else the terminal's own."""
    balance_minor: int | None = None
    """What the customer has beyond what this session holds, for the display."""
    token: Count | None = None
    """The count of the offline code that this session was promised under: burnt with the `started` or `declined`."""


class Stop(Message, frozen=True, kw_only=True, tag="stop"):
    """End a session. Sticky: a later `start` for it is declined."""

    session: Id


class Show(Message, frozen=True, kw_only=True, tag="show"):
    """Put something on an outlet's display."""

    outlet: Outlet
    lines: Annotated[list[Line], Meta(max_length=4)] = []
    qr: Annotated[str, Meta(max_length=512)] | None = None
    """A code to pay; with `bill`, one to read the bill on a phone."""
    balance_minor: int | None = None
    bill: Bill | None = None
    request: Id | None = None
    """The wish that this answers. A terminal leaves out what answers a wish that is not its latest."""
    note: Note | None = None
    amount_minor: Count | None = None
    """What the code asks for."""
    currency: Annotated[str, Meta(max_length=3)] = ""
    life_s: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    """Seconds for which the code can be paid, or the keypad stays locked, from now."""
    language: DisplayLanguage | None = None
    """Of whoever is told; else the terminal's own."""


class Menu(Message, frozen=True, kw_only=True, tag="menu"):
    """What an outlet sells and how it can be paid; replaces the one before. Nothing to buy: an empty one.
    A menu holds for its link: after the next `welcome` that opens a link there is none until one comes."""

    outlet: Outlet
    currency: Annotated[str, Meta(max_length=3)] = ""
    packages: Annotated[list[PackageOffered], Meta(max_length=8)] = []
    providers: Annotated[list[Id], Meta(max_length=6)] = []


class Configure(Message, frozen=True, kw_only=True, tag="configure"):
    """New settings; `watch_s` asks for quick readings for that long."""

    config: Config = Config()
    watch_s: Annotated[int, Meta(ge=0, le=3600)] = 0


class Offline(Message, frozen=True, kw_only=True, tag="offline"):
    """On which terms an outlet may take a code without the link: one key, one accepted value, one capped credit.
    Replaces the terms before; kept on disk. Without a `key`: none are taken any more."""

    outlet: Outlet
    terms: Id
    """Named in `hello` by whoever holds them, and in the ids of sessions under them."""
    key: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?$(?!\n)")] = ""
    """The outlet's own OpenPAYGO key, in hex."""
    starting_code: Annotated[int, Meta(ge=0, le=999_999_999)] = 0
    value: Annotated[int, Meta(ge=0, le=995)] = 0
    """What the one token value that is accepted at each count follows from, as `docs/terminal/codes.md` says."""
    count: Count = 0
    """Counts up to here are burnt: the first code has a higher one."""
    credit_minor: Count = 0
    currency: Annotated[str, Meta(max_length=3)] = ""
    limits: Limits | None = None
    """What the credit pays for at the quote, at its dearest."""
    quote: Raw = Raw(b"null")


class Burn(Message, frozen=True, kw_only=True, tag="burn"):
    """An offline code is wanted no more. The answer is a record: `burnt` when it was not used; what it was used for
    tells of itself. Sent again until one of them has come."""

    outlet: Outlet
    session: Id
    """The session it would have opened."""
    token: Count


class Update(Message, frozen=True, kw_only=True, tag="update"):
    """Newer software or a newer configuration file is to be had; the signature proves where it comes from, whoever
    sent this message and whoever serves the address."""

    version: Text
    url: Annotated[str, Meta(max_length=512)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    kind: UpdateKind = UpdateKind.SOFTWARE
    serial: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """Rises with each release of its kind: one not above what is in place is refused."""
    size: Annotated[int, Meta(ge=1, le=2**40)]
    """Bytes."""
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}$(?!\n)")]
    """Ed25519 over what `docs/link/updates.md` says, in hex."""


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Say hello again, on the same link: it tells which records exist."""


Down: TypeAlias = Welcome | Ack | Start | Stop | Show | Menu | Configure | Offline | Burn | Update | Ping
