"""Money on the display while a session runs: the same quote, rated by the same code as the bill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from coinslot.tariffs import Quote, QuoteError, decode_quote, rate
from coinslot.wire.registers import Register


class Promise(Struct, frozen=True):
    """What a display wants to know of a quote besides amounts."""

    currency: str
    time_bought: bool
    """A package that includes seconds: what is left of them says more than what was used."""
    hold_minor: int
    """What is held at most."""


class Rater(Protocol):
    """Rates usage by a quote's bytes."""

    def amount_minor(
        self, quote: bytes, usage: Mapping[Register, int], *, cut_short: bool = False
    ) -> int | None:
        """Minor units of the quote's currency; None when there is no quote or it cannot be read. `cut_short`: the
        use ended by a fault or a power cut, so a package costs only the part that was used."""

    def promise(self, quote: bytes) -> Promise | None:
        """What was bought; None likewise."""


class NoRater:
    """A display that shows quantities only."""

    def amount_minor(
        self, quote: bytes, usage: Mapping[Register, int], *, cut_short: bool = False
    ) -> int | None:
        """Never an amount."""
        return None

    def promise(self, quote: bytes) -> Promise | None:
        """Nothing is known."""
        return None


class QuoteRater:
    """Rates by the tariff's own code; a quote it cannot read costs the display its amount, nothing else."""

    def __init__(self) -> None:
        self._bytes = b""
        self._quote: Quote | None = None

    def amount_minor(
        self, quote: bytes, usage: Mapping[Register, int], *, cut_short: bool = False
    ) -> int | None:
        """As in `Rater`."""
        read = self._read(quote)
        return None if read is None else rate(read, usage, cut_short=cut_short).amount_minor

    def promise(self, quote: bytes) -> Promise | None:
        """As in `Rater`."""
        read = self._read(quote)
        if read is None:
            return None
        bought = () if read.package is None else read.package.units
        return Promise(read.currency, any(register is Register.S for register, _ in bought), read.hold_minor)

    def _read(self, quote: bytes) -> Quote | None:
        """The latest quote stays parsed: a session asks twice a second."""
        if quote != self._bytes:
            self._bytes, self._quote = quote, _read(quote)
        return self._quote


def _read(quote: bytes) -> Quote | None:
    if quote == b"null":
        return None
    try:
        return decode_quote(quote)
    except QuoteError:
        return None
