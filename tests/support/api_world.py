"""One operator with everything that the API can be asked about."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.app.seed import make_fleet, make_paying_customers
from coinslot.engines.connect import Pool
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.store import create_operator
from coinslot.people.customers import add_customer
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Purse
from coinslot.settlement.codes.issuing import CodeView, issue
from coinslot.settlement.payments.topups import TopupWish, open_topup
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from coinslot.settlement.requests import StartRequest
from coinslot.settlement.starter import Starter
from coinslot.wire.ids import CustomerId, OperatorId, TerminalId
from tests.support.bathroom import KEYRING

TERMINALS = 4


@dataclass(frozen=True)
class World:
    """What one operator has."""

    operator: OperatorId
    key: str
    phone: str
    known: CustomerId
    """Has this phone, and nothing on the wallet."""
    customers: list[CustomerId]
    """Each has 200.00 and no phone."""
    terminals: list[TerminalId]
    codes: list[str]
    """Of the appliances with these terminals."""
    running: str
    """A session at the first terminal."""
    ended: str
    """One that was released, at the second."""
    payment: str
    """A top-up that nobody has paid, of the third customer."""
    withdrawal: str
    """Of the same customer: 1.00, at the counter."""
    keypad_code: str
    """Of the second customer, for the third terminal's appliance."""

    @property
    def auth(self) -> dict[str, str]:
        """The header with the key."""
        return {"Authorization": f"Bearer {self.key}"}


async def make_world(pool: Pool, starter: Starter, name: str, phone: str) -> World:
    """An operator with a fleet, people, a session that runs and one that ended."""
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name=name, currency="CNY", timezone="Asia/Shanghai", by="test"
        )
        own = made.operator_id
        fleet = await make_fleet(connection, own, terminals=TERMINALS)
        paying = await make_paying_customers(
            connection,
            own,
            names=[f"{name} {number}" for number in range(4)],
            currency="CNY",
            amount_minor=200_00,
        )
        known = await add_customer(connection, own, phone=phone, by="test")
        _, key = await create_api_key(connection, own, name="test", by="test")
        await connection.execute(
            "UPDATE terminal_link SET online = true, link = 1, link_began_at = now(), epoch = 'epo_1'"
            " WHERE operator_id = $1",
            own,
        )
    sessions = [await _start(starter, own, paying[at], fleet[at].terminal_id) for at in range(2)]
    await pool.execute(
        "UPDATE session SET state = 'released', settled_at = now(), wake_at = NULL WHERE session_id = $1",
        sessions[1],
    )
    purse = Purse(own, paying[2], "CNY")
    payment = await open_topup(pool, TopupWish(purse=purse, key=f"world {name}", amount_minor=500))
    taken = WithdrawalRequest(purse=purse, key=f"world {name}", amount_minor=100, by="test")
    withdrawal = await withdraw(pool, taken)
    code = await issue(
        pool, KEYRING, operator=own, customer=paying[1], appliance=fleet[2].appliance_id, key="world"
    )
    assert isinstance(code, CodeView), code
    return World(
        operator=own,
        key=key,
        phone=phone,
        known=known.customer_id,
        customers=paying,
        terminals=[one.terminal_id for one in fleet],
        codes=[one.appliance_code for one in fleet],
        running=sessions[0],
        ended=sessions[1],
        payment=payment.intent_id,
        withdrawal=withdrawal.withdrawal_id,
        keypad_code=code.code_id,
    )


async def _start(starter: Starter, own: OperatorId, customer: CustomerId, terminal: TerminalId) -> str:
    asked = StartRequest(
        operator=own, customer=customer, terminal=terminal, outlet=0, key=f"world {terminal}"
    )
    answer = await starter.start(asked)
    assert isinstance(answer, Session), answer
    return answer.id
