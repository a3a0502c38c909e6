"""Payments whose providers repeat themselves, by seed: what is paid, and when which words arrive. Pure, virtual time.

Providers sign each of their tries afresh. What comes again byte for byte is what the way to us has doubled, what was
under way when a server was started again, or what somebody who listens plays back.
"""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Final, NamedTuple

from coinslot.sandbox.providers.alipay.notices import GAPS_S as ALIPAY_GAPS_S
from coinslot.sandbox.providers.wechat.notices import GAPS_S as WECHAT_GAPS_S

MOST: Final = 20
"""Arrivals for one payment, at most."""
HOUR_OF: Final = 2_000
"""Payments that are paid within one virtual hour."""
STALE_AFTER_S: Final = 300
"""What is as old as this is refused, whatever it says; both adapters hold to it."""
_GAPS_S: Final = {"wechat": WECHAT_GAPS_S, "alipay": ALIPAY_GAPS_S}
_HELD_UP_S: Final = 40.0
"""Between two processes of a provider and on the way, on average: later words overtake earlier ones."""
_ANEW: Final = 0.05
"""Of all tries: said under a new id, as after a change of a provider's own servers."""
_EACH_AGAIN: Final = 0.45
"""After each arrival: the same bytes once more."""


class Kind(StrEnum):
    """What is true of a payment."""

    USUAL = "usual"
    """Paid as it was ordered: it belongs on its customer's wallet."""
    LATE = "late"
    """Paid after its time was over: it goes back by itself."""
    OTHER_AMOUNT = "other amount"
    """The provider took another amount than was ordered: it is in suspense."""
    UNKNOWN = "unknown"
    """Paid at the merchant's account, for an order that is none of ours: likewise."""


class Words(StrEnum):
    """What one try says."""

    TRUE = "true"
    MERCHANT = "another merchant"
    """Signed by the provider, about a merchant that is not ours: quarantined."""
    FORGED = "forged"
    """Signed with a key that is nobody's: refused."""
    TAMPERED = "tampered"
    """Changed after it was signed: refused."""


class Payment(NamedTuple):
    """One payment, as its provider has it."""

    at: int
    """Its place in the run."""
    provider: str
    number: str
    customer: int
    ordered_minor: int
    """What we asked for."""
    paid_minor: int
    kind: Kind
    is_asked_about: bool
    """Whether the cashier asks for it too, beside the notifications."""


class Arrival(NamedTuple):
    """One notification at our door. Ordered by time, then by turn."""

    at_s: float
    turn: int
    payment: int
    parcel: int
    """Under which of its ids the provider says it."""
    signed: int
    """The same number: the same bytes."""
    signed_at_s: float
    words: Words

    @property
    def is_taken(self) -> bool:
        """Whether it has to be answered as taken; refused otherwise."""
        is_fresh = round(self.at_s) - int(self.signed_at_s) <= STALE_AFTER_S - 2
        return is_fresh and self.words in (Words.TRUE, Words.MERCHANT)

    @property
    def is_on_the_edge(self) -> bool:
        """So nearly too old that a rounded second decides."""
        return abs(self.at_s - self.signed_at_s - STALE_AFTER_S) <= 3


class Plan:
    """The same seed, the same payments and arrivals. `repeats`: without them each is said once."""

    def __init__(self, seed: int, customers: int, *, repeats: bool = True) -> None:
        self.seed = seed
        self.customers = customers
        self._repeats = repeats
        self._turn = 0
        self._signed = 0

    def payment(self, at: int) -> Payment:
        """The payment at this place."""
        chance = random.Random(f"{self.seed}:payment:{at}")
        [kind] = chance.choices(tuple(Kind), (970, 10, 10, 10))
        ordered_minor = chance.randrange(1, 500_00)
        other = kind is Kind.OTHER_AMOUNT
        return Payment(
            at=at,
            provider=chance.choice(("wechat", "alipay")),
            number=f"p{chance.getrandbits(124):031x}",
            customer=chance.randrange(self.customers),
            ordered_minor=ordered_minor,
            paid_minor=ordered_minor + chance.randrange(1, 100) if other else ordered_minor,
            kind=kind,
            is_asked_about=kind is Kind.USUAL and chance.random() < 0.003,
        )

    def arrivals(self, payment: Payment) -> list[Arrival]:
        """Everything that is said of it, in no order."""
        chance = random.Random(f"{self.seed}:arrivals:{payment.at}")
        at_s = payment.at * 3600 / HOUR_OF
        wanted = chance.randint(1, MOST) if self._repeats else 1
        gaps_s = _GAPS_S[payment.provider]
        said: list[Arrival] = []
        parcel, attempt = 0, 0
        while len(said) < wanted:
            words = Words.TRUE
            if said:
                at_s += gaps_s[min(attempt, len(gaps_s) - 1)]
                attempt += 1
                parcel += chance.random() < _ANEW
                words = _words(chance, payment)
            sent_s = at_s + chance.expovariate(1 / _HELD_UP_S)
            said += self._copies(chance, payment, parcel, sent_s, words, wanted - len(said))
        return said

    def _copies(
        self,
        chance: random.Random,
        payment: Payment,
        parcel: int,
        sent_s: float,
        words: Words,
        most: int,
    ) -> list[Arrival]:
        self._signed += 1
        at_s, copies = sent_s, []
        while True:
            self._turn += 1
            copies.append(Arrival(at_s, self._turn, payment.at, parcel, self._signed, sent_s, words))
            if len(copies) >= most or chance.random() >= _EACH_AGAIN:
                return copies
            # At the same moment, soon, or so late that it has to be refused.
            at_s += chance.choice((0.0, 0.0, chance.uniform(0, 60), chance.uniform(0, 60), 400.0))


def _words(chance: random.Random, payment: Payment) -> Words:
    """Tries that are not the first may be somebody else's doing. What is true of the payment is always said too."""
    wrong = chance.random()
    if wrong < 0.01 and payment.kind is Kind.USUAL:
        return Words.MERCHANT
    if wrong < 0.03:
        return Words.FORGED
    return Words.TAMPERED if wrong < 0.04 else Words.TRUE
