"""Money on the display while a session runs: the same quote, rated by the same code as the bill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from coinslot.tariffs import Quote, QuoteError, decode_quote, rate
from coinslot.wire.registers import Register


class Rater(Protocol):
    """Rates usage by a quote's bytes."""

    def amount_minor(self, quote: bytes, usage: Mapping[Register, int]) -> int | None:
        """Minor units of the quote's currency; None when there is no quote or it cannot be read."""


class NoRater:
    """A display that shows quantities only."""

    def amount_minor(self, quote: bytes, usage: Mapping[Register, int]) -> int | None:
        """Never an amount."""
        return None


class QuoteRater:
    """Rates by the tariff's own code; a quote it cannot read costs the display its amount, nothing else."""

    def __init__(self) -> None:
        self._bytes = b""
        self._quote: Quote | None = None

    def amount_minor(self, quote: bytes, usage: Mapping[Register, int]) -> int | None:
        """As in `Rater`. The latest quote stays parsed: a session asks twice a second."""
        if quote != self._bytes:
            self._bytes, self._quote = quote, _read(quote)
        return None if self._quote is None else rate(self._quote, usage).amount_minor


def _read(quote: bytes) -> Quote | None:
    if quote == b"null":
        return None
    try:
        return decode_quote(quote)
    except QuoteError:
        return None
