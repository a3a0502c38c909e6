"""Statements on pages and in files, and the address that a party is given."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import party_payable
from coinslot.ledger.events import payout_sent
from coinslot.money import parse_amount
from coinslot.people.rules import Role
from tests.postgres.console.conftest import Consoles
from tests.postgres.console.history import History
from tests.postgres.console.test_payments import campus
from tests.support.pdf_text import pages_of


def period() -> str:
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
    return f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"


async def more_lines(history: History, count: int) -> None:
    entries = [
        payout_sent(
            history.till.operator, f"p{number}", "CNY", party=history.hotel.party_id, amount_minor=1 + number
        )
        for number in range(count)
    ]
    async with history.till.pool.acquire() as connection:
        for at in range(0, count, 100):
            await ledger.post(connection, entries[at : at + 100])


async def test_pages_and_files_agree_with_the_ledger(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER, Role.DESK)
    await more_lines(history, 120)
    owner, hotel = house.owner, history.hotel.party_id
    held = await history.till.balance(party_payable(hotel))
    assert "Hotel Aurora" in await owner.opens("/console/statements")
    text = await owner.opens(f"/console/statements?party={hotel}&{period()}")
    closing = f"−¥{-held // 100}.{-held % 100:02d}"
    assert closing in text
    assert f"/console/sessions/{history.session.id}" in text
    assert "Lines 1 to 100 of 121" in text
    # Page after page, each balance carries over to the next.
    more = re.search(r'rel="next" href="([^"]+)"', text)
    assert more is not None
    second = await owner.opens(more[1].replace("&amp;", "&"))
    assert "Lines 101 to 121 of 121" in second
    carried = re.findall(r'<td class="figure">([^<]+)</td>', text.split("<tbody>")[1])[-1]
    assert f'Carried over</th><td class="figure">{carried}</td>' in second
    assert f'<td class="figure">{closing}</td>' in second
    # The files.
    base = f"/console/statements/{hotel}"
    answer = await owner.http.get(f"{base}/csv?{period()}")
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="statement-{hotel}-')
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    amounts = [parse_amount(row["amount"], "CNY", allow_negative=True) for row in rows if row["amount"]]
    assert sum(amounts) == held
    assert len(amounts) == 121
    pdf = await owner.http.get(f"{base}/pdf?{period()}")
    assert pdf.headers["content-type"] == "application/pdf"
    figures = pages_of(pdf.content)[-1]
    assert f"−{-held // 100}.{-held % 100:02d}" in figures
    xlsx = await owner.http.get(f"{base}/xlsx?{period()}")
    assert xlsx.content.startswith(b"PK")
    evil = await owner.http.get(f"/console/statements/{history.evil.party_id}/xlsx?{period()}")
    assert evil.status_code == 200
    assert (await house.staff[Role.DESK].http.get(f"{base}/csv?{period()}")).status_code == 403


async def test_periods_that_are_none(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER)
    owner, hotel = house.owner, history.hotel.party_id
    for query in ("from=2026-02-01&to=2026-01-31", "from=1900-01-01&to=2026-01-01", "from=x&to=y", "month=2026-13",
                  "from=2026-01-01&to=9999-12-31", "from=2020-01-01&to=2026-01-01", "month=0001-1", "currency=XXX"):  # fmt: skip
        await owner.opens(f"/console/statements?party={hotel}&{query}", 422)
        if query.startswith("from"):
            await owner.opens(f"/console/statements/{hotel}/csv?{query}", 404)
    for query in ("month=2026-02", "line=99999999", "line=-1", "from=2024-02-29&to=2024-02-29"):
        await owner.opens(f"/console/statements?party={hotel}&{query}")
    await owner.opens("/console/statements?party=Hotel%20Aurora", 404)
    await owner.opens(f"/console/statements/{hotel}/exe?{period()}", 404)


async def test_an_address_shows_one_statement_until_it_is_over(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER, Role.AUDITOR)
    owner, hotel = house.owner, history.hotel.party_id
    page = f"/console/statements?party={hotel}&{period()}"
    first, last = re.findall(r"\d{4}-\d\d-\d\d", period())
    fields = {"from": first, "to": last, "currency": "CNY", "days": "30"}
    order = f"/console/statements/{hotel}/link"
    assert (await house.staff[Role.AUDITOR].sends(order, fields)).status_code == 403
    assert (await owner.sends(order, {**fields, "days": "10000"}, seen=page)).status_code == 404
    answer = await owner.sends(order, fields, seen=page)
    found = re.search(r"http://console.test(/statement/[\w-]{43})<", answer.text)
    assert found is not None
    party = consoles.browser("198.51.100.20")
    text = await party.opens(found[1])
    assert "Hotel Aurora" in text
    assert "/console" not in text.split("<main>")[1]
    assert (await party.http.get(found[1])).headers["referrer-policy"] == "no-referrer"
    for form in ("csv", "xlsx", "pdf"):
        assert (await party.http.get(f"{found[1]}/{form}")).status_code == 200
    # Nothing else is reachable with it, and nothing without it.
    for path in (f"{found[1]}/exe", f"{found[1]}x", found[1][:-1] + ("A" if found[1][-1] != "A" else "B"),
                 "/statement/" + "a" * 43, "/statement/x", f"/statement/{hotel}"):  # fmt: skip
        assert (await party.http.get(path)).status_code == 404, path
    for path in ("/console", f"/console/statements/{hotel}/csv", page):
        assert (await party.http.get(path)).status_code == 303
    token = found[1].rsplit("/", 1)[1]
    stored = await consoles.pool.fetchval("SELECT l::text FROM statement_link l")
    assert token not in stored
    revoke = re.search(r"/console/statement-links/\w+/revoke", await owner.opens(page))
    assert revoke is not None
    await consoles.pool.execute("UPDATE statement_link SET expires_at = now()")
    await party.opens(found[1], 404)
    await consoles.pool.execute("UPDATE statement_link SET expires_at = now() + interval '1 day'")
    await party.opens(found[1])
    assert (await owner.sends(revoke[0], {}, seen=page)).status_code == 303
    await party.opens(found[1], 404)
