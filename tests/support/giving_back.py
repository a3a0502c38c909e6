"""An office: a till with staff who give money back, alone or two of them."""

from __future__ import annotations

from coinslot.ledger import accounts
from coinslot.payments.model import Attempt, Intent, Merchant
from coinslot.payments.port import Channel
from coinslot.people.rules import Role
from coinslot.providers.counter import Counter, with_counters
from coinslot.settlement.payments.attempts import BeginAttempt, begin_attempt
from coinslot.settlement.payments.collecting import create
from coinslot.settlement.payments.counter import PROVIDER
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.merchants import add_merchant, list_merchants
from coinslot.settlement.payments.refund_requests import Reason, RefundWish, Way, What
from coinslot.settlement.payments.worker import Cashier
from coinslot.wire.ids import CustomerId, StaffId, new_id
from tests.support.till import DETAILS, Till

# The hash is nobody's: to make a real one takes longer than a test.
_STAFF = """
    INSERT INTO staff (operator_id, staff_id, login, name, role, password_hash) VALUES ($1, $2, $3, $3, $4, 'none')
"""


class Office:
    """One operator's staff: Anna and Bert decide, Dora is at the desk, Tom repairs."""

    def __init__(self, till: Till, owner_url: str = "") -> None:
        self.till = till
        self.owner_url = owner_url
        self.door = PaymentDoor(pool=till.pool, find=till.find)
        self.anna = self.bert = self.dora = self.tom = StaffId("")

    async def open(self) -> Office:
        """Everybody comes to work."""
        self.anna = await self.hires("anna", Role.MANAGER)
        self.bert = await self.hires("bert", Role.OWNER)
        self.dora = await self.hires("dora", Role.DESK)
        self.tom = await self.hires("tom", Role.TECHNICIAN)
        return self

    async def hires(self, name: str, role: Role) -> StaffId:
        """One more."""
        staff = StaffId(new_id("stf"))
        await self.till.pool.execute(_STAFF, self.till.operator, staff, name, role.value)
        return staff

    def wish(
        self,
        what: What,
        target: str,
        amount_minor: int | None = None,
        *,
        key: str = "",
        way: Way | None = None,
        beneficiary: str | None = None,
    ) -> RefundWish:
        """Something that is to be given back."""
        return RefundWish(
            operator=self.till.operator,
            key=key or self.till.key(),
            what=what,
            target=target,
            reason=Reason.NO_SERVICE,
            words="no water came",
            amount_minor=amount_minor,
            way=way,
            beneficiary=beneficiary,
        )

    async def paid_topup(
        self, customer: CustomerId, amount_minor: int = 10_00, *, bonus_minor: int = 0
    ) -> Attempt:
        """A wallet filled, with a bonus."""
        till = self.till
        attempt = await till.offered(await till.topup(customer, amount_minor, bonus_minor=bonus_minor))
        till.provider.pays(attempt.number)
        await till.notified(attempt)
        await till.cashier.apply()
        return await till.attempt(attempt)

    async def bonus(self, customer: CustomerId) -> int:
        """What the wallet has of the operator's."""
        return await self.till.balance(accounts.customer_bonus(customer))

    async def clerk(self) -> StaffId:
        """Who handles cash, hired once."""
        found = await self.till.pool.fetchval(
            "SELECT staff_id FROM staff WHERE operator_id = $1 AND login = 'clerk'", self.till.operator
        )
        return StaffId(found) if found else await self.hires("clerk", Role.DESK)

    async def counter(self) -> Merchant:
        """The operator's drawer, opened once."""
        async with self.till.pool.acquire() as connection:
            for merchant in await list_merchants(connection, self.till.operator):
                if merchant.provider == PROVIDER:
                    return merchant
            return await add_merchant(
                connection,
                self.till.operator,
                provider=PROVIDER,
                account=self.till.operator,
                name="Desk",
                by="test",
            )

    async def at_counter(self, intent: Intent, counter: Merchant, *, key: str = "") -> Attempt:
        """An attempt for which the customer has a code to show."""
        begun = BeginAttempt(
            operator=self.till.operator,
            key=key or self.till.key(),
            intent=intent.intent_id,
            merchant=counter.merchant_id,
            channel=Channel.COUNTER,
        )
        attempt = await begin_attempt(self.till.pool, begun)
        return await create(self.till.pool, Counter(self.till.pool, counter), attempt, DETAILS)

    async def works(self) -> None:
        """The cashier does all that is due, at the counter too."""
        await Cashier(self.till.pool, with_counters(self.till.pool, self.till.find)).once()

    async def audit(self) -> list[tuple[str, str]]:
        """Who did what about refunds."""
        rows = await self.till.pool.fetch(
            "SELECT actor, action FROM audit WHERE operator_id = $1 AND action ^@ 'refund.' ORDER BY audit_id",
            self.till.operator,
        )
        return [(row[0], row[1]) for row in rows]
