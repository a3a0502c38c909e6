"""How a use of a replay begins: on the customer's page, on the keypad, or paid for on the appliance."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from msgspec import Struct

from coinslot.app.replay_codes import Codes, NotBegun
from coinslot.app.replay_guests import Guests
from coinslot.app.replay_plan import Way
from coinslot.engines.connect import UNANSWERED, Pool
from coinslot.keyring import Keyring
from coinslot.ledger.errors import LedgerError
from coinslot.sandbox.replay.appliance import OUTLET
from coinslot.sandbox.replay.player import Player
from coinslot.sandbox.replay.recordings import Recording
from coinslot.sessions.model import Session
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import Refused, StartAnswer, StartRequest
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.settlement.starter import Starter
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId

__all__ = ["SESSION", "Beginning", "NotBegun", "Work"]

log = logging.getLogger(__name__)

SESSION: Final = f"SELECT {SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND s.session_id = $2"
_LOOK_S: Final = 0.05


class Work(Struct, frozen=True):
    """One use still to be played, and by whom; `number` is its place in the recording."""

    number: int
    trace: Recording
    customer: CustomerId | None
    """None for a guest, who pays on the appliance."""


class Beginning(Struct, frozen=True, kw_only=True):
    """Whose appliances they are, and all that starting a use on one takes."""

    way: Way
    pool: Pool
    starter: Starter
    operator: OperatorId
    guests: Guests | None
    keyring: Keyring | None
    """The server's; None: no codes can be made."""
    patience_s: float

    async def linked(self, player: Player) -> None:
        """A link to begin on: a young one where the server is to start something, since its age counts then."""
        if self.way is Way.OFFLINE:
            await player.line.joined()
        else:
            await player.line.fresh()

    async def begin(self, player: Player, appliance: ApplianceId, work: Work) -> Session:
        """The session of a use, once it may be waited for. NotBegun, Stalled."""
        if work.customer is None:
            assert self.guests is not None, "who has no wallet is a guest"
            return await self._stored(await self.guests.buys(player, work.number, work.trace))
        match self.way:
            case Way.SCAN:
                return await self._start(player, work.customer)
            case Way.KEYPAD:
                return await self._stored(await self._codes.typed(player, appliance, work.customer))
            case Way.OFFLINE:
                return await self._stored(await self._codes.without_link(player, appliance, work.customer))

    @property
    def _codes(self) -> Codes:
        assert self.keyring is not None, "codes are made with the server's keyring"
        return Codes(pool=self.pool, keyring=self.keyring, operator=self.operator, patience_s=self.patience_s)

    async def _stored(self, session: SessionId) -> Session:
        row = await self.pool.fetchrow(SESSION, self.operator, session)
        if row is None:
            raise NotBegun("the terminal runs for a session that is not stored")
        return session_of(row)

    async def _start(self, player: Player, customer: CustomerId) -> Session:
        request = StartRequest(
            operator=self.operator,
            customer=customer,
            terminal=player.terminal,
            outlet=OUTLET,
            key=f"replay:{customer}",
        )
        try:
            async with asyncio.timeout(self.patience_s):
                answer = await self._answer(request)
        except (Conflict, LedgerError, TimeoutError) as error:
            raise NotBegun(f"the start failed: {error or type(error).__name__}") from error
        if isinstance(answer, Refused):
            raise NotBegun(f"the start was refused: {answer.reason.value}")
        return answer

    async def _answer(self, request: StartRequest) -> StartAnswer:
        """As a customer who presses again while the database is away: the same key is the same session."""
        while True:
            try:
                return await self.starter.start(request)
            except UNANSWERED as error:
                log.info("a start is tried again: %s", error or type(error).__name__)
            await asyncio.sleep(_LOOK_S)
