"""The transition tables of an attempt, an intent and a refund. The documentation's diagrams are generated from them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Generic, TypeVar

_FENCE: Final = "```mermaid\n"


class AttemptState(StrEnum):
    """Where one try with one provider stands."""

    NEW = "new"
    """Stored; the provider may or may not have heard of it."""
    CREATE_UNKNOWN = "create_unknown"
    """The provider was asked, and nobody knows what became of it."""
    PENDING = "pending"
    """The provider has it, and nobody has paid."""
    CLOSING = "closing"
    """It is to be closed; until the provider confirms that, it can still be paid."""
    CLOSED = "closed"
    """It can never be paid any more, by the provider's word or because its life has ended."""
    FAILED = "failed"
    """The provider would not have it, or the payer failed for good."""
    SUCCEEDED = "succeeded"
    """Paid. Nothing that is heard later changes that; what is given back is a refund."""


class AttemptEvent(StrEnum):
    """What can happen to an attempt."""

    CREATED = "created"
    """The provider has made it and said how to pay."""
    UNCLEAR = "unclear"
    """The provider was asked to make it, and gave no answer that can be believed."""
    REJECTED = "rejected"
    """The provider refused to make it."""
    WAITING = "waiting"
    """The provider knows it, and nobody has paid."""
    CLOSE_ASKED = "close_asked"
    """It is not wanted any more, or its time is over."""
    CLOSED = "closed"
    """The provider says that it can never be paid, or knows nothing of it after its life."""
    FAILED = "failed"
    """The provider says that paying has failed for good."""
    PAID = "paid"
    """The provider says that it was paid, and everything about it agrees."""


class IntentState(StrEnum):
    """Where what we want to collect stands."""

    OPEN = "open"
    PAID = "paid"
    """By one attempt."""
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    """All of it."""
    EXPIRED = "expired"
    """Nobody can pay it any more. Money that arrives all the same goes back by itself."""


class IntentEvent(StrEnum):
    """What can happen to an intent."""

    PAID = "paid"
    PART_REFUNDED = "part_refunded"
    """A refund was done, and something is left."""
    ALL_REFUNDED = "all_refunded"
    EXPIRED = "expired"
    """Its time is over, and no attempt can be paid any more."""


class RefundState(StrEnum):
    """Where money on its way back stands."""

    REQUESTED = "requested"
    """Stored; the provider may or may not have heard of it. It is asked, again and again, with the same number."""
    PROCESSING = "processing"
    """The provider has accepted it."""
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    """It will not be done."""
    ABNORMAL = "abnormal"
    """The payer's account cannot take it: a person decides."""


class RefundEvent(StrEnum):
    """What can happen to a refund."""

    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    ABNORMAL = "abnormal"
    REJECTED = "rejected"
    """The provider refused it for good, and knows of no such refund."""
    ASKED_AGAIN = "asked_again"
    """A person wants it tried again."""
    GIVEN_UP = "given_up"
    """A person has decided that the provider will not do it."""


S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class IllegalEvent(Exception):
    """The table does not name this event for this state; nothing has changed."""

    def __init__(self, what: str, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"{what} that is {state.value} cannot be {event.value.replace('_', ' ')}")
        self.state = state
        self.event = event


@dataclass(frozen=True)
class Table(Generic[S, E]):
    """One state machine."""

    what: str
    first: S
    transitions: Mapping[tuple[S, E], S]

    def after(self, state: S, event: E) -> S:
        """The state that follows. IllegalEvent when the table has no such row."""
        try:
            return self.transitions[state, event]
        except KeyError:
            raise IllegalEvent(self.what, state, event) from None

    def diagram(self) -> str:
        """The table as a Mermaid state diagram; a state that is left only by nothing points to the end."""
        arrows: dict[tuple[S, S], list[str]] = {}
        for (state, event), target in self.transitions.items():
            arrows.setdefault((state, target), []).append(event.value)
        left = {a for a, b in arrows if a is not b}
        states = dict.fromkeys([self.first, *(b for _, b in arrows)])
        rows = ["stateDiagram-v2", f"    [*] --> {self.first.value}"]
        rows += [f"    {a.value} --> {b.value}: {', '.join(events)}" for (a, b), events in arrows.items()]
        rows += [f"    {state.value} --> [*]" for state in states if state not in left]
        return "\n".join(rows) + "\n"


def _attempts() -> Table[AttemptState, AttemptEvent]:
    s, e = AttemptState, AttemptEvent
    # What ends an attempt that lives does so wherever it stands.
    ends = {e.CLOSED: s.CLOSED, e.FAILED: s.FAILED, e.PAID: s.SUCCEEDED}
    rows = {
        s.NEW: {e.CREATED: s.PENDING, e.UNCLEAR: s.CREATE_UNKNOWN, e.REJECTED: s.FAILED, e.WAITING: s.PENDING,
                e.CLOSE_ASKED: s.CLOSING, **ends},
        # A refusal now says nothing of the time before, which may have gone through.
        s.CREATE_UNKNOWN: {e.CREATED: s.PENDING, e.WAITING: s.PENDING, e.CLOSE_ASKED: s.CLOSING, **ends},
        s.PENDING: {e.CLOSE_ASKED: s.CLOSING, **ends},
        s.CLOSING: ends,
        s.CLOSED: {e.PAID: s.SUCCEEDED},
        # Two calls for one attempt: one was refused, the other may not have been.
        s.FAILED: {e.CREATED: s.PENDING, e.UNCLEAR: s.CREATE_UNKNOWN, e.WAITING: s.PENDING, e.CLOSED: s.CLOSED,
                   e.PAID: s.SUCCEEDED},
        s.SUCCEEDED: {},
    }  # fmt: skip
    # Providers repeat themselves and speak late: whatever else is heard changes nothing, and is no error.
    return Table(
        "an attempt",
        s.NEW,
        {(state, event): row.get(event, state) for state, row in rows.items() for event in e},
    )


ATTEMPT: Final = _attempts()

INTENT: Final = Table(
    "an intent",
    IntentState.OPEN,
    {
        (IntentState.OPEN, IntentEvent.PAID): IntentState.PAID,
        (IntentState.OPEN, IntentEvent.EXPIRED): IntentState.EXPIRED,
        (IntentState.PAID, IntentEvent.PART_REFUNDED): IntentState.PARTLY_REFUNDED,
        (IntentState.PAID, IntentEvent.ALL_REFUNDED): IntentState.REFUNDED,
        (IntentState.PARTLY_REFUNDED, IntentEvent.PART_REFUNDED): IntentState.PARTLY_REFUNDED,
        (IntentState.PARTLY_REFUNDED, IntentEvent.ALL_REFUNDED): IntentState.REFUNDED,
    },
)

_FROM_PROVIDER: Final = (
    RefundEvent.ACCEPTED,
    RefundEvent.SUCCEEDED,
    RefundEvent.CLOSED,
    RefundEvent.ABNORMAL,
    RefundEvent.REJECTED,
)


def _refunds() -> Table[RefundState, RefundEvent]:
    s, e = RefundState, RefundEvent
    rows: dict[tuple[RefundState, RefundEvent], RefundState] = {
        (state, event): state for state in s for event in _FROM_PROVIDER
    }
    for state in (s.REQUESTED, s.PROCESSING, s.ABNORMAL):
        rows |= {
            (state, e.SUCCEEDED): s.SUCCEEDED,
            (state, e.CLOSED): s.CLOSED,
            (state, e.ABNORMAL): s.ABNORMAL,
        }
    rows |= {
        (s.REQUESTED, e.ACCEPTED): s.PROCESSING,
        (s.REQUESTED, e.REJECTED): s.CLOSED,
        (s.ABNORMAL, e.ACCEPTED): s.PROCESSING,  # somebody has put it right with the provider
        (s.ABNORMAL, e.ASKED_AGAIN): s.REQUESTED,
        (s.ABNORMAL, e.GIVEN_UP): s.CLOSED,
        (s.CLOSED, e.SUCCEEDED): s.SUCCEEDED,  # the money has left all the same: the books follow the truth
    }
    return Table("a refund", s.REQUESTED, rows)


REFUND: Final = _refunds()


def in_page(page: str) -> str:
    """A page of the documentation with its first three Mermaid blocks replaced by the three diagrams."""
    before, *blocks = page.split(_FENCE)
    diagrams = [ATTEMPT.diagram(), INTENT.diagram(), REFUND.diagram()]
    drawn = [
        _FENCE + diagram + "```" + block.split("```", 1)[1]
        for diagram, block in zip(diagrams, blocks, strict=True)
    ]
    return before + "".join(drawn)


def main(paths: list[str]) -> None:
    """Draw the diagrams anew in these pages: `python -m coinslot.payments.states docs/payments.md`."""
    for path in map(Path, paths):
        path.write_text(in_page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
