"""An office: a till with staff who give money back, alone or two of them."""

from __future__ import annotations

from coinslot.ledger import accounts
from coinslot.payments.model import Attempt
from coinslot.people.rules import Role
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.refund_requests import Reason, RefundWish, Way, What
from coinslot.wire.ids import CustomerId, StaffId, new_id
from tests.support.till import Till

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

    async def audit(self) -> list[tuple[str, str]]:
        """Who did what about refunds."""
        rows = await self.till.pool.fetch(
            "SELECT actor, action FROM audit WHERE operator_id = $1 AND action ^@ 'refund.' ORDER BY audit_id",
            self.till.operator,
        )
        return [(row[0], row[1]) for row in rows]
