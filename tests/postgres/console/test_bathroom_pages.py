"""The desk, files of customers, hours, quotas and flushes in the console: who may, what is done, what is told to nobody."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace

import pytest

from coinslot.app.seed import make_fleet
from coinslot.keyring import Keyring
from coinslot.ledger.accounts import customer_principal
from coinslot.ledger.store import balance
from coinslot.people import cards
from coinslot.people.rules import Role
from coinslot.providers.counter import with_counters
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Batch
from coinslot.settlement.flushing import FlushReason, FlushWish, flush
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.till_reports import till_report
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web.app import build_app
from coinslot.wire.ids import CustomerId
from tests.postgres.console.conftest import Consoles, House, Person
from tests.support.console import console_services
from tests.support.desk import Desk

_LIST = "/console/customers"
_FIELD = re.compile(r'name="form" value="([^"]+)"')
_PRINTED = re.compile(r"<dd>([0-9 ]+)</dd>")
_ID = re.compile(r"/console/customers/(cus_\w+)")
_KEY = re.compile(r'name="key" value="([^"]+)"')


async def _send_nothing(batches: Iterable[Batch]) -> None:
    """No terminal is connected here, so there is nothing to be sent."""
    assert not [send for batch in batches for send in batch.sends]


@pytest.fixture
async def house(consoles: Consoles) -> House:
    door = PaymentDoor(pool=consoles.pool, find=with_counters(consoles.pool, lambda _merchant: None))
    starter = Starter(PostgresBooks(consoles.pool), _send_nothing)
    services = replace(console_services(consoles.pool, consoles.keyring), payments=door, starter=starter)
    consoles.app = build_app(services)
    return await consoles.house("Bath", Role.MANAGER, Role.DESK, Role.TECHNICIAN, Role.AUDITOR)


async def _uploads(person: Person, path: str, seen: str, raw: bytes, **fields: str) -> str:
    found = _FIELD.search(await person.opens(seen))
    assert found is not None
    answer = await person.http.post(
        path,
        data={"form": found[1], **fields},
        files={"file": ("c.csv", raw, "text/csv")},
        headers={"Origin": "http://console.test"},
    )
    assert answer.status_code in (200, 409, 422), answer.text
    return answer.text


async def _registered(person: Person, **fields: str) -> tuple[CustomerId, str, str]:
    answer = await person.sends(_LIST, {"language": "zh", **fields}, seen=_LIST)
    assert answer.status_code == 200, answer.text
    card_no, pin = (text.replace(" ", "") for text in _PRINTED.findall(answer.text))
    found = _ID.search(answer.text)
    assert found is not None
    return CustomerId(found[1]), card_no, pin


async def test_the_desk_registers_finds_and_tops_up(consoles: Consoles, house: House) -> None:
    desk = house.staff[Role.DESK]
    customer, card_no, pin = await _registered(desk, phone="138 0013 8000")
    keyring: Keyring = consoles.keyring
    opened = await cards.log_in(consoles.pool, keyring, house.operator, card_no, pin, source="192.0.2.9")
    assert opened == customer
    assert pin not in await desk.opens(f"{_LIST}/{customer}")
    for who in (card_no, f"{card_no[:3]} {card_no[3:6]}-{card_no[6:]}", "+86 13800138000"):
        answer = await desk.sends(f"{_LIST}/find", {"who": who}, seen=_LIST)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{_LIST}/{customer}")
    for who, status in (("13900139000", 404), ("12", 422), ("", 422)):
        assert (await desk.sends(f"{_LIST}/find", {"who": who}, seen=_LIST)).status_code == status
    again = await desk.sends(_LIST, {"phone": "13800138000", "language": "zh"}, seen=_LIST)
    assert again.status_code == 422
    assert "Another customer has this number" in again.text
    # Without a drawer no cash is taken.
    page = f"{_LIST}/{customer}"
    assert (await desk.sends(f"{page}/top-up", {"amount": "50"}, seen=page)).status_code == 409
    async with consoles.pool.acquire() as connection:
        await add_merchant(
            connection,
            house.operator,
            provider="counter",
            name="Hall",
            account="hall",
            by="test",
        )
    key = _KEY.search(await desk.opens(page))
    assert key is not None
    for _ in range(2):  # pressed twice
        done = await desk.sends(f"{page}/top-up", {"amount": "50.00", "key": key[1]}, seen=page)
        assert done.status_code == 200, done.text
        assert "rcv_" in done.text
        assert "on the wallet" in done.text
    assert (await desk.sends(f"{page}/top-up", {"amount": "1e3"}, seen=page)).status_code == 422
    async with consoles.pool.acquire() as connection:
        assert await balance(connection, house.operator, customer_principal(customer), "CNY") == 50_00
        report = await till_report(connection, house.operator)
    assert [(line.received_minor, line.receipts) for line in report.lines] == [(50_00, 1)]


async def test_a_pin_is_reset_a_card_replaced_and_somebody_shut_out(consoles: Consoles, house: House) -> None:
    desk = house.staff[Role.DESK]
    customer, card_no, pin = await _registered(desk)
    page = f"{_LIST}/{customer}"
    fresh = await desk.sends(f"{page}/pin", {}, seen=page)
    assert _PRINTED.findall(fresh.text)[0].replace(" ", "") == card_no
    another = await desk.sends(f"{page}/card", {}, seen=page)
    assert _PRINTED.findall(another.text)[0].replace(" ", "") != card_no
    assert (await desk.sends(f"{page}/block", {}, seen=page)).status_code == 303
    assert "Blocked since" in await desk.opens(page)
    assert (await desk.sends(f"{page}/unblock", {}, seen=page)).status_code == 303
    assert "Blocked since" not in await desk.opens(page)
    said = str(
        await consoles.pool.fetch(
            "SELECT action, object, detail FROM audit WHERE operator_id = $1", house.operator
        )
    )
    assert card_no not in said
    assert pin not in said
    assert said.count("customer.") == 6
    # Not a technician's, and not another operator's.
    await house.staff[Role.TECHNICIAN].opens(page, 403)
    await house.staff[Role.TECHNICIAN].opens(_LIST, 403)
    other = await consoles.house("Else", Role.MANAGER)
    await other.staff[Role.MANAGER].opens(page, 404)
    for deed in ("pin", "card", "block", "top-up"):
        sent = await other.staff[Role.MANAGER].sends(f"{page}/{deed}", {"amount": "5"}, seen=_LIST)
        assert sent.status_code == 404, deed


async def test_a_file_is_looked_at_then_brought_in(consoles: Consoles, house: House) -> None:
    manager = house.staff[Role.MANAGER]
    raw = "phone;balance;bonus\n13800138001;12,5;\n13800138002;7.50;1\n".encode("gbk")
    seen = await _uploads(manager, "/console/import", "/console/import", raw)
    assert "is no plain amount" in seen
    assert "12,5" not in seen
    assert "13800138002" not in seen
    assert "****8002" in seen
    packed = re.search(r'name="packed" value="([^"]+)"', seen)
    assert packed is not None
    refused = await _uploads(manager, "/console/import/bring-in", "/console/import", b"", packed=packed[1])
    assert "Nothing was brought in" in refused
    for _ in range(2):
        done = await _uploads(
            manager, "/console/import/bring-in", "/console/import", b"", packed=packed[1], skip_bad="yes"
        )
        assert "1 customers" in done
    faults = await _uploads(manager, "/console/import/faults", "/console/import", b"", packed=packed[1])
    assert "2,balance," in faults
    assert (
        await consoles.pool.fetchval("SELECT count(*) FROM customer WHERE operator_id = $1", house.operator)
        == 1
    )
    await house.staff[Role.DESK].opens("/console/import", 403)
    broken = await manager.sends("/console/import/bring-in", {"packed": "!"}, seen="/console/import")
    assert broken.status_code == 400
    no_csv = base64.b64encode(zlib.compress(b"neither\n")).decode()
    for deed in ("faults", "bring-in"):
        answer = await _uploads(manager, f"/console/import/{deed}", "/console/import", b"", packed=no_csv)
        assert "is not known" in answer


async def test_hours_and_quotas_are_set_by_managers_and_seen_by_who_may(
    consoles: Consoles, house: House
) -> None:
    manager = house.staff[Role.MANAGER]
    async with consoles.pool.acquire() as connection:
        await make_fleet(connection, house.operator, terminals=1)
    site = await consoles.pool.fetchval("SELECT site_id FROM site WHERE operator_id = $1", house.operator)
    appliance = await consoles.pool.fetchval(
        "SELECT appliance_id FROM appliance WHERE operator_id = $1", house.operator
    )
    path = "/console/hours"
    assert (
        await manager.sends(path, {"site": site, "hours": "Mon-Fri 6:00-22:00"}, seen=path)
    ).status_code == 303
    assert (
        await manager.sends(path, {"appliance": appliance, "hours": "sun 09:00-12:00"}, seen=path)
    ).status_code == 303
    shown = await manager.opens(path)
    assert "mon-fri 06:00-22:00" in shown
    assert "sun 09:00-12:00" in shown
    wrong = await manager.sends(path, {"site": site, "hours": "whenever"}, seen=path)
    assert wrong.status_code == 422
    # What no query would survive is nobody's.
    for nobodys in ({"site": "\0"}, {"appliance": "\0"}):
        assert (await manager.sends(path, {"hours": "", **nobodys}, seen=path)).status_code == 404
    await manager.opens(f"{_LIST}/%00", 404)
    assert (await manager.sends("/console/quotas", {"site": "\0", "uses": "1"}, seen=path)).status_code == 422
    technician = house.staff[Role.TECHNICIAN]
    assert "mon-fri" in await technician.opens(path)
    assert (await technician.sends(path, {"site": site, "hours": ""}, seen=path)).status_code == 403
    path = "/console/quotas"
    fields = {
        "site": site,
        "kind": "shower",
        "period": "day",
        "uses": "2",
        "litres": "80",
        "minutes": "20",
        "amount": "9.90",
    }
    assert (await manager.sends(path, fields, seen=path)).status_code == 303
    shown = await manager.opens(path)
    assert "2 uses" in shown
    assert "20 minutes" in shown
    quota = await consoles.pool.fetchval("SELECT quota_id FROM quota")
    assert (await manager.sends(path, {"period": "day"}, seen=path)).status_code == 422
    assert (await manager.sends(path, {"period": "year", "uses": "1"}, seen=path)).status_code == 422
    assert (await manager.sends(f"{path}/{quota}/remove", {}, seen=path)).status_code == 303
    assert await consoles.pool.fetchval("SELECT count(*) FROM quota") == 0


async def test_a_technician_is_told_why_no_water_runs(consoles: Consoles, house: House) -> None:
    technician = house.staff[Role.TECHNICIAN]
    async with consoles.pool.acquire() as connection:
        await make_fleet(connection, house.operator, terminals=1)
    appliance = await consoles.pool.fetchval(
        "SELECT appliance_id FROM appliance WHERE operator_id = $1", house.operator
    )
    page = f"/console/flush/{appliance}"
    assert page in await technician.opens("/console/flush")
    key = _KEY.search(await technician.opens(page))
    assert key is not None
    fields = {
        "outlet": "0",
        "reason": "hygiene",
        "words": "<b>pipes</b>",
        "litres": "20",
        "seconds": "60",
        "key": key[1],
    }
    offline = await technician.sends(page, fields, seen=page)
    assert offline.status_code == 409
    assert "not connected" in offline.text
    assert "Not started" in offline.text
    assert "<b>pipes" not in offline.text
    for wrong in (
        {"litres": "101"},
        {"seconds": "301"},
        {"reason": "fun"},
        {"litres": "x"},
        {"outlet": "9"},
        {"outlet": "999999"},
    ):
        sent = await technician.sends(page, {**fields, "key": f"k-{wrong}"[:40], **wrong}, seen=page)
        assert sent.status_code == 422, wrong
    await house.staff[Role.DESK].opens(page, 403)
    auditor = house.staff[Role.AUDITOR]
    assert "pipes" in await auditor.opens(page)
    assert (await auditor.sends(page, fields, seen=page)).status_code == 403
    stop = await technician.sends(f"{page}/stop", {"session": "ses_none"}, seen=page)
    assert stop.status_code == 404
    other = await consoles.house("Else", Role.TECHNICIAN)
    await other.staff[Role.TECHNICIAN].opens(page, 404)


async def test_what_was_let_run_is_seen_with_who_why_and_how_much(consoles: Consoles, house: House) -> None:
    desk = Desk(consoles.pool)
    desk.operator = house.operator
    terminal = await desk.terminal()
    technician = house.staff[Role.TECHNICIAN]
    assert technician.staff_id is not None
    row = await consoles.pool.fetchrow("SELECT appliance_id FROM outlet WHERE terminal_id = $1", terminal.id)
    assert row is not None
    wish = FlushWish(
        operator=house.operator, currency="CNY", appliance=row[0], outlet=0, reason=FlushReason.REPAIR,
        limit_ml=20_000, limit_s=60, key="key-00001",
    )  # fmt: skip
    session = await flush(consoles.pool, desk.starter, wish, technician.staff_id)
    assert isinstance(session, Session)
    await terminal.records(terminal.started(session))
    page = f"/console/flush/{row[0]}"
    assert "Running" in await technician.opens(page)
    await terminal.records(terminal.stopped(session, ml=12_300, s=45))
    shown = await technician.opens(page)
    assert "12.3 L" in shown
    assert "Test after a repair" in shown
    manager = house.staff[Role.MANAGER]
    assert "¥0.00" in await manager.opens(f"/console/sessions/{session.id}")
    await manager.opens(f"/console/sessions/{session.id}/refund", 404)
