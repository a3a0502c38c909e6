"""Which terms a terminal is told: once, anew when what they freeze has changed, and their end."""

from __future__ import annotations

from datetime import timedelta

from coinslot.access.offline import REKEY_COUNT
from coinslot.app.seed import ensure_tariff
from coinslot.engines.connect import Pool
from coinslot.fleet.outlets import set_tariff
from coinslot.fleet.store import set_keypad
from coinslot.keyring import Keyring
from coinslot.settlement.offline.issuing import OfflineRefusal, OfflineRefused, offer
from coinslot.settlement.offline.terms import due_terms
from coinslot.settlement.reconcile import reconcile
from coinslot.wire.messages import Hello
from tests.support.bath import CREDIT_MINOR, SECRET, Bath


async def test_they_are_told_until_the_terminal_names_them_and_no_oftener_than_once_a_minute(
    pool: Pool,
) -> None:
    bath = await Bath(pool).prepare(CREDIT_MINOR)
    [first] = await bath.told()
    assert (first.credit_minor, first.currency, len(first.key), first.count) == (CREDIT_MINOR, "CNY", 32, 0)
    assert await bath.told() == [], "it may not want them"
    await bath.passes(timedelta(seconds=61))
    assert await bath.told() == [first]
    await bath.terminal.connects()
    [again] = await bath.told()
    assert (again.terms, again.link) == (first.terms, first.link + 1), "at once on a new link"
    refused = await bath.asks(await bath.desk.customer())
    await bath.terminal.goes()
    unknown = await bath.asks(await bath.desk.customer())
    assert [one.reason for one in (refused, unknown) if isinstance(one, OfflineRefused)] == [
        OfflineRefusal.LINKED,
        OfflineRefusal.NOT_HERE,
    ], "not before the terminal is known to hold them"
    stored = await pool.fetch("SELECT * FROM offline_terms WHERE terminal_id = $1", bath.terminal.id)
    assert not any(
        first.key in str(value) or bytes.fromhex(first.key) == value for value in stored[0].values()
    )


async def test_what_is_frozen_in_them_changes_with_new_ones_and_old_codes_stay_as_promised(
    bath: Bath,
) -> None:
    desk, lin = bath.desk, await bath.desk.customer()
    code = await bath.code(lin)
    await bath.returns()
    assert await bath.told() == []
    async with bath.pool.acquire() as connection:
        other = await ensure_tariff(connection, desk.operator, "dispenser-litre")
        await set_tariff(connection, desk.operator, bath.terminal.id, 0, other, by="test")
    [dearer] = await bath.told()
    assert (dearer.terms != bath.terms.terms, dearer.quote != bath.terms.quote) == (True, True)
    assert dearer.key != bath.terms.key
    bath.terminal.offline = [dearer.terms]
    await bath.terminal.hello()
    session = await bath.session(code)
    assert session.quote.encode() == bytes(bath.terms.quote)
    await bath.credit(0)
    [end] = await bath.told()
    assert (end.terms, end.key, end.credit_minor) == (dearer.terms, "", 0)
    bath.terminal.offline = []
    await bath.terminal.hello()
    await bath.passes(timedelta(minutes=2))
    assert await bath.told() == []
    async with bath.pool.acquire() as connection:
        report = await reconcile(connection, operator=desk.operator)
    assert report.sound, "a promise is a hold like any other"


async def test_a_worn_key_is_replaced_when_no_code_of_it_is_open_and_a_secret_that_goes_takes_its_keys_along(
    bath: Bath,
) -> None:
    lin = await bath.desk.customer()
    await bath.pool.execute(
        "UPDATE offline_terms SET last_count = $2 WHERE terms_id = $1", bath.terms.terms, REKEY_COUNT + 2
    )
    code = await bath.asks(lin)
    assert isinstance(code, OfflineRefused), "too far beyond what the terminal has seen"
    await bath.returns()
    [fresh] = await bath.told()
    assert fresh.terms != bath.terms.terms
    bath.terminal.offline = [fresh.terms]
    await bath.terminal.hello()
    rotated = Keyring("another secret altogether, 32 letters", [SECRET])
    [rekeyed] = await due_terms(bath.pool, rotated, bath.terminal.id)
    assert rekeyed.key != fresh.key


async def test_terms_of_a_hello_that_is_over_count_for_nothing(bath: Bath) -> None:
    await bath.returns()
    await bath.terminal.says(
        Hello(
            link=bath.terminal.link - 1,
            epoch=bath.terminal.epoch,
            next_seq=1,
            oldest_seq=1,
            boot=1,
            open_sessions=[],
            offline=[],
        )
    )
    held = await bath.pool.fetchval("SELECT held FROM offline_terms WHERE terms_id = $1", bath.terms.terms)
    assert held, "said on a link that is over"


async def test_an_appliance_without_a_keypad_is_told_of_their_end_and_gives_no_codes(bath: Bath) -> None:
    place = {"operator": bath.desk.operator, "appliance": bath.appliance}
    assert await offer(bath.pool, outlet=0, **place) is not None
    async with bath.pool.acquire() as connection:
        await set_keypad(connection, bath.desk.operator, bath.appliance, keypad=False, by="test")
    assert await offer(bath.pool, outlet=0, **place) is None
    refused = await bath.asks(await bath.desk.customer())
    assert refused == OfflineRefused(reason=OfflineRefusal.NOT_HERE)
    await bath.returns()
    assert [one.key for one in await bath.told()] == [""]
