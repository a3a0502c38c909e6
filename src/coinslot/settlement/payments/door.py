"""What whoever collects or returns money needs of this process, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coinslot.payments.model import Merchant
from coinslot.settlement.payments.unit import Pool
from coinslot.settlement.payments.worker import FindProvider


def no_provider(_merchant: Merchant) -> None:
    """Where no keys are configured at all."""


def no_url(_merchant: Merchant) -> str:
    """Where no provider could reach us."""
    return ""


def nobody() -> None:
    """Where no cashier runs in this process; another one looks every second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDoor:
    """One per process; made by whoever composes it."""

    pool: Pool
    find: FindProvider = no_provider
    """The adapter that has a merchant's keys; None where nothing is configured for it."""
    notify_url: Callable[[Merchant], str] = no_url
    """Where a merchant's provider sends its notifications."""
    nudge: Callable[[], None] = nobody
    """Have the cashier look now: something was stored, or asked for."""
