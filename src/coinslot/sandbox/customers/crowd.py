"""A crowd: each customer comes, uses an appliance, leaves, and comes again, until cancelled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sandbox.customers.door import Answer, Door
from coinslot.sandbox.customers.keypads import KEY_S, READ_S, choose_typing, keys_of, misread
from coinslot.sandbox.customers.plans import Leaving, Plan, choose_plan, choose_top_up_minor
from coinslot.terminal.events import StopKey
from coinslot.terminal.simulated import Model
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
        self._inside: set[tuple[str, int]] = set()
        """Stalls that somebody is in, or on the way to: a door can be shut."""

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
            found = self._find(plan, chance)
            if found is not None:
                terminal, outlet = found
                await self._visit(guest, terminal, replace(plan, outlet=outlet), chance)
            await self._pause(chance.uniform(*_REST_S))

    def _find(self, plan: Plan, chance: random.Random) -> tuple[SimulatedTerminal, int] | None:
        """An outlet of the right kind that looks free; seldom one that is not. None: come back later."""
        if plan.typed:
            stalls = [
                (terminal, outlet)
                for terminal in self._terminals
                if terminal.board.model in (Model.STALL, Model.STALLS)
                for outlet in terminal.appliance.simulated
                if terminal.looks_free(outlet) and (terminal.id, outlet) not in self._inside
            ]
            return chance.choice(stalls) if stalls else None
        fitting = [(one, plan.outlet) for one in self._terminals if one.board.model is plan.model]
        free = [(one, outlet) for one, outlet in fitting if one.looks_free(outlet)]
        if not free and chance.random() < _TRIES_ANYWAY:
            free = fitting
        return chance.choice(free) if free else None

    async def _visit(
        self, guest: Guest, terminal: SimulatedTerminal, plan: Plan, chance: random.Random
    ) -> None:
        if plan.typed:
            await self._bathe(guest, terminal, plan, chance)
            return
        begun = await self._door.start(guest.customer, terminal, plan.outlet)
        if begun.answer is Answer.NO_MONEY:
            await self._pays(guest, chance)
            begun = await self._door.start(guest.customer, terminal, plan.outlet)
        if begun.session is not None:
            await self._use(terminal, plan, begun.session)

    async def _pays(self, guest: Guest, chance: random.Random) -> None:
        await self._pause(chance.uniform(*_COUNTER_S))
        await self._door.top_up(guest.customer, choose_top_up_minor(chance, thrifty=guest.thrifty))

    async def _bathe(
        self, guest: Guest, terminal: SimulatedTerminal, plan: Plan, chance: random.Random
    ) -> None:
        stall = terminal.id, plan.outlet
        self._inside.add(stall)
        try:
            coded = await self._door.code(guest.customer, terminal, plan.outlet)
            if coded.answer is Answer.NO_MONEY:
                await self._pays(guest, chance)
                coded = await self._door.code(guest.customer, terminal, plan.outlet)
            if coded.digits and terminal.use(plan.outlet) is None:
                await self._types(terminal, plan.outlet, coded.digits, chance)
                use = await self._lets_in(terminal, plan.outlet)
                if use is not None:
                    await self._use(terminal, plan, SessionId(use))
        finally:
            self._inside.discard(stall)

    async def _types(
        self, terminal: SimulatedTerminal, outlet: int, digits: str, chance: random.Random
    ) -> None:
        typing = choose_typing(chance)
        if typing.misreads and await self._door.untouched(terminal, outlet):
            await self._presses(terminal, outlet, f"{misread(digits, chance)}#", chance)
            await self._pause(READ_S)
        await self._presses(terminal, outlet, keys_of(digits, typing, chance), chance)

    async def _presses(
        self, terminal: SimulatedTerminal, outlet: int, keys: Iterable[str], chance: random.Random
    ) -> None:
        for key in keys:
            await self._pause(chance.uniform(*KEY_S))
            terminal.press_keys(outlet, key)

    async def _lets_in(self, terminal: SimulatedTerminal, outlet: int) -> str | None:
        """The session that the code has begun; None when it has begun none."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while (use := terminal.use(outlet)) is None:  # noqa: ASYNC110 (people look, nobody tells them)
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return None
        return use.session

    async def _use(self, terminal: SimulatedTerminal, plan: Plan, session: SessionId) -> None:
        water = terminal.outlet(plan.outlet)
        water.tap_closed = False
        if not await self._opens(terminal, plan.outlet, session):
            return
        if plan.leaving is not Leaving.LIMIT:
            drawn = plan.draw_ml // 2 if plan.soap_s or plan.pause_s else plan.draw_ml
            await self._draws(terminal, plan.outlet, session, drawn)
            if plan.soap_s:
                water.tap_closed = True
                await self._pause(plan.soap_s)
                water.tap_closed = False
                await self._draws(terminal, plan.outlet, session, plan.draw_ml)
            if plan.pause_s:
                await self._pauses(terminal, plan, session)
                await self._draws(terminal, plan.outlet, session, plan.draw_ml)
        await self._leaves(terminal, plan, session)
        while await self._door.live(session):  # noqa: ASYNC110 (people look, nobody tells them)
            await asyncio.sleep(1.0)
        water.tap_closed = False

    async def _pauses(self, terminal: SimulatedTerminal, plan: Plan, session: SessionId) -> None:
        """Shut the valve from the keypad and open it again, as far as the session lives and allows it."""
        use = terminal.use(plan.outlet)
        if use is None or use.session != session:
            return
        terminal.press_keys(plan.outlet, "*")
        await self._pause(plan.pause_s)
        # So shortly after the valve has moved its key may do nothing yet: it is pressed until water runs.
        while (use := terminal.use(plan.outlet)) is not None and use.session == session and use.paused:
            terminal.press_keys(plan.outlet, "*")
            await asyncio.sleep(1.5)

    async def _leaves(self, terminal: SimulatedTerminal, plan: Plan, session: SessionId) -> None:
        use = terminal.use(plan.outlet)
        if use is None or use.session != session:
            return  # it has ended without us
        match plan.leaving:
            case Leaving.KEY if plan.typed:
                terminal.press_keys(plan.outlet, "#")
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
