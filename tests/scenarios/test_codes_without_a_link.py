"""A code for the time without a link, with a real broker and the real agent: taken back, typed with a link, typed again."""

from __future__ import annotations

from pathlib import Path

from coinslot.engines.broker import BrokerAccess
from coinslot.fleet.offline_credit import set_offline_credit
from coinslot.ledger.verify import verify
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sessions.model import BURNT
from coinslot.sessions.states import State
from coinslot.settlement.offline.ending import cancel_offline
from coinslot.settlement.offline.issuing import OfflineCode, issue_offline
from coinslot.wire.ids import ApplianceId, CustomerId
from tests.support.town import Town, open_town

PHONE = "13800138009"
CASH_MINOR, CREDIT_MINOR = 20_00, 3_00
_HELD = "SELECT EXISTS (SELECT FROM offline_terms WHERE terminal_id = $1 AND over_at IS NULL AND held)"


async def without_link(town: Town, shower: SimulatedTerminal, customer: CustomerId, key: str) -> OfflineCode:
    """The cable is pulled, and the customer gets a code."""
    shower.cable.pull()
    await town.online(shower, there=False)
    appliance = await town.pool.fetchval("SELECT appliance_id FROM outlet WHERE terminal_id = $1", shower.id)
    answer = await issue_offline(
        town.pool,
        town.keyring,
        operator=town.operator,
        customer=customer,
        appliance=ApplianceId(appliance),
        outlet=0,
        key=key,
    )
    assert isinstance(answer, OfflineCode), answer
    return answer


async def test_the_terminals_word_alone_gives_money_back_and_no_code_opens_twice(
    database_url: str, broker: BrokerAccess, tmp_path: Path
) -> None:
    async with open_town(database_url, broker, tmp_path, showers=1) as town:
        await _all_of_it(town)


async def _all_of_it(town: Town) -> None:
    shower = town.terminals[0]
    await town.login(PHONE)
    await town.pays_at_counter(PHONE, CASH_MINOR)
    customer = await town.customer(PHONE)
    async with town.pool.acquire() as connection:
        site = town.world.demo.site_id
        await set_offline_credit(connection, town.operator, site, CREDIT_MINOR, by="test")

    async def held() -> bool:
        return bool(await town.pool.fetchval(_HELD, shower.id))

    await town.until(held, "terms, sent for the change and named in the hello that follows")

    unused = await without_link(town, shower, customer, "k1")
    assert await town.principal(customer) == CASH_MINOR - CREDIT_MINOR
    await cancel_offline(
        town.pool, town.keyring, operator=town.operator, customer=customer, session=unused.session
    )
    shower.cable.plug()
    released = await town.settled(unused.session)
    assert (released.state, released.stop_reason) == (State.RELEASED, BURNT)
    assert await town.principal(customer) == CASH_MINOR

    code = await without_link(town, shower, customer, "k2")
    shower.cable.plug()
    await town.online(shower)
    town.type(shower, f"{code.digits}#")
    await town.poured(shower, 200)
    town.press_stop(shower)
    settled = await town.settled(code.session)
    assert settled.state is State.SETTLED
    assert settled.token is not None
    left = await town.principal(customer)
    assert left == CASH_MINOR - (settled.captured_minor or 0)

    shower.cable.pull()
    await town.online(shower, there=False)
    for digits in (code.digits, unused.digits):
        town.type(shower, f"{digits}#")
    shower.cable.plug()
    await town.online(shower)
    assert shower.use(0) is None, "both counts are burnt"
    assert await town.principal(customer) == left
    async with town.pool.acquire() as connection:
        report = await verify(connection)
    assert report.sound, report.faults
