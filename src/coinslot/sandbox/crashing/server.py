"""The server at the other end of the cable: the real settlement on books in memory, at once and never down."""

from __future__ import annotations

from typing import TypeVar

from coinslot.ledger.entries import Entry
from coinslot.ledger.events import cash_topup
from coinslot.sandbox.simulator.agenda import Agenda, drive
from coinslot.sandbox.simulator.server import CONFIG, understand
from coinslot.sessions.model import Session
from coinslot.settlement import apply, authorize, stop, timers
from coinslot.settlement.changes import Batch, Purse
from coinslot.settlement.memory import MemoryBooks
from coinslot.settlement.memory_fleet import MemoryFleet, OutletRow
from coinslot.settlement.points import Purpose
from coinslot.settlement.requests import StartRequest, Wallet
from coinslot.tariffs import Rate, Tariff, dump_tariff
from coinslot.wire import codec
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, TariffId, TerminalId
from coinslot.wire.registers import Register

T = TypeVar("T")
OPERATOR = OperatorId("op")
TERMINAL = TerminalId("board")
CUSTOMER = CustomerId("customer")
CURRENCY = "CNY"
PAID_IN_MINOR = 100_00
TARIFF = Tariff(
    currency=CURRENCY,
    hold="5.00",
    minimum_start="0.50",
    rates=(Rate(register=Register.ML, per=1000, price="0.45"),),
    max_ml=20_000,
    max_s=300,
    idle_s=30,
)
"""Ten times the price of a shower: what is charged is seen to the last few millilitres."""


class Server:
    """Answers each message before the next thing happens."""

    def __init__(self, agenda: Agenda) -> None:
        self._ids = 0
        self._swept_ms = 0
        self.agenda = agenda
        self.books = MemoryBooks(agenda.now, fleet=MemoryFleet(), make_id=self._make_id)
        fleet = self.books.fleet
        fleet.owners[TERMINAL] = OPERATOR
        fleet.customers[OPERATOR, CUSTOMER] = True
        fleet.tariffs[OPERATOR, TariffId("tariff")] = [dump_tariff(TARIFF)]
        fleet.outlets[OPERATOR, TERMINAL, 0] = OutletRow(
            appliance=ApplianceId("shower"), tariff=TariffId("tariff")
        )
        self.post(
            cash_topup(OPERATOR, "cash:1", CUSTOMER, CURRENCY, amount_minor=PAID_IN_MINOR, bonus_minor=0)
        )

    def hear(self, said: bytes) -> list[bytes]:
        """A message of the terminal's; the answers."""
        word = understand(TERMINAL, said)
        if word is None:
            return []
        return self.sent(*drive(apply.apply_words(self.books, [word], CONFIG)))

    def start(self, key: str) -> tuple[Session, list[bytes]]:
        """The customer starts the shower."""
        request = StartRequest(operator=OPERATOR, customer=CUSTOMER, terminal=TERMINAL, outlet=0, key=key)
        [answer], batch = drive(authorize.authorize(self.books, [request]))
        assert isinstance(answer, Session), answer
        return answer, self.sent(batch)

    def stop(self, session: SessionId) -> list[bytes]:
        """The customer stops it from the page."""
        _, batch = drive(stop.stop(self.books, OPERATOR, session))
        return [] if batch is None else self.sent(batch)

    def sweep(self) -> list[bytes]:
        """What time alone brings, once a second."""
        if self.agenda.now_ms - self._swept_ms < 1_000:
            return []
        self._swept_ms = self.agenda.now_ms
        batch = drive(timers.sweep(self.books))
        return [] if batch is None else self.sent(batch)

    def post(self, *entries: Entry) -> None:
        """Book something beside the terminal."""
        drive(self._post(entries))

    def wallet(self) -> Wallet:
        """The customer's balances."""
        return self.books.wallet(Purse(OPERATOR, CUSTOMER, CURRENCY))

    def session(self, session: SessionId) -> Session:
        """As it stands."""
        return self.books.sessions[OPERATOR, session]

    def sent(self, *batches: Batch) -> list[bytes]:
        """The messages of what was committed, as bytes."""
        return [codec.encode(send.message) for batch in batches for send in batch.sends]

    async def _post(self, entries: tuple[Entry, ...]) -> None:
        async with self.books.transaction(Purpose.ASIDE) as unit:
            batch = await unit.open_batch([])
            batch.entries += entries
            await unit.save(batch)

    def _make_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}-{self._ids}"
