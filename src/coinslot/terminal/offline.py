"""Codes without a link: under which terms an outlet takes them, how one opens, and how one is burnt unused.

What tells of a code is a record, and the record burns its count in the same write: a code that opened, or that the
server was told will not, opens nothing any more, whatever is lost afterwards.
"""

from __future__ import annotations

from coinslot.access import offline
from coinslot.access.offline import Refusal
from coinslot.terminal.entries import TermsKept
from coinslot.terminal.limits import can_keep
from coinslot.terminal.linking import Linking
from coinslot.terminal.scribe import Scribe
from coinslot.terminal.sessions import Sessions
from coinslot.terminal.taps import Tap
from coinslot.wire.messages import Burn, Offline
from coinslot.wire.records import Burnt, DeclineReason, OfflineCredit

AGAIN_MS = 30_000
"""Terms that we hold and that are sent again are answered once in this long, so that nobody's mistake makes a loop."""


class OfflineCodes:
    """All outlets' terms."""

    def __init__(self, scribe: Scribe, link: Linking, sessions: Sessions) -> None:
        self._scribe = scribe
        self._link = link
        self._sessions = sessions
        self._told_at = -AGAIN_MS

    def takes(self, tap: Tap) -> bool:
        """Whether an outlet holds terms."""
        return tap.number in self._scribe.kept.tokens.terms

    # ------------------------------------------------------------ the server

    def keep(self, terms: Offline) -> None:
        """New terms, or none any more; a hello says which are held. Terms that could not be kept are not held."""
        tap = self._sessions.taps.get(terms.outlet)
        known = self._scribe.kept.tokens.terms.get(terms.outlet)
        if terms.key and (tap is None or not _sound(terms, tap)):
            return
        if known is not None and _same(known, terms):
            if self._scribe.now - self._told_at >= AGAIN_MS:
                self._told_at = self._scribe.now
                self._link.hello()
            return
        if (terms.key or known is not None) and self._scribe.has_room(len(self._scribe.kept.open)):
            self._scribe.append(TermsKept(terms=terms))
            self._link.hello()

    def burn(self, burn: Burn) -> None:
        """The code of a session is wanted no more. Answered with a record that it was not used; where the journal
        holds one that tells of it, or it was used, that one tells."""
        kept = self._scribe.kept
        promise = offline.parse(burn.session)
        if promise is None or promise.count != burn.token:
            return
        if burn.session in kept.open or kept.tokens.was_used(burn.session):
            return
        told = kept.tokens.is_gone(burn.session) and self._told(burn.session)
        if told or not self._scribe.has_room(len(kept.open)):
            return
        self._scribe.record(
            Burnt(
                boot=kept.boot,
                ticks_ms=self._scribe.now,
                wall_ms=self._scribe.wall_ms,
                session=burn.session,
                outlet=burn.outlet,
                token_count=burn.token,
            )
        )

    # ------------------------------------------------------------ people

    def accept(self, tap: Tap, digits: str) -> Refusal | DeclineReason | None:
        """Try digits at an outlet that holds terms: None where they have opened it. Whatever hinders a start is said
        before the digits are looked at, and burns nothing."""
        kept = self._scribe.kept
        terms = kept.tokens.terms[tap.number]
        hindrance = self._sessions.hindrance(tap, "")
        if hindrance is not None:
            return hindrance
        if terms.limits is None or not can_keep(terms.limits, tap.settings.meters):
            return DeclineReason.LIMITS
        count = offline.verify(terms, digits, kept.tokens.gone(terms.terms))
        if isinstance(count, Refusal):
            return count
        session = offline.session_id(terms.terms, count)
        hindrance = self._sessions.hindrance(tap, session)
        if hindrance is not None:
            return hindrance
        self._scribe.record(
            OfflineCredit(
                boot=kept.boot,
                ticks_ms=self._scribe.now,
                wall_ms=self._scribe.wall_ms,
                session=session,
                outlet=tap.number,
                token_count=count,
                limits_minor=terms.credit_minor,
            )
        )
        self._sessions.begin(tap, session, session, terms.limits, terms.quote)
        return None

    def recover(self) -> None:
        """After a boot: a code accepted just before the power went, whose session never started, never will."""
        for credited in list(self._scribe.kept.tokens.credited.values()):
            self._sessions.refuse(credited.session, credited.session, credited.outlet, DeclineReason.CLOSED)

    def _told(self, session: str) -> bool:
        name = f'"{session}"'.encode()
        return any(name in raw for raw in self._scribe.kept.records.values())


def _sound(terms: Offline, tap: Tap) -> bool:
    """Whether codes under these terms can be kept to their credit, and name sessions."""
    try:
        offline.session_id(terms.terms, offline.MOST_COUNT)
    except ValueError:
        return False
    within = terms.limits is not None and can_keep(terms.limits, tap.settings.meters)
    return within and terms.credit_minor > 0 and terms.count < offline.MOST_COUNT


def _same(known: Offline, terms: Offline) -> bool:
    return all(
        getattr(known, name) == getattr(terms, name) for name in Offline.__struct_fields__ if name != "link"
    )
