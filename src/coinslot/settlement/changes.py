"""What one transaction has loaded, and what it will save."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from coinslot.ledger.entries import Entry
from coinslot.sessions.model import Session
from coinslot.wire.ids import CustomerId, Epoch, OperatorId, SessionId, TerminalId, new_id
from coinslot.wire.messages import Down


class Terminal(Struct, frozen=True, kw_only=True):
    """Where a terminal's link and journal stand: one row of `terminal_link`."""

    operator: OperatorId
    id: TerminalId
    link: int = 0
    """The number of its latest connection; 0 before the first."""
    online: bool = False
    link_began_at: datetime | None = None
    """When the first hello of `link` came: the server's zero of link time."""
    epoch: Epoch | None = None
    acked_seq: int = 0
    """The last record of `epoch` whose effect is stored."""
    hello_at_ms: int = 0
    """Link time at which the last hello was composed …"""
    hello_next_seq: int = 1
    """… and the records below this existed then."""
    boot: int = 0
    firmware: str = ""

    def link_time_ms(self, now: datetime) -> int:
        """The server's reading of link time; the terminal's own is never behind it."""
        if self.link_began_at is None:
            return 0
        return max(0, (now - self.link_began_at) // timedelta(milliseconds=1))


class ReviewReason(StrEnum):
    """Why a person should look, where it is not a session's own doubt."""

    UNREADABLE = "unreadable"
    """A record that could not be parsed."""
    UNKNOWN_SESSION = "unknown_session"
    """A record for a session nobody authorized."""
    FOREIGN_SESSION = "foreign_session"
    """A record for another terminal's or outlet's session."""
    ENDED_SESSION = "ended_session"
    """A record for a session in a state that does not allow it."""
    LOST_RECORDS = "lost_records"
    """Records that the terminal no longer has."""
    OFFLINE_CREDIT = "offline_credit"
    """An offline token that the server did not know of."""
    METER = "meter"
    """Registers that cannot be true; the plausible part was charged."""
    OVERSHOOT = "overshoot"
    """Usage beyond the hold by more than a terminal that keeps its limits can show."""
    NOT_RATED = "not_rated"
    """The charge could not be worked out or posted; nothing was captured."""
    NOT_TOLD = "not_told"
    """What follows a session's end could not be done: its points are not posted, its customer is not told."""
    REPORTED = "reported"
    """Its customer says that something is wrong with the bill; what, is in the detail."""


class Review(Struct, frozen=True, kw_only=True):
    """Something to look at: one row of `review`."""

    operator: OperatorId
    reason: str
    session: SessionId | None = None
    terminal: TerminalId | None = None
    epoch: Epoch | None = None
    seq: int | None = None
    body: bytes | None = None
    detail: str = ""


class AlarmKind(StrEnum):
    """What an operator is told of at once; faults of an outlet use their own codes beside these."""

    LOWER_LINK = "lower_link"
    """An older connection spoke again: two terminals may share one identity."""
    ROLLED_BACK = "rolled_back"
    """A terminal's journal is older than what the server has seen of it."""
    RETIRED_EPOCH = "retired_epoch"
    """A terminal speaks of a journal that was replaced."""
    FOREIGN_SESSION = "foreign_session"
    """A terminal spoke of a session that is not its own."""
    UNREADABLE = "unreadable"
    """A terminal sent what cannot be parsed."""
    SWEEP = "sweep"
    """Somebody tries codes on a keypad; without an outlet, on several of a site."""


class Alarm(Struct, frozen=True, kw_only=True):
    """An alarm that comes, or with `active` false goes."""

    operator: OperatorId
    terminal: TerminalId
    kind: str
    outlet: int | None = None
    detail: str = ""
    active: bool = True


class Retired(Struct, frozen=True, kw_only=True):
    """A journal that is over."""

    operator: OperatorId
    terminal: TerminalId
    epoch: Epoch
    acked_seq: int


class UseKey(NamedTuple):
    """One counter of an allowance or a yearly tier."""

    operator: OperatorId
    customer: CustomerId
    scope: str
    register: str


class Purse(NamedTuple):
    """One customer's accounts in one currency."""

    operator: OperatorId
    customer: CustomerId
    currency: str


class Send(NamedTuple):
    """A message to leave once the transaction is committed."""

    terminal: TerminalId
    message: Down


@dataclass
class Batch:
    """One transaction's view, growing into its changes. Planning reads and writes it; only the store
    turns it into SQL, and nothing is sent before the commit.
    """

    now: datetime
    make_id: Callable[[str], str] = new_id
    """Where new ids come from: the store says so, as it says what time it is, so that a simulated run
    can be repeated to the letter."""
    terminals: dict[TerminalId, Terminal] = field(default_factory=dict)
    sessions: dict[SessionId, Session] = field(default_factory=dict)
    retired_epochs: set[tuple[TerminalId, Epoch]] = field(default_factory=set)

    changed_terminals: set[TerminalId] = field(default_factory=set)
    changed_sessions: set[SessionId] = field(default_factory=set)
    new_sessions: list[Session] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    retired: list[Retired] = field(default_factory=list)
    late: list[tuple[Session, int]] = field(default_factory=list)
    """Sessions used after their release, and what is owed for each in minor units: booked as arrears
    as far as the customer's cap allows, once the room under it is known."""
    uses: dict[UseKey, int] = field(default_factory=dict)
    burnt: set[tuple[OperatorId, SessionId]] = field(default_factory=set)
    """Promised sessions of which a record tells that their code's count is burnt, or that a person has given up."""
    offline: dict[TerminalId, tuple[str, ...]] = field(default_factory=dict)
    """Which terms of offline codes a terminal's hello names; only of terminals that said one."""
    sends: list[Send] = field(default_factory=list)
    _of: dict[TerminalId, list[SessionId]] = field(default_factory=dict)
    """Which sessions are each terminal's: a scan of all for each of 256 terminals took 30 µs a session."""

    def put_terminal(self, terminal: Terminal) -> None:
        """Replace a terminal's row."""
        self.terminals[terminal.id] = terminal
        self.changed_terminals.add(terminal.id)

    def put_session(self, session: Session) -> None:
        """Replace a session's row."""
        self.sessions[session.id] = session
        self.changed_sessions.add(session.id)

    def know(self, session: Session) -> None:
        """Take note of a session as it is stored, or as it is about to be made."""
        self.sessions[session.id] = session
        self._of.setdefault(session.terminal, []).append(session.id)

    def live_of(self, terminal: TerminalId) -> Iterable[Session]:
        """The known sessions of this terminal that keep a hold, promises among them."""
        own = (self.sessions[session] for session in self._of.get(terminal, ()))
        return [session for session in own if session.live]

    def occupying(self, terminal: TerminalId) -> Iterable[Session]:
        """The known sessions that occupy an outlet of this terminal."""
        return [session for session in self.live_of(terminal) if session.occupying]

    def use(self, key: UseKey, amount: int) -> None:
        """Count usage against an allowance or a tier; negative gives some back."""
        if amount:
            self.uses[key] = self.uses.get(key, 0) + amount

    def send(self, terminal: TerminalId, message: Down) -> None:
        """Say something once this is committed."""
        self.sends.append(Send(terminal, message))
