"""The parties of a run: agreements at random that change in mid-use, and the rules about shares.

The parts are worked out a second time, in fractions and from the frozen text as it is written, sharing no code
with what they judge; so is which agreement is in force.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from msgspec.structs import replace

from coinslot.ledger import accounts
from coinslot.ledger.entries import Entry, EntryKind
from coinslot.sandbox.simulator.agenda import Agenda
from coinslot.sandbox.simulator.chance import Chance
from coinslot.sandbox.simulator.plan import Plan
from coinslot.sandbox.simulator.violation import Broken
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Batch
from coinslot.settlement.memory import MemoryBooks
from coinslot.sharing import Agreement, Agreements, Part, PartyId, Target
from coinslot.sharing.model import AgreementId
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId

_SITES = (SiteId("north"), SiteId("south"))
_KINDS = ("shower", "dispenser")
_PARTIES = tuple(PartyId(name) for name in ("hotel", "factory", "platform"))
_CURRENCY = "CNY"
_SHARED = (EntryKind.CAPTURE, EntryKind.ARREARS)


class Partners:
    """Dice of its own, so that what else happens in a run does not depend on who shares in it."""

    def __init__(self, seed: int, books: MemoryBooks, operator: OperatorId) -> None:
        self._chance = Chance(seed + 1_000_003)
        self._books = books
        self._operator = operator
        self._every: list[Agreement] = []
        self._holds: Counter[str] = Counter()
        """What each party, and under the empty name the operator, must have by now."""
        self._keys: set[str] = set()

    def agree(self, agenda: Agenda, plan: Plan) -> None:
        """Outlets are put at sites; none to four agreements, some of them over, some edited during the day."""
        chance, outlets = self._chance, self._books.fleet.outlets
        for key in sorted(outlets):
            outlets[key] = replace(outlets[key], site=chance.one_of(_SITES), kind=chance.one_of(_KINDS))
        targets = [
            Target(),
            Target(kind=_KINDS[0]),
            Target(site=_SITES[0]),
            Target(site=_SITES[0], kind=_KINDS[0]),
            Target(appliance=ApplianceId("a0")),
        ]
        today = self._books.clock().date()
        for number in range(chance.between(0, 4)):
            begins = today - timedelta(days=chance.between(-1, 3))
            self._every.append(
                Agreement(
                    operator_id=self._operator,
                    agreement_id=AgreementId(f"agr-{number}"),
                    version=1,
                    name=f"Agreement {number}",
                    target=chance.one_of(targets),
                    valid_from=begins,
                    valid_to=chance.one_of((None, None, begins, begins + timedelta(days=1))),
                    bonus_shared=chance.likely(0.5),
                    parts=self._parts(),
                    made_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chance.between(0, 2)),
                )
            )
        self._publish()
        for _ in range(chance.between(0, 3)):
            agenda.after(chance.between(0, plan.sessions * 60_000 // plan.terminals), self.edit)

    def edit(self) -> None:
        """Another version of one of them, in the middle of sessions shared by the one before."""
        if self._every:
            at = self._chance.between(0, len(self._every) - 1)
            old = self._every[at]
            self._every[at] = replace(old, version=old.version + 1, parts=self._parts())
            self._publish()

    def _parts(self) -> tuple[Part, ...]:
        chance = self._chance
        left_ppm = 1_000_000
        parts = []
        for party in _PARTIES[: chance.between(1, 3)]:
            share_ppm = chance.one_of((0, 300_000, 333_333, chance.between(0, left_ppm), left_ppm))
            share_ppm = min(share_ppm, left_ppm)
            left_ppm -= share_ppm
            fixed_minor = chance.one_of((0, 0, 1, 7, 60)) if share_ppm else chance.between(1, 30)
            parts.append(Part(party, share_ppm, fixed_minor))
        return tuple(parts)

    def _publish(self) -> None:
        if self._every:
            self._books.fleet.agreements[self._operator] = Agreements("Asia/Shanghai", self._every)

    # ------------------------------------------------------------ the rules

    def committed(self, batch: Batch) -> None:
        """New sessions froze the agreement in force; each party has its exact part of each charge."""
        for session in batch.new_sessions:
            self._frozen(session)
        for entry in batch.entries:
            if entry.kind in _SHARED and entry.key not in self._keys:
                self._keys.add(entry.key)
                self._posted(entry)

    def kept(self) -> None:
        """Every account holds the sum of its parts, and all parts together what was captured or owed."""
        for party in _PARTIES:
            self._balance(accounts.party_payable(party), self._holds[party])
        self._balance(accounts.operator_revenue(), self._holds[""])

    def _frozen(self, session: Session) -> None:
        row = self._books.fleet.outlets[session.operator, session.terminal, session.outlet]
        day = (session.created_at + timedelta(hours=8)).date()
        fits = [
            one
            for one in self._every
            if one.target.appliance in (None, session.appliance)
            and one.target.site in (None, row.site)
            and one.target.kind in (None, row.kind)
            and one.valid_from <= day <= (one.valid_to or day)
        ]
        fits.sort(key=lambda one: (_rank(one.target), one.valid_from, one.made_at, one.agreement_id))
        expected = (fits[-1].agreement_id, fits[-1].version) if fits else None
        frozen = json.loads(session.sharing)[:2] if session.sharing else None
        if (None if frozen is None else tuple(frozen)) != expected:
            raise Broken(f"{session.id} froze {frozen}, in force is {expected}")

    def _posted(self, entry: Entry) -> None:
        assert entry.session is not None
        session = next(one for key, one in self._books.sessions.items() if key[1] == entry.session)
        late = entry.kind is EntryKind.ARREARS
        whole = min(session.charge_minor or 0, session.hold_minor)
        _, _, bonus_shared, parts = json.loads(session.sharing) if session.sharing else ("", 0, False, [])
        shared = whole if late or bonus_shared else min(whole, session.hold_principal_minor)
        expected = Counter(expected_parts(parts, shared))
        expected[""] = whole - expected.total()
        posted: Counter[str] = Counter()
        for leg in entry.postings:
            if leg.account == accounts.operator_revenue():
                posted[""] -= leg.amount_minor
            elif leg.account.startswith("party/"):
                posted[leg.account.split("/")[1]] -= leg.amount_minor
        if posted != expected or min(expected.values()) < 0:
            raise Broken(f"{entry.key} gives {dict(posted)} of {whole}, agreed is {dict(expected)}")
        self._holds += expected

    def _balance(self, account: str, expected: int) -> None:
        held = self._books.ledger.balance(self._operator, account, _CURRENCY)
        if held != expected:
            raise Broken(f"{account} holds {held}, its parts come to {expected}")


def expected_parts(parts: Sequence[tuple[str, int, int]], charge_minor: int) -> dict[str, int]:
    """Each party's part: fixed amounts in order, then largest remainders, the operator last."""
    left = charge_minor
    given: dict[str, int] = {}
    for party, _, fixed_minor in parts:
        given[party] = min(fixed_minor, left)
        left -= given[party]
    shares = [(party, Fraction(ppm, 1_000_000)) for party, ppm, _ in parts]
    shares.append(("", Fraction(1) - sum((share for _, share in shares), Fraction(0))))
    exact = [(party, share * left) for party, share in shares]
    short = left - sum(int(amount) for _, amount in exact)
    by_remainder = sorted(range(len(exact)), key=lambda at: (int(exact[at][1]) - exact[at][1], at))
    for at, (party, amount) in enumerate(exact):
        if party:
            given[party] += int(amount) + (1 if at in by_remainder[:short] else 0)
    return given


def _rank(target: Target) -> int:
    return 4 * (target.appliance is not None) + 2 * (target.site is not None) + (target.kind is not None)
