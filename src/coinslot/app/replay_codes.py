"""Codes of a replay: one is made for each use and typed on its terminal's keypad, with a link or without one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from msgspec import Struct

from coinslot.engines.connect import UNANSWERED, Pool
from coinslot.keyring import Keyring
from coinslot.ledger.errors import LedgerError
from coinslot.sandbox.replay.appliance import OUTLET
from coinslot.sandbox.replay.player import Player, Stalled
from coinslot.settlement.codes import issuing
from coinslot.settlement.codes.model import CodeRefused, CodeView
from coinslot.settlement.offline.issuing import (
    OfflineCode,
    OfflineOffer,
    OfflineRefused,
    issue_offline,
    offer,
)
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId

log = logging.getLogger(__name__)

CONFIRM: Final = "#"
_LOOK_S: Final = 0.02
_ANOTHER: Final = "it opened for another session than its code's"

T = TypeVar("T")


class NotBegun(Exception):
    """A use that did not begin; `why` in words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Codes(Struct, frozen=True, kw_only=True):
    """Who makes the codes, and how long anything may take."""

    pool: Pool
    keyring: Keyring
    operator: OperatorId
    patience_s: float

    async def typed(self, player: Player, appliance: ApplianceId, customer: CustomerId) -> SessionId:
        """A code from the customer's phone, typed; which session it opened. NotBegun, Stalled."""

        async def ask() -> CodeView | CodeRefused:
            return await issuing.issue(
                self.pool,
                self.keyring,
                operator=self.operator,
                customer=customer,
                appliance=appliance,
                outlet=OUTLET,
                key=f"replay:{customer}",
            )

        made: CodeView | CodeRefused = await self._answer(ask)
        if isinstance(made, CodeRefused):
            raise NotBegun(f"the code was refused: {made.reason.value}")
        session = await player.opened_by(made.digits + CONFIRM)
        used = await self._answer(
            lambda: issuing.find(
                self.pool,
                self.keyring,
                operator=self.operator,
                customer=customer,
                code_id=made.code_id,
            )
        )
        return await self._its_own(player, session, used.session)

    async def without_link(self, player: Player, appliance: ApplianceId, customer: CustomerId) -> SessionId:
        """Cut the link, have a code made for it, type that; which session it opened. NotBegun, Stalled."""
        await self._offered(appliance, link_down=False, what="the terminal's word that it takes codes")
        await player.line.cut()
        await self._offered(appliance, link_down=True, what="the broker's word that the link is gone")
        made: OfflineCode | OfflineRefused = await self._answer(
            lambda: issue_offline(
                self.pool,
                self.keyring,
                operator=self.operator,
                customer=customer,
                appliance=appliance,
                outlet=OUTLET,
                key=f"replay:{customer}",
            )
        )
        if isinstance(made, OfflineRefused):
            raise NotBegun(f"the code was refused: {made.reason.value}")
        return await self._its_own(player, await player.opened_by(made.digits + CONFIRM), made.session)

    async def _its_own(self, player: Player, runs: SessionId, wanted: SessionId | None) -> SessionId:
        if runs != wanted:
            await player.stop()
            raise NotBegun(_ANOTHER)
        return runs

    async def _offered(self, appliance: ApplianceId, *, link_down: bool, what: str) -> None:
        async def ask() -> OfflineOffer | None:
            found = await offer(self.pool, operator=self.operator, appliance=appliance, outlet=OUTLET)
            return found if found is not None and found.link_down is link_down else None

        await self._answer(ask, what)

    async def _answer(self, ask: Callable[[], Awaitable[T | None]], what: str = "the database's answer") -> T:
        """As a customer who asks again until there is an answer; the same key is the same code."""
        deadline_s = time.monotonic() + self.patience_s
        while True:
            try:
                found = await ask()
            except UNANSWERED as error:
                log.info("asked again: %s", error or type(error).__name__)
                found = None
            except (Conflict, LedgerError) as error:
                raise NotBegun(f"no code was made: {error or type(error).__name__}") from error
            if found is not None:
                return found
            if time.monotonic() >= deadline_s:
                raise Stalled(what)
            await asyncio.sleep(_LOOK_S)
