"""The rules about money: of each commit, each session's end, each customer's balance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from coinslot.ledger import accounts
from coinslot.ledger.entries import EntryKind
from coinslot.sandbox.simulator.oracle import charge_minor
from coinslot.sandbox.simulator.violation import Broken
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Batch, Purse
from coinslot.settlement.memory import MemoryBooks
from coinslot.tariffs import Quote, decode_quote
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, TariffId
from coinslot.wire.records import Checkpoint, Record, Started, Stopped
from coinslot.wire.registers import Register

CURRENCY = "CNY"
_usage = msgspec.json.Decoder(dict[Register, int])


class MoneyRules:
    """Looks at the same books as everybody, and adds up for itself."""

    def __init__(self, books: MemoryBooks, operator: OperatorId) -> None:
        self._books = books
        self._operator = operator
        self._in: Counter[CustomerId] = Counter()
        """Money that came in, and bonus given, by customer; arrears repaid are money that went out."""
        self._of: dict[CustomerId, list[SessionId]] = defaultdict(list)
        self._keys: set[str] = set()

    def committed(self, batch: Batch) -> None:
        """Each entry sums to zero, no limited account is below it, nobody's money is made or lost."""
        for session in batch.new_sessions:
            if session.customer is not None:
                self._of[session.customer].append(session.id)
            self.quoted(batch.sessions[session.id])
        touched = [*(batch.sessions[name] for name in batch.changed_sessions), *batch.new_sessions]
        customers = {session.customer for session in touched if session.customer is not None}
        for entry in batch.entries:
            if sum(posting.amount_minor for posting in entry.postings):
                raise Broken(f"entry {entry.key} does not sum to zero")
            fresh = entry.key not in self._keys
            self._keys.add(entry.key)
            for posting in entry.postings:
                kind = accounts.parse_account(posting.account)
                if kind.limited and self._balance(posting.account) < 0:
                    raise Broken(f"{posting.account} is below zero")
                if posting.account.startswith("customer/"):
                    customer = CustomerId(posting.account.split("/")[1])
                    customers.add(customer)
                    moves_wallet = not posting.account.endswith("/arrears")
                    if fresh and moves_wallet and entry.kind in (EntryKind.CASH, EntryKind.ARREARS_REPAID):
                        self._in[customer] -= posting.amount_minor
        for name in sorted(batch.changed_sessions | {session.id for session in batch.new_sessions}):
            self._hold(self._books.sessions[self._operator, name])
        for customer in sorted(customers):
            self.conserved(customer)

    def _hold(self, session: Session) -> None:
        held = self._held(session.held_under)
        expected = session.hold_minor if session.live else 0
        if held != expected:
            raise Broken(f"{session.id} is {session.state.value} and holds {held}, not {expected}")

    def conserved(self, customer: CustomerId) -> None:
        """What came in is what is there, what is held and what was captured."""
        wallet = self._books.wallet(Purse(self._operator, customer, CURRENCY))
        sessions = [self._books.sessions[self._operator, name] for name in self._of[customer]]
        held = sum(self._held(session.id) for session in sessions if session.live)
        captured = sum(session.captured_minor or 0 for session in sessions)
        if self._in[customer] != wallet.balance_minor + held + captured:
            raise Broken(
                f"{customer} brought {self._in[customer]}, but has {wallet.balance_minor}, {held} held and "
                f"{captured} captured"
            )

    def settled(
        self,
        session: Session,
        said: Sequence[Record],
        poured_ml: int,
        seconds: int,
        *,
        doubted: bool,
    ) -> None:
        """The charge is the tariff's, of registers the terminal reported, and of no more than was used."""
        quote = decode_quote(session.quote.encode())
        usage = _usage.decode(session.registers or "{}")
        expected = charge_minor(self._tariff(session, quote), quote.free, usage)
        if session.charge_minor != expected:
            raise Broken(f"{session.id} was charged {session.charge_minor}, its tariff says {expected}")
        self._taken(session, expected)
        if usage.get(Register.ML, 0) > poured_ml or usage.get(Register.S, 0) > seconds:
            raise Broken(f"{session.id} was charged for {usage}, used {poured_ml} mL in {seconds} s")
        reported = [_gained(said, record) for record in said]
        if any(usage.values()) and usage not in reported and not doubted:
            raise Broken(f"{session.id} was charged for {usage}, reported were {reported}")
        ends = [_gained(said, record) for record in said if isinstance(record, Stopped)]
        if session.stopped_at is not None and not doubted and usage not in ends:
            raise Broken(f"{session.id} was charged for {usage}, it stopped at {ends}")

    def _taken(self, session: Session, charge: int) -> None:
        most = min(charge, session.hold_minor)
        taken = session.captured_minor if session.state is State.SETTLED else session.arrears_minor
        if session.state is State.SETTLED and taken != most:
            raise Broken(f"{session.id}: {taken} captured of a charge of {charge}, {session.hold_minor} held")
        if session.state is State.LATE and ((taken or 0) > most or session.captured_minor):
            raise Broken(f"{session.id}: {taken} owed and {session.captured_minor} captured, at most {most}")

    def quoted(self, session: Session) -> None:
        """A new session is quoted by the tariff's latest version."""
        quote = decode_quote(session.quote.encode())
        latest = len(self._books.fleet.tariffs[self._operator, TariffId(quote.tariff_id)])
        if quote.version != latest:
            raise Broken(f"{session.id} was quoted by version {quote.version}, the latest is {latest}")

    def _tariff(self, session: Session, quote: Quote) -> str:
        return self._books.fleet.tariffs[session.operator, TariffId(quote.tariff_id)][quote.version - 1]

    def _held(self, ref: str) -> int:
        return self._balance(accounts.hold_principal(ref)) + self._balance(accounts.hold_bonus(ref))

    def _balance(self, account: str) -> int:
        return self._books.ledger.balance(self._operator, account, CURRENCY)


def _gained(said: Sequence[Record], record: Record) -> dict[Register, int]:
    begun = next((first.registers for first in said if isinstance(first, Started)), None)
    if isinstance(record, Stopped):
        begun = record.start
    if begun is None or not isinstance(record, Started | Checkpoint | Stopped):
        return {}
    return {register: value - begun.get(register, 0) for register, value in record.registers.items()}
