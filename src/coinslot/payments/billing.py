"""A provider's daily bill held against our books: pure, no clock, no I/O. Amounts are minor units."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from coinslot.payments.port import BillLine, BillLineKind

READY_AT: Final = time(10, 0)
"""Of the next day, in the zone of the bill: what a provider that is late may take comes on top."""
OLDEST: Final = timedelta(days=31)
"""How far back bills are fetched by themselves; providers keep them for three months."""
MARGIN: Final = timedelta(minutes=10)
"""What we hear of at a day's end may be of the next day by the provider's clock: it is looked for with that."""
LATE_AFTER: Final = 24
"""Tries without a bill, some three days: then a person is told."""
_PAUSES_S: Final = (300, 900, 1_800, 3_600, 3_600, 3_600, 3_600, 14_400)
_RARELY_AFTER: Final = 60
_RARELY: Final = timedelta(days=1)


class What(StrEnum):
    """In which way the two sides do not agree."""

    MISSING_WITH_US = "missing_with_us"
    """The provider has it; our books have not, also after asking for it."""
    MISSING_WITH_THEM = "missing_with_them"
    """Our books have it; no bill of the provider's has."""
    AMOUNT = "amount"
    CURRENCY = "currency"
    NUMBER = "number"
    """The provider has it under another of our numbers."""
    FEE = "fee"
    """A fee that cannot be: above what was paid, or taken where it should come back."""
    LEDGER = "ledger"
    """Payments have it, and the ledger has another amount on the merchant's clearing."""
    TWICE = "twice"
    """It stands in the bill more than once."""
    UNREAD = "unread"
    """A line that is neither payment nor refund, or cannot be read: a person looks at it."""


class Ours(Struct, frozen=True, kw_only=True):
    """A payment or refund as our books have it."""

    kind: BillLineKind
    ref: str
    """Of a payment the provider's id, of a refund our number."""
    number: str
    """Ours; empty for a payment in suspense."""
    currency: str
    amount_minor: int
    posted_minor: int
    """What the ledger has on the merchant's clearing for it: in for payments, out for refunds."""
    is_done: bool
    """Whether it is one of those that the books count; refunds under way are not, yet."""
    is_due: bool
    """Whether it happened in the bill's day and stands in no bill."""


class Difference(Struct, frozen=True, kw_only=True):
    """One thing in which they do not agree, named by both sides."""

    what: What
    kind: BillLineKind
    ref: str
    number: str
    currency: str
    theirs: str
    """As the provider has it; empty: it has nothing."""
    ours: str


class Total(Struct, frozen=True, kw_only=True):
    """What a day came to in one currency."""

    currency: str
    payments: int
    refunds: int
    paid_minor: int
    refunded_minor: int
    fees_minor: int
    our_paid_minor: int
    our_refunded_minor: int

    @property
    def net_minor(self) -> int:
        """What the provider owes for the day."""
        return self.paid_minor - self.refunded_minor - self.fees_minor


class Period(Struct, frozen=True):
    """A day of a provider's."""

    begins_at: datetime
    ends_at: datetime
    ready_at: datetime


def period(day: date, zone: str) -> Period:
    """The moments of a day in the provider's time zone, whatever ours is."""
    place = ZoneInfo(zone)
    begins, ends = (datetime.combine(day + timedelta(days=n), time(), place) for n in (0, 1))
    ready = datetime.combine(day + timedelta(days=1), READY_AT, place)
    return Period(begins.astimezone(UTC), ends.astimezone(UTC), ready.astimezone(UTC))


def days_due(opened_at: datetime, now: datetime, zone: str) -> list[date]:
    """The days whose bills should be there by now, oldest first, from the merchant's first on."""
    place = ZoneInfo(zone)
    today = now.astimezone(place)
    last = today.date() - timedelta(days=1 if today.timetz().replace(tzinfo=None) >= READY_AT else 2)
    first = max(opened_at, now - OLDEST).astimezone(place).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def bill_pause(tries: int) -> timedelta:
    """Until a bill that could not be had is asked for again."""
    if tries > _RARELY_AFTER:
        return _RARELY
    return timedelta(seconds=_PAUSES_S[min(max(tries, 1), len(_PAUSES_S)) - 1])


def ref_of(line: BillLine) -> str:
    """What a line is about. Refunds go by our number: some providers name the payment's id instead of their own."""
    if line.kind is BillLineKind.REFUND:
        return line.number or f"of {line.provider_id}"
    return line.provider_id


def unheard(lines: Iterable[BillLine], ours: Iterable[Ours]) -> list[BillLine]:
    """Lines of which the books know nothing, or no end: the provider is asked about them before anything is said."""
    known = {(each.kind, each.ref) for each in ours if each.is_done}
    money = (BillLineKind.PAYMENT, BillLineKind.REFUND)
    return [line for line in lines if line.kind in money and (line.kind, ref_of(line)) not in known]


def compare(lines: Sequence[BillLine], ours: Iterable[Ours]) -> list[Difference]:
    """Everything in which the bill and the books do not agree, lines first, each thing once."""
    known: Mapping[tuple[BillLineKind, str], Ours] = {(each.kind, each.ref): each for each in ours}
    times: Counter[tuple[BillLineKind, str]] = Counter(
        (line.kind, ref_of(line)) for line in lines if line.kind is not BillLineKind.OTHER
    )
    found: dict[tuple[What, BillLineKind, str], Difference] = {}
    for index, line in enumerate(lines, 1):
        for each in _line(line, index, known.get((line.kind, ref_of(line))), times):
            found.setdefault((each.what, each.kind, each.ref), each)
    listed = set(times)
    for own in known.values():
        if own.is_due and own.is_done and (own.kind, own.ref) not in listed:
            missing = _of_ours(What.MISSING_WITH_THEM, own, "", str(own.amount_minor))
            found[missing.what, missing.kind, missing.ref] = missing
    return list(found.values())


def totals(lines: Iterable[BillLine], ours: Iterable[Ours]) -> list[Total]:
    """What the day came to, by currency. Ours: of what is in the bill, or due and in none."""
    lines = list(lines)
    listed = {(line.kind, ref_of(line)) for line in lines}
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        if line.kind is BillLineKind.OTHER:
            continue
        word = "paid" if line.kind is BillLineKind.PAYMENT else "refunded"
        sums[line.currency].update({word: line.amount_minor, f"n_{word}": 1, "fees": line.fee_minor})
    for own in ours:
        if own.is_done and (own.is_due or (own.kind, own.ref) in listed):
            word = "our_paid" if own.kind is BillLineKind.PAYMENT else "our_refunded"
            sums[own.currency][word] += own.amount_minor
    return [
        Total(
            currency=currency,
            payments=count["n_paid"],
            refunds=count["n_refunded"],
            paid_minor=count["paid"],
            refunded_minor=count["refunded"],
            fees_minor=count["fees"],
            our_paid_minor=count["our_paid"],
            our_refunded_minor=count["our_refunded"],
        )
        for currency, count in sorted(sums.items())
    ]


def _line(
    line: BillLine, index: int, own: Ours | None, times: Mapping[tuple[BillLineKind, str], int]
) -> Iterator[Difference]:
    if line.kind is BillLineKind.OTHER:
        yield _of_line(What.UNREAD, line, f"line {index}", "", ref=f"line {index} {line.provider_id}".strip())
        return
    amount = str(line.amount_minor)
    if times[line.kind, ref_of(line)] > 1:
        yield _of_line(What.TWICE, line, f"{times[line.kind, ref_of(line)]} lines", "1")
    if not _can_be(line):
        yield _of_line(What.FEE, line, str(line.fee_minor), "")
    if own is None:
        yield _of_line(What.MISSING_WITH_US, line, amount, "")
        return
    if line.amount_minor != own.amount_minor:
        yield _of_line(What.AMOUNT, line, amount, str(own.amount_minor))
    if line.currency != own.currency:
        yield _of_line(What.CURRENCY, line, line.currency, own.currency)
    if own.number and line.number != own.number:
        yield _of_line(What.NUMBER, line, line.number, own.number)
    if own.is_done and own.posted_minor != own.amount_minor:
        yield _of_ours(What.LEDGER, own, str(own.amount_minor), str(own.posted_minor))


def _can_be(line: BillLine) -> bool:
    """Fees are never more than the amount; those of payments are taken, those of refunds come back."""
    if line.kind is BillLineKind.PAYMENT:
        return 0 <= line.fee_minor <= line.amount_minor
    return -line.amount_minor <= line.fee_minor <= 0


def _of_line(what: What, line: BillLine, theirs: str, ours: str, ref: str = "") -> Difference:
    return Difference(
        what=what,
        kind=line.kind,
        ref=ref or ref_of(line),
        number=line.number,
        currency=line.currency,
        theirs=theirs,
        ours=ours,
    )


def _of_ours(what: What, own: Ours, theirs: str, ours: str) -> Difference:
    return Difference(
        what=what,
        kind=own.kind,
        ref=own.ref,
        number=own.number,
        currency=own.currency,
        theirs=theirs,
        ours=ours,
    )
