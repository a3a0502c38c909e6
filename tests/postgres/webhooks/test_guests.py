"""What a hotel's system hears of a guest who paid on the appliance: the room, the shares, the provider's number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest
import pytest_asyncio

from coinslot.engines.connect import Pool
from coinslot.providers.webhook_calls import Caller
from coinslot.providers.webhooks import WebhookSender
from coinslot.settlement.aftermath import tell_ended
from coinslot.sharing import Part, Target
from coinslot.sharing.store import Terms, add_agreement, add_party
from coinslot.webhooks.endpoints import add_endpoint
from coinslot.webhooks.signing import secret
from coinslot.wire.records import StopReason
from tests.postgres.webhooks.conftest import KEYRING, LOOPBACK
from tests.support.inn import Inn
from tests.support.receiver import Receiver, verified

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def inn(pool: Pool, database: str) -> AsyncIterator[Inn]:
    yield await Inn(pool, database).open()


async def test_a_guests_use_from_its_payment_to_the_money_that_goes_back(
    inn: Inn, receiver: Receiver
) -> None:
    operator = inn.desk.operator
    terminal = await inn.appliance()
    async with inn.pool.acquire() as connection:
        hotel = await add_party(connection, operator, name="Hotel am See", kind="site_owner", by="test")
        terms = Terms(Target(), (Part(hotel.party_id, 300_000),), date(2020, 1, 1), bonus_shared=False)
        await add_agreement(connection, operator, name="Usual", terms=terms, by="test")
        await connection.execute("UPDATE appliance SET room = '801' WHERE operator_id = $1", operator)
        site = await connection.fetchval("SELECT site_id FROM appliance WHERE operator_id = $1", operator)
        endpoint = await add_endpoint(
            connection, operator, name="PMS", url=receiver.url, site_id=site, private=LOOPBACK, by="test"
        )
    session = await inn.running(terminal, "use")
    await inn.ends(terminal, session, reason=StopReason.KEY, s=600, wh=1610)
    async with inn.pool.acquire() as connection:
        await tell_ended(connection)
    await inn.works()
    await WebhookSender(inn.pool, KEYRING, Caller(LOOPBACK)).once()
    told = {}
    for heard in receiver.heard:
        message = verified(secret(KEYRING, endpoint), heard)
        told[message["type"]] = message["data"]
    settled, paid, back = (told[kind] for kind in ("session.settled", "payment.received", "refund.done"))
    assert isinstance(settled, dict)
    assert isinstance(paid, dict)
    assert isinstance(back, dict)
    assert len(receiver.heard) == 3
    assert (settled["held_minor"], settled["captured_minor"], settled["refund_minor"]) == (1000, 322, 678)
    assert settled["package"] == {"id": "use", "title": "按用量 · By use"}
    assert settled["shares"] == [
        {"party": hotel.party_id, "name": "Hotel am See", "amount_minor": 97},
        {"party": "operator", "name": "", "amount_minor": 225},
    ]
    assert settled["payment"] == paid["payment"] == back["payment"]
    assert paid["payment"]["provider_number"]
    assert paid["purpose"] == "direct_session"
    assert {each["appliance"]["room"] for each in (settled, paid, back)} == {"801"}
    assert {each["session"] for each in (settled, paid, back)} == {session.id}
    assert (back["amount_minor"], back["why"]) == (678, "unused")
