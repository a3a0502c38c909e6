"""What customers are told, and the port through which it leaves. Providers implement the port and word the texts."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

Language: TypeAlias = Literal["zh", "en"]


class _Unshown(Struct, frozen=True, kw_only=True):
    """Never shown by its content: errors, and what they show of values, end up in logs."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Recipient(_Unshown, frozen=True, kw_only=True):
    """Where somebody can be reached; None where not."""

    phone: str | None = None
    """As `rules.normal_phone` makes it: `+` and digits."""
    mail: str | None = None
    wechat_openid: str | None = None
    language: Language = "zh"


class LoginCodeNotice(_Unshown, frozen=True, kw_only=True, tag="login_code"):
    """The code that proves a phone is one's own."""

    operator_name: str
    code: str
    minutes: int
    """How long the code is good."""


class BillNotice(Struct, frozen=True, kw_only=True, tag="bill"):
    """What a session came to. Amounts are minor units of `currency`."""

    operator_name: str
    site: str
    appliance: str
    currency: str
    captured_minor: int
    """Taken out of the hold."""
    released_minor: int
    """The rest of the hold, which went back."""
    owed_minor: int
    """Used after the hold had gone back, and now owed."""
    session: str
    link: str
    """Of the bill's page; empty where the installation has no public address."""


Notice: TypeAlias = LoginCodeNotice | BillNotice


class NotSent(Exception):
    """A notice did not leave, or nobody can say whether it did. `reason` names no number, code or person.

    `again`: the same may succeed later. Otherwise something has to be changed first, and `reason` says what.
    """

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


class Notifier(Protocol):
    """A way to reach people."""

    async def send(self, to: Recipient, notice: Notice) -> str:
        """Hand the notice over: the channel and the provider's own number for it. NotSent when it was not taken.

        Takes seconds at most; whoever gives up waiting cancels it.
        """
