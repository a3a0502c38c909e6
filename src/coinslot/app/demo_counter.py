"""The demo's counter: cash onto the wallet of whoever registered with a phone, in the books and the audit trail."""

from __future__ import annotations

import logging

from coinslot.audit import Connection, write_audit
from coinslot.engines.connect import UNANSWERED, Pool
from coinslot.fields import FieldError, MissingError
from coinslot.ledger import accounts
from coinslot.ledger.errors import KeyConflict, LedgerError
from coinslot.ledger.store import balance
from coinslot.people.customers import find_customer
from coinslot.people.rules import normal_phone
from coinslot.settlement.changes import Purse
from coinslot.settlement.topup import pay_in_cash
from coinslot.web.wall.port import CounterRefusal, CounterRefused, Paid
from coinslot.wire.ids import OperatorId

log = logging.getLogger(__name__)

MOST_MINOR = 1_000_00
_BY = "demo:counter"


class Counter:
    """One operator's, in its currency."""

    def __init__(self, operator: OperatorId, currency: str) -> None:
        self._operator = operator
        self._currency = currency
        self.payments = 0
        """New ones so far."""

    async def pay(self, pool: Pool, phone: str, amount_minor: int, key: str) -> Paid:
        """See `WallPort.pay_at_counter`."""
        if not 0 < amount_minor <= MOST_MINOR:
            raise CounterRefused(CounterRefusal.AMOUNT)
        try:
            number = normal_phone(phone)
        except FieldError:
            raise CounterRefused(CounterRefusal.NO_PHONE) from None
        try:
            async with pool.acquire() as connection, connection.transaction():
                paid = await self._post(connection, number, amount_minor, key)
        except MissingError:
            raise CounterRefused(CounterRefusal.UNKNOWN_PHONE) from None
        except KeyConflict:
            raise CounterRefused(CounterRefusal.OTHER_PAYMENT) from None
        except (LedgerError, *UNANSWERED) as error:
            log.warning("the counter is shut: %s", type(error).__name__)
            raise CounterRefused(CounterRefusal.SHUT) from None
        self.payments += not paid.again
        return paid

    async def _post(self, connection: Connection, phone: str, amount_minor: int, key: str) -> Paid:
        customer = (await find_customer(connection, self._operator, phone)).customer_id
        purse = Purse(self._operator, customer, self._currency)
        # The customer is part of the key: somebody else's payment is another one, whatever the page sent.
        done = await pay_in_cash(connection, purse, key=f"wall:{customer}:{key}", amount_minor=amount_minor)
        if done.fresh:
            await write_audit(connection, self._operator, by=_BY, action="customer.top_up", target=customer)
        held = [
            await balance(connection, self._operator, path(customer), self._currency)
            for path in (accounts.customer_principal, accounts.customer_bonus)
        ]
        return Paid(
            amount_minor=amount_minor,
            balance_minor=sum(held),
            repaid_minor=done.repaid_minor,
            again=not done.fresh,
        )
