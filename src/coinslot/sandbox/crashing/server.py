"""The server at the other end of the cable: the real settlement on books in memory, at once and never down."""

from __future__ import annotations

from typing import Final

from msgspec import Raw
from msgspec.json import encode as encode_json

from coinslot import tariffs
from coinslot.access import offline
from coinslot.ledger.entries import Entry
from coinslot.ledger.events import cash_topup, hold
from coinslot.sandbox.simulator.agenda import Agenda, drive
from coinslot.sandbox.simulator.server import CONFIG, understand
from coinslot.sessions.decide import GIVE_UP_AFTER, PROMISE_LIFE
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement import apply, authorize, stop, timers
from coinslot.settlement.changes import Batch, Purse
from coinslot.settlement.memory import MemoryBooks
from coinslot.settlement.memory_fleet import MemoryFleet, OutletRow
from coinslot.settlement.points import Purpose
from coinslot.settlement.requests import StartRequest, Wallet
from coinslot.tariffs import Rate, Tariff, dump_tariff
from coinslot.wire import codec
from coinslot.wire.ids import ApplianceId, CommandId, CustomerId, OperatorId, SessionId, TariffId, TerminalId
from coinslot.wire.messages import Burn, Offline
from coinslot.wire.registers import Register

OPERATOR = OperatorId("op")
TERMINAL = TerminalId("board")
CUSTOMER = CustomerId("customer")
CURRENCY = "CNY"
PAID_IN_MINOR = 100_00
CREDIT_MINOR = 2_00
PAUSE_S = 60
_TARIFF_ID: Final = TariffId("tariff")
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
        fleet.pause_s = PAUSE_S
        fleet.tariffs[OPERATOR, _TARIFF_ID] = [dump_tariff(TARIFF)]
        fleet.outlets[OPERATOR, TERMINAL, 0] = OutletRow(appliance=ApplianceId("shower"), tariff=_TARIFF_ID)
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

    def offline_terms(self, link: int) -> Offline:
        """The terms on which the shower takes a code without its link."""
        quote = tariffs.dearest_quote(TARIFF, tariff_id=_TARIFF_ID, version=1, credit_minor=CREDIT_MINOR)
        return Offline(
            link=link,
            outlet=0,
            terms="trm",
            key="5f" * 16,
            starting_code=123_456_789,
            value=7,
            count=2,
            credit_minor=CREDIT_MINOR,
            currency=CURRENCY,
            limits=tariffs.limits(quote, CREDIT_MINOR),
            quote=Raw(tariffs.encode_quote(quote)),
        )

    def promise(self) -> str:
        """The customer gets a code for the time without the link; its digits."""
        terms = self.offline_terms(1)
        digits, count = offline.make_code(terms.key, terms.starting_code, terms.value, terms.count)
        drive(self._promise(terms, count))
        return digits

    def burns(self) -> list[bytes]:
        """What the server asks for codes that are wanted no more."""
        terminal = self.books.terminals[TERMINAL]
        return [
            codec.encode(Burn(link=terminal.link, outlet=0, session=session.id, token=session.token))
            for session in self.books.sessions.values()
            if session.state is State.PROMISED and session.token is not None
        ]

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

    async def _promise(self, terms: Offline, count: int) -> None:
        name = offline.session_id(terms.terms, count)
        async with self.books.transaction(Purpose.OFFLINE) as unit:
            batch = await unit.open_batch([TERMINAL])
            session = Session(
                operator=OPERATOR,
                id=SessionId(name),
                customer=CUSTOMER,
                appliance=ApplianceId("shower"),
                terminal=TERMINAL,
                outlet=0,
                state=State.PROMISED,
                command=CommandId(name),
                request_key="offline:1",
                request_hash=b"offline",
                currency=CURRENCY,
                quote=bytes(terms.quote).decode(),
                limits=encode_json(terms.limits).decode(),
                hold_principal_minor=CREDIT_MINOR,
                hold_bonus_minor=0,
                link=batch.terminals[TERMINAL].link,
                expires_at_ms=0,
                expired_at=batch.now + PROMISE_LIFE,
                give_up_at=batch.now + GIVE_UP_AFTER,
                wake_at=None,
                meter_spec="{}",
                token=count,
                epoch=batch.terminals[TERMINAL].epoch,
                created_at=batch.now,
            )
            batch.entries.append(
                hold(OPERATOR, session.id, CUSTOMER, CURRENCY, principal_minor=CREDIT_MINOR, bonus_minor=0)
            )
            batch.new_sessions.append(session)
            batch.know(session)
            await unit.save(batch)

    async def _post(self, entries: tuple[Entry, ...]) -> None:
        async with self.books.transaction(Purpose.ASIDE) as unit:
            batch = await unit.open_batch([])
            batch.entries += entries
            await unit.save(batch)

    def _make_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}-{self._ids}"
