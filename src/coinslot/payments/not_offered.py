"""What an adapter inherits whose provider has no such product."""

from __future__ import annotations

from coinslot.payments.port import Rejected
from coinslot.payments.shares import (
    PayoutOrder,
    PayoutSeen,
    ReturnOrder,
    ReturnSeen,
    SharesReturn,
    SplitOrder,
    SplitSeen,
)

NOT_OFFERED = "NOT_OFFERED"
"""The code of these refusals."""


class NoShares:
    """No splits at the provider: shares are the ledger's matter alone, and are paid out another way."""

    shares_return = SharesReturn.NEVER

    async def split(self, order: SplitOrder) -> SplitSeen:
        """Rejected."""
        raise Rejected(NOT_OFFERED, "no parts of payments can be sent to others here")

    async def query_split(self, number: str, provider_payment_id: str) -> SplitSeen:
        """Rejected."""
        raise Rejected(NOT_OFFERED, "no parts of payments can be sent to others here")

    async def return_split(self, order: ReturnOrder) -> ReturnSeen:
        """Rejected."""
        raise Rejected(NOT_OFFERED, "no parts of payments can be sent to others here")

    async def query_return(self, number: str, split_number: str) -> ReturnSeen:
        """Rejected."""
        raise Rejected(NOT_OFFERED, "no parts of payments can be sent to others here")


class NoPayouts:
    """No transfers at the provider."""

    async def payout(self, order: PayoutOrder) -> PayoutSeen:
        """Rejected."""
        raise Rejected(NOT_OFFERED, "money cannot be sent to anybody here")

    async def query_payout(self, number: str) -> PayoutSeen:
        """Rejected."""
        raise Rejected(NOT_OFFERED, "money cannot be sent to anybody here")
