"""Bugs put in on purpose: each takes one rule out of the product, and the simulator has to miss it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot import tariffs
from coinslot.ledger.events import Payable, take
from coinslot.sessions.model import Session
from coinslot.settlement import apply, authorize, happen, proof, records, settle, timers
from coinslot.settlement.changes import Batch, Terminal
from coinslot.settlement.requests import StartView
from coinslot.sharing import Frozen, payables, thaw
from coinslot.terminal import kept
from coinslot.terminal.actions import Action, OpenValve
from coinslot.terminal.entries import Entry, EntryError, decode_entry
from coinslot.terminal.hands import Hands
from coinslot.terminal.sessions import Sessions
from coinslot.wire.messages import Start
from coinslot.wire.records import Stopped

Plant = Callable[[pytest.MonkeyPatch], None]


def applies_what_it_has_applied(patch: pytest.MonkeyPatch) -> None:
    real = records.apply

    def broken(batch: Batch, incoming: records.Incoming) -> None:
        row = batch.terminals.get(incoming.terminal)
        if row is not None:
            batch.put_terminal(replace(row, acked_seq=min(row.acked_seq, incoming.message.first_seq - 1)))
        real(batch, incoming)

    patch.setattr(apply, "apply", broken)


def releases_without_proof(patch: pytest.MonkeyPatch) -> None:
    for module in (proof, timers):
        patch.setattr(module, "disproves", lambda terminal, session: True)


def takes_records_not_yet_here_for_none(patch: pytest.MonkeyPatch) -> None:
    def broken(terminal: Terminal, session: Session) -> bool:
        return terminal.link > session.link or terminal.hello_at_ms > session.expires_at_ms

    for module in (proof, timers):
        patch.setattr(module, "disproves", broken)


def believes_a_hello_composed_before_the_expiry(patch: pytest.MonkeyPatch) -> None:
    def broken(terminal: Terminal, session: Session) -> bool:
        return terminal.link >= session.link and terminal.acked_seq >= terminal.hello_next_seq - 1

    for module in (proof, timers):
        patch.setattr(module, "disproves", broken)


def charges_above_the_hold(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "min", lambda charge, hold: charge, raising=False)


def rates_a_minor_unit_too_much(patch: pytest.MonkeyPatch) -> None:
    real = tariffs.rate

    def broken(quote: tariffs.Quote, usage: dict[tariffs.Rate, int]) -> tariffs.Charge:
        charge = real(quote, usage)  # type: ignore[arg-type]
        return replace(charge, amount_minor=charge.amount_minor + 1) if charge.amount_minor else charge

    patch.setattr(tariffs, "rate", broken)


def keeps_the_hold_of_a_release(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(happen, "release", lambda batch, session: session)


def opens_twice_for_one_command(patch: pytest.MonkeyPatch) -> None:
    real = Sessions.start

    def broken(self: Sessions, start: Start, *, right_link: bool, link_ms: int) -> None:
        self._scribe.kept.answered.pop(start.command, None)
        self._scribe.kept.over.pop(start.session, None)
        real(self, start, right_link=right_link, link_ms=link_ms)

    patch.setattr(Sessions, "start", broken)


def opens_after_expiry(patch: pytest.MonkeyPatch) -> None:
    real = Sessions.start

    def broken(self: Sessions, start: Start, *, right_link: bool, link_ms: int) -> None:
        real(self, start, right_link=right_link, link_ms=0)

    patch.setattr(Sessions, "start", broken)


def opens_for_another_link(patch: pytest.MonkeyPatch) -> None:
    real = Sessions.start

    def broken(self: Sessions, start: Start, *, right_link: bool, link_ms: int) -> None:
        real(self, start, right_link=True, link_ms=link_ms)

    patch.setattr(Sessions, "start", broken)


def opens_before_it_has_written(patch: pytest.MonkeyPatch) -> None:
    real = Hands.do

    def broken(self: Hands, actions: Sequence[Action]) -> None:
        real(self, sorted(actions, key=lambda action: not isinstance(action, OpenValve)))

    patch.setattr(Hands, "do", broken)


def runs_past_its_limits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sessions, "keep_limits", lambda self, tap: None)


def forgets_open_sessions_at_boot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sessions, "recover", lambda self: None)


def loses_starts_from_its_journal(patch: pytest.MonkeyPatch) -> None:
    def broken(line: bytes) -> Entry:
        entry = decode_entry(line)
        if b'"quote"' in line:
            raise EntryError("no such field")
        return entry

    patch.setattr(kept, "decode_entry", broken)


def acknowledges_ends_it_has_not_stored(patch: pytest.MonkeyPatch) -> None:
    real = records._apply_one

    def broken(batch: Batch, terminal: Terminal, seq: int, record: records.ReadRecord, body: bytes) -> None:
        if not (isinstance(record, Stopped) and seq % 3 == 0):
            real(batch, terminal, seq, record, body)

    patch.setattr(records, "_apply_one", broken)


def believes_a_start_has_expired_too_soon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authorize, "_MARGIN", timedelta(seconds=-14))


def shares_what_was_paid_with_bonus(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Frozen, "shared_minor", lambda frozen, principal_minor, bonus_minor: principal_minor + bonus_minor
    )


def gives_odd_units_to_the_operator(patch: pytest.MonkeyPatch) -> None:
    def broken(session: Session, captured_minor: int) -> list[Payable]:
        frozen = thaw(session.sharing) if session.sharing else None
        taken = take(captured_minor, session.hold_principal_minor, session.hold_bonus_minor)
        if frozen is None:
            return []
        shared_minor = frozen.shared_minor(*taken)
        left_minor = max(0, shared_minor - sum(part.fixed_minor for part in frozen.parts))
        exact = {part.party: left_minor * part.share_ppm // 1_000_000 for part in frozen.parts}
        real = dict(payables(frozen, shared_minor))
        return [Payable(party, min(amount, real[party])) for party, amount in exact.items()]

    patch.setattr(settle, "captured_payables", broken)


def keeps_to_the_agreement_first_made(patch: pytest.MonkeyPatch) -> None:
    first: dict[str, str] = {}

    def broken(view: StartView, now: datetime) -> str:
        return first.setdefault(view.appliance, real(view, now))

    real = authorize._sharing
    patch.setattr(authorize, "_sharing", broken)


PLANTS: tuple[Plant, ...] = (
    applies_what_it_has_applied,
    releases_without_proof,
    takes_records_not_yet_here_for_none,
    believes_a_hello_composed_before_the_expiry,
    charges_above_the_hold,
    rates_a_minor_unit_too_much,
    keeps_the_hold_of_a_release,
    opens_twice_for_one_command,
    opens_after_expiry,
    opens_for_another_link,
    opens_before_it_has_written,
    runs_past_its_limits,
    forgets_open_sessions_at_boot,
    loses_starts_from_its_journal,
    acknowledges_ends_it_has_not_stored,
    believes_a_start_has_expired_too_soon,
    shares_what_was_paid_with_bonus,
    gives_odd_units_to_the_operator,
    keeps_to_the_agreement_first_made,
)
