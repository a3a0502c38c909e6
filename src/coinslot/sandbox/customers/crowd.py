"""A crowd: each customer comes, uses an appliance, leaves, and comes again, until cancelled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from msgspec import Struct

from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sandbox.customers.door import Answer, Door
from coinslot.sandbox.customers.plans import Leaving, Plan, choose_plan, choose_top_up_minor
from coinslot.terminal.events import StopKey
from coinslot.wire.ids import CustomerId, SessionId

_REST_S = (4.0, 26.0)
_LOOK_S = 0.1
"""How often a customer looks at the water, far below what a hand on a key needs."""
_PATIENCE_S = 20.0
"""A start that has not opened anything by then is left alone."""
_TRIES_ANYWAY = 0.1
_COUNTER_S = (1.5, 4.0)


class Guest(Struct, frozen=True):
    """Who comes."""

    customer: CustomerId
    thrifty: bool = False
    """Carries small change only, and uses it up."""


class Crowd:
    """All guests at all terminals. `speed` shortens every pause; the water's own speed is the terminals'."""

    def __init__(
        self,
        guests: Sequence[Guest],
        terminals: Sequence[SimulatedTerminal],
        door: Door,
        *,
        seed: int = 0,
        speed: float = 1.0,
    ) -> None:
        self._guests = guests
        self._terminals = terminals
        self._door = door
        self._seed = seed
        self._speed = speed

    async def run(self) -> None:
        """Everybody at once, each with a random source of their own, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number, guest in enumerate(self._guests):
                chance = random.Random(f"{self._seed}/{number}")
                group.create_task(self._live(guest, chance), name=f"guest {number}")

    async def _live(self, guest: Guest, chance: random.Random) -> None:
        await self._pause(chance.uniform(0.0, _REST_S[1] / 2))
        while True:
            plan = choose_plan(chance, thrifty=guest.thrifty)
            terminal = self._find(plan, chance)
            if terminal is not None:
                await self._visit(guest, terminal, plan, chance)
            await self._pause(chance.uniform(*_REST_S))

    def _find(self, plan: Plan, chance: random.Random) -> SimulatedTerminal | None:
        """A terminal of the right kind that looks free; seldom one that is not. None: come back later."""
        fitting = [terminal for terminal in self._terminals if terminal.board.model is plan.model]
        free = [one for one in fitting if one.looks_free(plan.outlet)]
        if not free and chance.random() < _TRIES_ANYWAY:
            free = fitting
        return chance.choice(free) if free else None

    async def _visit(
        self, guest: Guest, terminal: SimulatedTerminal, plan: Plan, chance: random.Random
    ) -> None:
        begun = await self._door.start(guest.customer, terminal, plan.outlet)
        if begun.answer is Answer.NO_MONEY:
            await self._pause(chance.uniform(*_COUNTER_S))
            await self._door.top_up(guest.customer, choose_top_up_minor(chance, thrifty=guest.thrifty))
            begun = await self._door.start(guest.customer, terminal, plan.outlet)
        if begun.session is not None:
            await self._use(terminal, plan, begun.session)

    async def _use(self, terminal: SimulatedTerminal, plan: Plan, session: SessionId) -> None:
        water = terminal.outlet(plan.outlet)
        water.tap_closed = False
        if not await self._opens(terminal, plan.outlet, session):
            return
        if plan.leaving is not Leaving.LIMIT:
            drawn = plan.draw_ml // 2 if plan.soap_s else plan.draw_ml
            await self._draws(terminal, plan.outlet, session, drawn)
            if plan.soap_s:
                water.tap_closed = True
                await self._pause(plan.soap_s)
                water.tap_closed = False
                await self._draws(terminal, plan.outlet, session, plan.draw_ml)
        await self._leaves(terminal, plan, session)
        while await self._door.live(session):  # noqa: ASYNC110 (people look, nobody tells them)
            await asyncio.sleep(1.0)
        water.tap_closed = False

    async def _leaves(self, terminal: SimulatedTerminal, plan: Plan, session: SessionId) -> None:
        use = terminal.use(plan.outlet)
        if use is None or use.session != session:
            return  # it has ended without us
        match plan.leaving:
            case Leaving.KEY:
                terminal.appliance.press(StopKey(plan.outlet))
            case Leaving.PHONE:
                await self._door.stop(session)
            case Leaving.WALKS_OFF:
                terminal.outlet(plan.outlet).tap_closed = True
            case Leaving.LIMIT:
                pass

    async def _opens(self, terminal: SimulatedTerminal, outlet: int, session: SessionId) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while (use := terminal.use(outlet)) is None or use.session != session:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return False
        return True

    async def _draws(
        self, terminal: SimulatedTerminal, outlet: int, session: SessionId, until_ml: int
    ) -> None:
        """Watch until so much has come, or the session has ended by itself."""
        while (use := terminal.use(outlet)) is not None and use.session == session and use.ml < until_ml:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)
