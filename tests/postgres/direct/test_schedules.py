"""Guests, terminals, providers and servers in any order that a seed gives; in the end every payment is used or back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from coinslot.ledger.accounts import operator_revenue
from coinslot.payments.port import PaymentState
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.wire.records import StopReason
from tests.support.desk import PlayedTerminal
from tests.support.inn import Inn
from tests.support.played_provider import Fault

STEPS = 45
ENDS = (*StopReason,)


class Evening:
    """One hotel, two appliances, and whatever a seed lets happen."""

    def __init__(self, inn: Inn, rng: random.Random) -> None:
        self.inn = inn
        self.rng = rng
        self.terminals: list[PlayedTerminal] = []
        self.servers = [inn.starts, inn.server_starts()]

    async def goes_by(self) -> None:
        """Many things happen."""
        self.terminals = [await self.inn.appliance() for _ in range(2)]
        deeds: list[Callable[[], Awaitable[None]]] = [
            *[self._chooses] * 4,
            *[self._pays] * 4,
            *[self._is_told] * 3,
            *[self._serves] * 4,
            *[self._runs] * 3,
            *[self._ends] * 2,
            self._declines,
            self._comes_or_goes,
            self._goes_back,
            self._fails,
            self._waits,
        ]
        for _ in range(STEPS):
            await self.rng.choice(deeds)()

    async def closes(self) -> None:
        """Everybody comes back, everything ends, time passes."""
        inn = self.inn
        inn.provider.faults.clear()
        for _ in range(3):
            await self._is_told()
            await self._serves()
            for terminal in self.terminals:
                await terminal.connects()
            for session in await self._live():
                terminal = self._of(session)
                await terminal.records(
                    inn.started(terminal, session),
                    inn.stopped(terminal, session, reason=StopReason.LIMIT, s=1800, wh=300),
                )
            await inn.passes(timedelta(hours=3))
            await inn.works()

    def _of(self, session: Session) -> PlayedTerminal:
        return next(terminal for terminal in self.terminals if terminal.id == session.terminal)

    async def _live(self) -> list[Session]:
        return [session for session in await self.inn.sessions() if session.live]

    async def _chooses(self) -> None:
        wish = self.inn.wish(self.rng.choice(["30min", "load", "use"]))
        terminal = self.rng.choice(self.terminals)
        for _ in range(self.rng.choice([1, 1, 2])):
            await self.inn.orders.place(terminal.id, wish)

    async def _goes_back(self) -> None:
        terminal = self.rng.choice(self.terminals)
        order = await self.inn.open_code(terminal)
        if order is not None:
            await self.inn.orders.cancel(terminal.id, 0, order.request)

    async def _pays(self) -> None:
        """Some code of this evening, not always the one on the screen."""
        orders = [o for o in self.inn.provider.sheet.orders.values() if o.state is PaymentState.WAITING]
        if orders:
            self.inn.provider.pays(self.rng.choice(orders[-3:]).number)

    async def _is_told(self) -> None:
        paid = [o for o in self.inn.provider.sheet.orders.values() if o.state is PaymentState.PAID]
        for order in self.rng.sample(paid, len(paid)):
            said = self.inn.provider.notice(order.number, f"n{self.rng.randrange(3)}:{order.number}")
            await self.inn.till.hears(said)
        await self.inn.till.cashier.apply()

    async def _serves(self) -> None:
        await asyncio.gather(*(server.once() for server in self.servers))

    async def _runs(self) -> None:
        for session in await self._live():
            if session.state in (State.AUTHORIZED, State.UNKNOWN):
                terminal = self._of(session)
                await terminal.records(self.inn.started(terminal, session))

    async def _ends(self) -> None:
        for session in await self._live():
            if session.state in (State.RUNNING, State.STOPPING):
                terminal = self._of(session)
                s, wh = self.rng.choice([0, 5, 600, 1800]), self.rng.choice([0, 1, 90, 700])
                reason = self.rng.choice(ENDS)
                await terminal.records(self.inn.stopped(terminal, session, reason=reason, s=s, wh=wh))

    async def _declines(self) -> None:
        for session in await self._live():
            if session.state is State.AUTHORIZED:
                terminal = self._of(session)
                await terminal.records(self.inn.declined(terminal, session))
                return

    async def _comes_or_goes(self) -> None:
        terminal = self.rng.choice(self.terminals)
        await self.rng.choice([terminal.goes, terminal.connects])()

    async def _fails(self) -> None:
        call = self.rng.choice(["create", "close", "refund", "query"])
        self.inn.provider.faults[call] = [self.rng.choice([Fault.LOST, Fault.UNANSWERED, Fault.BUSY])]

    async def _waits(self) -> None:
        await self.inn.passes(timedelta(seconds=self.rng.choice([2, 20, 65, 400])))
        await self.inn.till.cashier.once()


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[] if seed < 2 else [pytest.mark.long]) for seed in range(40)]
)
async def test_every_payment_is_used_or_back(inn: Inn, seed: int) -> None:
    evening = Evening(inn, random.Random(seed))
    await evening.goes_by()
    await evening.closes()
    sessions = await inn.sessions()
    captured_minor = sum(session.captured_minor or 0 for session in sessions)
    paid_minor = sum(order.paid_minor for order in inn.provider.sheet.orders.values())
    returned_minor = sum(order.returned_minor for order in inn.provider.sheet.orders.values())
    assert paid_minor == captured_minor + returned_minor
    assert not any(session.live for session in sessions)
    late_minor = sum(session.charge_minor or 0 for session in sessions if session.state is State.LATE)
    assert await inn.desk.balance(operator_revenue()) == captured_minor + late_minor
    refunds = await inn.refunds()
    assert len(refunds) == len(inn.provider.sheet.returns)
    await inn.even()
