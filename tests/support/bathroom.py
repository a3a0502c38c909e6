"""A bathroom with keypads on real PostgreSQL: played terminals, and people who ask for codes and type them."""

from __future__ import annotations

import asyncio
import itertools

from coinslot.app.seed import ensure_tariff, make_fleet
from coinslot.engines.connect import Pool
from coinslot.keyring import Keyring
from coinslot.sessions.model import Session
from coinslot.settlement.codes import issuing
from coinslot.settlement.codes.beginning import Codes
from coinslot.settlement.codes.issuing import CodeRefused, CodeView, KeypadState
from coinslot.wire.ids import ApplianceId, CustomerId, SiteId, TerminalId, new_id
from coinslot.wire.messages import CodeEntered, Down, KeypadGuard, Note, Show, Start
from tests.support.desk import Desk, PlayedTerminal

KEYRING = Keyring("a secret for tests alone, 32 letters")


class Bathroom:
    """One operator's showers, each with its terminal and keypad."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.desk = Desk(pool)
        self.codes = Codes(pool, KEYRING)
        self.showers: list[PlayedTerminal] = []
        self.site = SiteId("")
        self._numbers = itertools.count(1)

    async def open(self, showers: int = 1, *, outlets: int = 1, room: str = "") -> Bathroom:
        """The operator, and showers in a room."""
        await self.desk.open(new_id("name"))
        async with self.pool.acquire() as connection:
            tariff = await ensure_tariff(connection, self.desk.operator, "shower-litre")
            fleet = await make_fleet(
                connection, self.desk.operator, terminals=showers, outlets=outlets, tariff_id=tariff
            )
            await connection.execute(
                "UPDATE appliance SET room = $2 WHERE operator_id = $1", self.desk.operator, room
            )
        self.site = fleet[0].site_id
        self.showers = [PlayedTerminal(self.desk, one) for one in fleet]
        for shower in self.showers:
            await shower.connects()
        return self

    def appliance(self, number: int = 0) -> ApplianceId:
        """The shower with this number."""
        return self.showers[number].credentials.appliance_id

    async def asks(
        self, customer: CustomerId, number: int = 0, *, key: str = "", renew: bool = False, room: str = ""
    ) -> CodeView | CodeRefused:
        """Ask for a code, for a shower or a room."""
        return await issuing.issue(
            self.pool,
            KEYRING,
            operator=self.desk.operator,
            customer=customer,
            appliance=None if room else self.appliance(number),
            room=room or None,
            site=self.site if room else None,
            key=key or f"k{next(self._numbers)}",
            renew=renew,
        )

    async def code(
        self, customer: CustomerId, number: int = 0, *, key: str = "", renew: bool = False, room: str = ""
    ) -> CodeView:
        """The same, and there is one."""
        found = await self.asks(customer, number, key=key, renew=renew, room=room)
        assert isinstance(found, CodeView), found
        return found

    async def friend(
        self, customer: CustomerId, cap_minor: int, number: int = 0, key: str = ""
    ) -> CodeView | CodeRefused:
        """Ask for a code to give away."""
        return await issuing.issue_for_friend(
            self.pool,
            KEYRING,
            operator=self.desk.operator,
            customer=customer,
            appliance=self.appliance(number),
            cap_minor=cap_minor,
            key=key or f"k{next(self._numbers)}",
        )

    async def found(self, code: CodeView) -> CodeView:
        """As its customer sees it now."""
        found = await issuing.find(
            self.pool, KEYRING, operator=code.operator, customer=code.customer, code_id=code.code_id
        )
        assert found is not None
        return found

    async def types(
        self, digits: str, number: int = 0, *, outlet: int = 0, request: str = "", link: int | None = None
    ) -> list[Down]:
        """Somebody types; what is sent."""
        shower = self.showers[number]
        said = CodeEntered(
            link=shower.link if link is None else link,
            outlet=outlet,
            digits=digits,
            request=request or f"r{next(self._numbers)}",
        )
        return [message for _, message in await self.codes.typed(shower.id, said)]

    async def notes(self, digits: str, number: int = 0, *, outlet: int = 0) -> Show:
        """Somebody types, and is shown something."""
        [shown] = await self.types(digits, number, outlet=outlet)
        assert isinstance(shown, Show), shown
        return shown

    async def starts(self, digits: str, number: int = 0, *, outlet: int = 0, request: str = "") -> Session:
        """Somebody types, and it opens."""
        [start] = await self.types(digits, number, outlet=outlet, request=request)
        assert isinstance(start, Start), start
        return await self.desk.session(start.session)  # type: ignore[arg-type]

    async def guesses(self, times: int, number: int = 0) -> list[Note | None]:
        """Somebody types digits that no code has, and waits out no lock."""
        return [(await self.notes(f"{90_000_000 + next(self._numbers)}", number)).note for _ in range(times)]

    async def says(self, number: int, tries: int, locked_s: int) -> None:
        """The terminal tells how its keypad stands."""
        shower = self.showers[number]
        said = KeypadGuard(link=shower.link, outlet=0, tries=tries, locked_s=locked_s)
        await self.codes.guarded(shower.id, said)

    async def keypad(self, number: int = 0) -> KeypadState:
        """How a keypad stands."""
        return await issuing.keypad_state(
            self.pool, operator=self.desk.operator, terminal=self.showers[number].id, outlet=0
        )

    async def waits(self, seconds: int) -> None:
        """Time passes for keypads and codes of this operator."""
        own = self.desk.operator
        await self.pool.execute(
            "UPDATE keypad_guard SET wrong_ms = (SELECT coalesce(array_agg(w - $2), '{}') FROM unnest(wrong_ms) w),"
            " until_ms = until_ms - $2, long_ms = long_ms - $2 WHERE operator_id = $1",
            own,
            seconds * 1000,
        )
        await self.pool.execute(
            "UPDATE keypad_code SET expires_at = expires_at - make_interval(secs => $2::int) WHERE operator_id = $1",
            own,
            seconds,
        )

    async def at_once(self, *digits: tuple[str, int]) -> list[list[Down]]:
        """These digits are typed at these showers at one moment."""
        return await asyncio.gather(*(self.types(typed, number) for typed, number in digits))

    async def ends(self, session: Session, ml: int) -> Session:
        """The terminal tells of its whole use."""
        shower = next(one for one in self.showers if one.id == session.terminal)
        await shower.records(shower.started(session), shower.stopped(session, ml=ml, s=60))
        return await self.desk.session(session.id)

    def terminal(self, number: int = 0) -> TerminalId:
        """The shower's terminal."""
        return self.showers[number].id
