"""Messages: what the two ends of the link say to each other. UTF-8 JSON, a `type`, at most 4 KiB."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct

from coinslot.wire.ids import Id
from coinslot.wire.records import Measure, Milliseconds, Outlet, SensorName
from coinslot.wire.registers import Count, Registers

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


class _Message(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    link: Link


# ---------------------------------------------------------------- terminal to server


class Hello(_Message, frozen=True, kw_only=True, tag="hello"):
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


class Records(_Message, frozen=True, kw_only=True, tag="records"):
    """Up to 16 records in order. Each is parsed by itself, so that a bad one blocks no other."""

    epoch: Id
    first_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    records: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_RECORDS)]


class Lost(_Message, frozen=True, kw_only=True, tag="lost"):
    """The answer to a `want` the journal cannot satisfy: these records are gone for good."""

    epoch: Id
    from_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    to_seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class Readings(_Message, frozen=True, kw_only=True, tag="readings"):
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


class CodeEntered(_Message, frozen=True, kw_only=True, tag="code_entered"):
    """Somebody typed a code and confirmed it."""

    outlet: Outlet
    digits: Annotated[str, Meta(pattern=r"^[0-9]{4,16}$(?!\n)")]
    request: Id


class QrWanted(_Message, frozen=True, kw_only=True, tag="qr_wanted"):
    """Somebody chose a package and a provider on the appliance. The same `request` again is the same wish,
    said again on a new link, or because no answer came."""

    outlet: Outlet
    provider: Id
    package: Id
    request: Id
    """New for each choice, in this boot and in any other."""


class QrCancelled(_Message, frozen=True, kw_only=True, tag="qr_cancelled"):
    """Whoever chose went back: the code need not be payable any more. Not answered; if it is lost, the code
    lives to its end, and if it was paid meanwhile, the payment stands and the start follows."""

    outlet: Outlet
    request: Id
    """The wish that is taken back."""


class KeypadGuard(_Message, frozen=True, kw_only=True, tag="keypad"):
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


class Updated(_Message, frozen=True, kw_only=True, tag="updated"):
    """What became of an `update`. Not durable: the version in the next hello tells."""

    version: Text
    serial: Count
    step: UpdateStep
    detail: Text = ""
    """Why, in English, for the operator."""


class Alive(_Message, frozen=True, kw_only=True, tag="alive"):
    """Nothing to say, still here."""


class Gone(_Message, frozen=True, kw_only=True, tag="gone"):
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


# ---------------------------------------------------------------- server to terminal


class DisplayLanguage(StrEnum):
    """In which language a display speaks to the person in front of it."""

    ZH = "zh"
    EN = "en"


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the terminal keeps by itself, link or no link. Every one is finite and above zero.

    A limit on a register the outlet does not have cannot be reached and does no harm.
    """

    ml: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    s: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    wh: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    count: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    idle_s: Annotated[int, Meta(ge=1, le=86_400)]
    """Seconds without any use after which the terminal ends the session: nothing metered, or no more power
    drawn than the appliance takes on standby."""
    pause_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    """Seconds that the session may spend paused, all its pauses together; 0: it cannot be paused. Paused is shut,
    nothing is counted, and no idleness; when they are used up the session ends as idle."""


class Config(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator may set on a terminal; times in seconds."""

    checkpoint_s: Annotated[int, Meta(ge=1, le=600)] = 10
    readings_s: Annotated[int, Meta(ge=1, le=600)] = 10
    """Between readings while in use."""
    idle_readings_s: Annotated[int, Meta(ge=10, le=86_400)] = 300
    """Between readings while idle; a SIM card pays for each byte."""
    watch_readings_s: Annotated[int, Meta(ge=1, le=600)] = 1
    """Between readings while somebody watches."""


class Welcome(_Message, frozen=True, kw_only=True, tag="welcome"):
    """The answer to `hello`."""

    now_ms: Milliseconds
    """Unix milliseconds by the server."""
    epoch: Id
    acked: Seq
    """The last record of `epoch` the server has."""
    new_epoch: bool = False
    """The journal is older than what the server has seen: start a new epoch and say hello again."""
    config: Config = Config()


class Ack(_Message, frozen=True, kw_only=True, tag="ack"):
    """Records up to `seq` are durably the server's: stored, not necessarily agreed with."""

    epoch: Id
    seq: Seq
    want: Annotated[int, Meta(ge=1, le=2**53 - 1)] | None = None
    """The first missing record: send from here, or say what is `lost`."""


class Start(_Message, frozen=True, kw_only=True, tag="start"):
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


class Stop(_Message, frozen=True, kw_only=True, tag="stop"):
    """End a session. Sticky: a later `start` for it is declined."""

    session: Id


class Bill(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a session came to, for the end display; minor units."""

    session: Id
    currency: Annotated[str, Meta(max_length=3)]
    charge_minor: Count
    balance_minor: int
    """What is left on the wallet; 0 where nobody's wallet paid."""
    refund_minor: Count = 0
    """What of a direct payment goes back to its payer."""


class Note(StrEnum):
    """What became of somebody's wish to pay here; the terminal says it in its own language."""

    SCANNED = "scanned"
    """Somebody has scanned the code and has not paid yet; the code stays."""
    PAID = "paid"
    """The provider has confirmed the payment; the start follows."""
    REFUNDED = "refunded"
    """No use could follow: the payment goes back, whole."""
    EXPIRED = "expired"
    """The code's time is over; it cannot be paid any more."""
    BUSY = "busy"
    """Somebody is using the outlet."""
    UNAVAILABLE = "unavailable"
    """What was chosen cannot be sold here at this moment."""
    TRY_AGAIN = "try_again"
    """The provider did not answer; another choice, or the same one again, may work."""
    WRONG_CODE = "wrong_code"
    """There is no such code. The one answer that counts as a try."""
    CODE_EXPIRED = "code_expired"
    """Whoever typed it had it in time once; a new one can be had."""
    CODE_USED = "code_used"
    """It has opened an appliance already."""
    OTHER_OUTLET = "other_outlet"
    """It is for another appliance; `lines` may name it."""
    NO_BALANCE = "no_balance"
    """The balance does not cover a start; `amount_minor` is what a start takes."""
    ARREARS = "arrears"
    """The customer owes for earlier use; `amount_minor` says how much."""
    NOT_ALLOWED = "not_allowed"
    """This customer may not use it now: a quota is used up, or a name is not yet approved."""
    OUT_OF_HOURS = "out_of_hours"
    """The appliance is closed at this hour; `lines` may say when it opens."""
    LOCKED = "locked"
    """Too many wrong codes: for `life_s` seconds only a long code is taken."""


class Show(_Message, frozen=True, kw_only=True, tag="show"):
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


class PackageOffered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that can be bought at an outlet."""

    package: Id
    title: Text
    """In both languages where the operator wrote both: `30 分钟 · 30 min`."""
    price_minor: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """Its price, or the deposit where it is sold by use."""
    by_use: bool = False
    """Paid by use: what the deposit leaves goes back."""


class Menu(_Message, frozen=True, kw_only=True, tag="menu"):
    """What an outlet sells and how it can be paid; replaces the one before. Nothing to buy: an empty one.
    A menu holds for its link: after the next `welcome` that opens a link there is none until one comes."""

    outlet: Outlet
    currency: Annotated[str, Meta(max_length=3)] = ""
    packages: Annotated[list[PackageOffered], Meta(max_length=8)] = []
    providers: Annotated[list[Id], Meta(max_length=6)] = []


class Configure(_Message, frozen=True, kw_only=True, tag="configure"):
    """New settings; `watch_s` asks for quick readings for that long."""

    config: Config = Config()
    watch_s: Annotated[int, Meta(ge=0, le=3600)] = 0


class Offline(_Message, frozen=True, kw_only=True, tag="offline"):
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


class Burn(_Message, frozen=True, kw_only=True, tag="burn"):
    """An offline code is wanted no more. The answer is a record: `burnt` when it was not used; what it was used for
    tells of itself. Sent again until one of them has come."""

    outlet: Outlet
    session: Id
    """The session it would have opened."""
    token: Count


class UpdateKind(StrEnum):
    """What an update replaces."""

    SOFTWARE = "software"
    CONFIG = "config"


class Update(_Message, frozen=True, kw_only=True, tag="update"):
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


class Ping(_Message, frozen=True, kw_only=True, tag="ping"):
    """Say hello again, on the same link: it tells which records exist."""


Down: TypeAlias = Welcome | Ack | Start | Stop | Show | Menu | Configure | Offline | Burn | Update | Ping
