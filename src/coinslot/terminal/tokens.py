"""Offline codes as the journal knows them: the terms in force, and which counts are burnt. Part of its fold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from coinslot.access import offline
from coinslot.terminal.entries import Credited
from coinslot.wire.messages import Offline
from coinslot.wire.records import Burnt, Declined, OfflineCredit, Record, Started

FORMER = 8
"""Former terms whose counts are remembered: a server restored from yesterday may send them again."""


@dataclass
class Tokens:
    """All outlets' terms and counts."""

    terms: dict[int, Offline] = field(default_factory=dict)
    """By outlet."""
    used: dict[str, set[int]] = field(default_factory=dict)
    """Counts that opened, by terms."""
    burnt: dict[str, set[int]] = field(default_factory=dict)
    """Counts that never will."""
    credited: dict[str, Credited] = field(default_factory=dict)
    """Accepted and not started: between two actions of one event, or until the next boot."""

    def gone(self, terms_id: str) -> Collection[int]:
        """Every count of some terms that opens nothing any more."""
        return self.used.get(terms_id, set()) | self.burnt.get(terms_id, set())

    def is_gone(self, session: str) -> bool:
        """Whether the code behind a session's id is burnt; False for any other session."""
        promise = offline.parse(session)
        return promise is not None and promise.count in self.gone(promise.terms)

    def was_used(self, session: str) -> bool:
        """Whether that code opened something."""
        promise = offline.parse(session)
        return promise is not None and promise.count in self.used.get(promise.terms, ())

    def replace(self, terms: Offline) -> None:
        """New terms of an outlet, or none."""
        if terms.key:
            self.terms[terms.outlet] = terms
        else:
            self.terms.pop(terms.outlet, None)

    def fold(self, record: Record) -> None:
        """What a record burns. Whatever tells of a code's session burns its count: with the record, in one write."""
        match record:
            case OfflineCredit():
                self._burn(record.session, self.used)
                self.credited[record.session] = Credited(session=record.session, outlet=record.outlet)
            case Started():
                self._burn(record.session, self.used)
                self.credited.pop(record.session, None)
            case Declined() | Burnt():
                self._burn(record.session, self.burnt)
                self.credited.pop(record.session, None)
            case _:
                pass

    def forget(self) -> None:
        """Drop the counts of terms long out of force."""
        in_force = {terms.terms for terms in self.terms.values()}
        for memory in (self.used, self.burnt):
            former = [terms_id for terms_id in memory if terms_id not in in_force]
            for terms_id in former[: max(0, len(former) - FORMER)]:
                del memory[terms_id]

    def _burn(self, session: str, where: dict[str, set[int]]) -> None:
        promise = offline.parse(session)
        if promise is not None:
            where.setdefault(promise.terms, set()).add(promise.count)
