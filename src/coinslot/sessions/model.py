"""A session as data: what is stored, and nothing that can be derived."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from coinslot.sessions.states import LIVE, OCCUPYING, State
from coinslot.wire.ids import ApplianceId, CommandId, CustomerId, Epoch, OperatorId, SessionId, TerminalId
from coinslot.wire.records import StopReason

_AS_WANTED = frozenset({StopReason.KEY.value, StopReason.LIMIT.value, StopReason.IDLE.value})

BURNT = "burnt"
"""Why a promised session ended whose code was never used: its `stop_reason`."""


class Session(Struct, frozen=True, kw_only=True):
    """One row of `session`. Texts named `quote`, `limits`, `meter…`, `sharing`, `registers`, `sensors`
    and `curve` are JSON that belongs to other domains; this one only carries it.
    """

    operator: OperatorId
    id: SessionId
    customer: CustomerId | None
    """Whose wallet pays; None for a guest, who has paid for this one use, and for a flush, which nobody pays."""
    appliance: ApplianceId
    terminal: TerminalId
    outlet: int
    state: State
    command: CommandId
    request_key: str
    """The caller's idempotency key."""
    request_hash: bytes
    """Of what was asked for under that key."""
    currency: str
    quote: str
    limits: str
    hold_principal_minor: int
    hold_bonus_minor: int
    link: int
    """The link the start was made for."""
    expires_at_ms: int
    """Until when the terminal may start, in that link's time."""
    expired_at: datetime
    """From here on the terminal has certainly refused."""
    give_up_at: datetime
    """When silence is settled without the terminal."""
    wake_at: datetime | None
    """When to look next, if nothing happens before."""
    meter_spec: str
    sharing: str = ""
    """The agreement in force when it was authorized; empty where the operator shares with nobody."""
    intent: str | None = None
    """A guest's payment, under which the money is held; set exactly where there is no customer, like …"""
    merchant: str | None = None
    """… the account that collected it, through which what is left goes back."""
    flush_by: str | None = None
    """The member of staff who lets water run; nobody pays then, and nothing is charged."""
    language: str | None = None
    """The customer's, for the display; None: the terminal's own."""
    balance_minor: int | None = None
    """What the customer had beyond the hold when it was authorized, for the display; None for a guest."""
    token: int | None = None
    """The count of the offline code that it was promised under; None for all others. It then never occupies its
    outlet by itself: the terminal decides, and may tell of it much later."""
    meter: str | None = None
    epoch: Epoch | None = None
    """The journal that holds this session's records."""
    started_at: datetime | None = None
    stop_asked_at: datetime | None = None
    stopped_at: datetime | None = None
    duration_ms: int | None = None
    """From `started` to `stopped` by the terminal's ticks."""
    stop_reason: str | None = None
    registers: str | None = None
    charge_minor: int | None = None
    captured_minor: int | None = None
    arrears_minor: int = 0
    sensors: str | None = None
    curve: str | None = None
    created_at: datetime
    settled_at: datetime | None = None

    @property
    def hold_minor(self) -> int:
        """All that is held for it, principal and bonus."""
        return self.hold_principal_minor + self.hold_bonus_minor

    @property
    def held_under(self) -> str:
        """The name of its hold accounts."""
        return self.id if self.intent is None else self.intent

    @property
    def cut_short(self) -> bool:
        """Whether it ended otherwise than its user could have wanted: by a fault, a power cut, a stop from the server,
        or because its end was never reported."""
        return self.stop_reason not in _AS_WANTED

    @property
    def live(self) -> bool:
        """Whether it keeps its hold."""
        return self.state in LIVE

    @property
    def occupying(self) -> bool:
        """Whether nobody else may use its outlet: a promise keeps nobody out."""
        return self.state in OCCUPYING

    @property
    def released_minor(self) -> int | None:
        """What went back to the wallet, or is due to the guest; None while that is open."""
        if self.settled_at is None:
            return None
        return self.hold_minor - (self.captured_minor or 0)
