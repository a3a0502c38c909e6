"""What an outlet's display is to show, as data: for a display that can draw buttons, prices and codes.

The rows beside it say the same in fewer words. A touch display draws by `phase`; it needs to keep nothing, and its
buttons hand back `PackageChosen`, `Cancelled` and `StopKey`, and for pause and go on `KeyPressed` with `*`.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from coinslot.wire.messages import PackageOffered
from coinslot.wire.registers import Registers


class Phase(StrEnum):
    """What is going on at an outlet, as far as a person in front of it is concerned."""

    READY = "ready"
    """Free; nothing is sold on the appliance itself."""
    OFFLINE = "offline"
    """The server cannot be asked; nothing can begin."""
    CLOSED = "closed"
    """The terminal is shutting down."""
    FAULT = "fault"
    """Out of order; `text` says why."""
    CODE = "code"
    """Digits are being typed."""
    CHECKING = "checking"
    """A typed code was confirmed; the answer is awaited."""
    NOTICE = "notice"
    """`text` for a while: a refusal, an end, a balance."""
    CHOOSE = "choose"
    """One button for each of `packages`, and how it can be paid: `providers`."""
    PAY_WITH = "pay_with"
    """`package` was picked by its key: one button for each of `providers`."""
    WAITING = "waiting"
    """A code for `package` and `provider` is being made."""
    QR = "qr"
    """Scan `qr` with the app of `provider` and pay `amount_minor` within `left_s`."""
    SCANNED = "scanned"
    """The same; somebody has scanned it and has not paid yet."""
    PAID = "paid"
    """The money is there; it starts. There is no way back from here."""
    RUNNING = "running"
    """In use: `left_s` where time was bought, else `usage` and `amount_minor` so far. One button: stop; where
    `can_pause` is set another one: pause."""
    PAUSED = "paused"
    """In use and shut by its user, for at most `left_s` yet. Two buttons: go on, stop."""
    FINISHED = "finished"
    """`amount_minor` charged, `refund_minor` goes back; `qr` opens the bill on a phone. One button: again."""
    REFUNDED = "refunded"
    """It did not start: the payment goes back, whole."""
    EXPIRED = "expired"
    """The code was not paid in time."""
    BUSY = "busy"
    """Somebody else uses the outlet."""
    UNAVAILABLE = "unavailable"
    """What was chosen cannot be had now."""
    TRY_AGAIN = "try_again"
    """No answer came; another choice, or the same one again."""


class View(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One moment of one display. What the phase does not name is empty."""

    phase: Phase
    text: str = ""
    """A sentence in the language of whoever uses it, else in the terminal's."""
    currency: str = ""
    """Of all amounts and prices."""
    packages: tuple[PackageOffered, ...] = ()
    providers: tuple[str, ...] = ()
    package: str = ""
    provider: str = ""
    qr: str | None = None
    amount_minor: int | None = None
    refund_minor: int = 0
    left_s: int | None = None
    """Whole seconds, rounded up: it is over at 0."""
    can_pause: bool = False
    balance_minor: int | None = None
    """Of the customer's wallet: at the beginning what it has beside `limit_minor`, at the end all of it."""
    limit_minor: int | None = None
    """What this use may come to at most."""
    stops_in_s: int | None = None
    """It is not used and will stop by itself."""
    usage: Registers = {}
    power_w: int | None = None
