"""An account with the made-up provider: its keys, and where it wants to hear of events."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import Final

_LETTERS: Final = string.ascii_letters + string.digits
EVENTS: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "refund.created",
    "refund.updated",
    "refund.failed",
)
"""What an endpoint hears of that does not say."""


def letters(count: int) -> str:
    """As ids and secrets are made of."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def new_id(kind: str) -> str:
    """Such as `pi_…`."""
    return f"{kind}_{letters(24)}"


@dataclass(repr=False)
class Endpoint:
    """Where events are sent."""

    url: str
    secret: str
    events: tuple[str, ...] = EVENTS
    id: str = field(default_factory=lambda: new_id("we"))

    def wants(self, kind: str) -> bool:
        """Whether events of this kind are sent there."""
        return kind in self.events or "*" in self.events


@dataclass(repr=False)
class StripeAccount:
    """One merchant's account, in test mode. Secrets never leave the process but to the merchant's settings."""

    id: str = "acct_1SandboxWaterCo1"
    name: str = "Sandbox Water Co."
    secret_key: str = field(default_factory=lambda: f"sk_test_{letters(99)}")
    webhook_secret: str = field(default_factory=lambda: f"whsec_{letters(32)}")
    """Of the first endpoint."""
    endpoints: list[Endpoint] = field(default_factory=list)

    def listen(self, url: str, events: tuple[str, ...] = EVENTS) -> Endpoint:
        """From now on events are sent there too. The first endpoint is signed for with `webhook_secret`."""
        taken = any(each.secret == self.webhook_secret for each in self.endpoints)
        made = Endpoint(url, f"whsec_{letters(32)}" if taken else self.webhook_secret, events)
        self.endpoints.append(made)
        return made

    def change_key(self) -> None:
        """What the first endpoint hears is signed with another secret from now on."""
        earlier, self.webhook_secret = self.webhook_secret, f"whsec_{letters(32)}"
        for each in self.endpoints:
            if each.secret == earlier:
                each.secret = self.webhook_secret
