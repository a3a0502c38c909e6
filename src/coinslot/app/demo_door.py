"""The crowd's door to the server in this process."""

from __future__ import annotations

import asyncio
import logging

import asyncpg

from coinslot.audit import write_audit
from coinslot.engines.connect import Pool
from coinslot.keyring import Keyring
from coinslot.ledger.errors import LedgerError
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sandbox.customers.door import Answer, Coded, Started
from coinslot.settlement.changes import Purse
from coinslot.settlement.codes.issuing import issue, keypad_state
from coinslot.settlement.codes.model import CodeRefusal, CodeRefused, CodeView
from coinslot.settlement.offline.issuing import issue_offline
from coinslot.settlement.offline.model import OfflineCode, OfflineRefusal, OfflineRefused
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import Refusal, Refused, StartRequest
from coinslot.settlement.starter import Starter
from coinslot.settlement.topup import pay_in_cash
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, new_id

log = logging.getLogger(__name__)

_STOP_TRIES = 60
# What passes when an engine that died runs again; the crowd waits for it as people would.
_AWAY = (
    Conflict,
    LedgerError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_APPLIANCE = "SELECT appliance_id FROM outlet WHERE operator_id = $1 AND terminal_id = $2 AND outlet = $3"
_LIVE = "SELECT settled_at IS NULL FROM session WHERE operator_id = $1 AND session_id = $2"


class ServerDoor:
    """The crowd's door to the server in this process: the same calls that the HTTP API makes."""

    def __init__(
        self, pool: Pool, starter: Starter, keyring: Keyring, operator: OperatorId, currency: str
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._starter = starter
        self._operator = operator
        self._currency = currency
        self.refused = 0
        self.topped_up = 0

    async def start(self, customer: CustomerId, terminal: SimulatedTerminal, outlet: int) -> Started:
        """Ask settlement."""
        request = StartRequest(
            operator=self._operator,
            customer=customer,
            terminal=terminal.id,
            outlet=outlet,
            key=new_id("demo"),
        )
        try:
            answer = await self._starter.start(request)
        except _AWAY as error:
            log.warning("a start was not answered: %s", error or type(error).__name__)
            return Started(answer=Answer.NOT_NOW)
        if not isinstance(answer, Refused):
            return Started(answer=Answer.STARTED, session=answer.id)
        self.refused += 1
        log.info("%s refuses: %s", terminal.name, answer.reason.value)
        short = answer.reason is Refusal.NO_BALANCE
        return Started(answer=Answer.NO_MONEY if short else Answer.NOT_NOW)

    async def code(self, customer: CustomerId, terminal: SimulatedTerminal, outlet: int) -> Coded:
        """Ask settlement."""
        try:
            answer = await self._code(customer, terminal, outlet)
        except _AWAY as error:
            log.warning("nobody said whether there is a code: %s", type(error).__name__)
            return Coded(answer=Answer.NOT_NOW)
        if isinstance(answer, CodeView | OfflineCode):
            return Coded(answer=Answer.STARTED, digits=answer.digits)
        self.refused += 1
        log.info("%s has no code: %s", terminal.name, answer.reason.value)
        short = answer.reason in (CodeRefusal.NO_BALANCE, OfflineRefusal.NO_BALANCE)
        return Coded(answer=Answer.NO_MONEY if short else Answer.NOT_NOW)

    async def _code(
        self, customer: CustomerId, terminal: SimulatedTerminal, outlet: int
    ) -> CodeView | CodeRefused | OfflineCode | OfflineRefused:
        own, pool, key = self._operator, self._pool, new_id("demo")
        appliance = await pool.fetchval(_APPLIANCE, own, terminal.id, outlet)
        wanted = await issue(
            pool,
            self._keyring,
            operator=own,
            customer=customer,
            appliance=appliance,
            outlet=outlet,
            key=key,
            renew=True,
        )
        if not isinstance(wanted, CodeRefused) or wanted.reason is not CodeRefusal.OFFLINE:
            return wanted
        return await issue_offline(
            pool,
            self._keyring,
            operator=own,
            customer=customer,
            appliance=appliance,
            outlet=outlet,
            key=key,
        )

    async def untouched(self, terminal: SimulatedTerminal, outlet: int) -> bool:
        """Ask settlement; whoever does not know takes care."""
        try:
            state = await keypad_state(
                self._pool, operator=self._operator, terminal=terminal.id, outlet=outlet
            )
        except _AWAY as error:
            log.warning("not known how a keypad stands: %s", type(error).__name__)
            return False
        return not state.tries

    async def stop(self, session: SessionId) -> None:
        """Ask settlement for the end, again and again while it cannot answer."""
        for _ in range(_STOP_TRIES):
            try:
                await self._starter.stop(self._operator, session)
            except _AWAY as error:
                log.warning("a stop was not answered: %s", error or type(error).__name__)
                await asyncio.sleep(1.0)
            else:
                return

    async def top_up(self, customer: CustomerId, amount_minor: int) -> None:
        """Cash at the counter, in the books and in the audit trail."""
        purse = Purse(self._operator, customer, self._currency)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await pay_in_cash(connection, purse, key=f"cash:{new_id('demo')}", amount_minor=amount_minor)
                await write_audit(
                    connection, self._operator, by="demo:counter", action="customer.top_up", target=customer
                )
        except _AWAY as error:
            log.warning("the counter is shut: %s", error or type(error).__name__)
        else:
            self.topped_up += 1

    async def live(self, session: SessionId) -> bool:
        """Ask the database; as long as it does not answer, nothing has ended."""
        try:
            return bool(await self._pool.fetchval(_LIVE, self._operator, session))
        except _AWAY as error:
            log.warning("not known whether a session has ended: %s", error or type(error).__name__)
            return True
