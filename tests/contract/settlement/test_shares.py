"""Both books freeze the same agreement into a session and share its charge alike."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from coinslot.ledger.accounts import operator_revenue, party_payable
from coinslot.settlement.memory import MemoryBooks
from coinslot.sharing import Agreement, Agreements, Part, PartyId, Target, thaw
from coinslot.sharing.model import AgreementId
from coinslot.sharing.store import Terms, add_agreement, add_party
from tests.contract.settlement.conftest import Stand

BEGIN = date(2020, 1, 1)


async def agree(stand: Stand, target: Target, share_ppm: int, fixed_minor: int) -> PartyId:
    """One party's agreement, in force in whichever books these are."""
    desk = stand.desk
    if not isinstance(stand.books, MemoryBooks):
        async with desk.pool.acquire() as connection:
            party = (await add_party(connection, desk.operator, name="Hotel", by="test")).party_id
            terms = Terms(target, [Part(party, share_ppm, fixed_minor)], BEGIN)
            await add_agreement(connection, desk.operator, name="Hotel", terms=terms, by="test")
        return party
    party = PartyId("pty_hotel")
    stand.books.fleet.agreements[desk.operator] = Agreements(
        "Asia/Shanghai",
        [
            Agreement(
                operator_id=desk.operator, agreement_id=AgreementId("agr"), version=1, name="Hotel", target=target,
                valid_from=BEGIN, valid_to=None, bonus_shared=False, parts=(Part(party, share_ppm, fixed_minor),),
                made_at=datetime.now(UTC),
            )
        ],
    )  # fmt: skip
    return party


async def held(stand: Stand, account: str) -> int:
    if isinstance(stand.books, MemoryBooks):
        return stand.books.ledger.balance(stand.desk.operator, account, "CNY")
    return await stand.desk.balance(account)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_session_is_shared_where_its_appliance_is_agreed_about(stand: Stand, elsewhere: bool) -> None:
    at = stand.other if elsewhere else stand.shower
    party = await agree(stand, Target(appliance=at.credentials.appliance_id), 333_333, 4)
    session = await stand.desk.begun(stand.lin, stand.shower)
    await stand.shower.records(stand.shower.started(session), stand.shower.stopped(session, ml=20_000, s=200))
    ended = await stand.desk.session(session.id)
    assert ended.captured_minor == 90
    assert ended.sharing == session.sharing
    part = 0 if elsewhere else 4 + 29  # a third of 86 is 28.67
    assert (await held(stand, party_payable(party)), await held(stand, operator_revenue())) == (
        part,
        90 - part,
    )
    assert bool(ended.sharing) is not elsewhere
    if ended.sharing:
        assert thaw(ended.sharing).parts == (Part(party, 333_333, 4),)
