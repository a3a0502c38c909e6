"""Alarms in the console: what stands and what to do, who may put what away, and nothing of another operator's."""

from __future__ import annotations

from coinslot.app.seed import make_fleet
from coinslot.people.rules import Role
from coinslot.wire.ids import OperatorId
from tests.postgres.console.conftest import Consoles

_PATH = "/console/alarms"


async def raise_alarm(
    consoles: Consoles, operator: OperatorId, kind: str, outlet: int | None, detail: str = ""
) -> int:
    return int(
        await consoles.pool.fetchval(
            "INSERT INTO alarm (operator_id, terminal_id, outlet, kind, detail)"
            " SELECT $1, terminal_id, $2, $3, $4 FROM terminal WHERE operator_id = $1 RETURNING alarm_id",
            operator,
            outlet,
            kind,
            detail,
        )
    )


async def test_alarms_say_what_to_do_and_only_a_person_ends_what_nothing_else_does(
    consoles: Consoles,
) -> None:
    house = await consoles.house("North", Role.TECHNICIAN, Role.DESK, Role.AUDITOR)
    technician, desk = house.staff[Role.TECHNICIAN], house.staff[Role.DESK]
    async with consoles.pool.acquire() as connection:
        await make_fleet(connection, house.operator, terminals=1)
    assert "Nothing is wrong" in await technician.opens(_PATH)
    fault = await raise_alarm(consoles, house.operator, "flow_while_shut", 0, "ses_of_somebody")
    moment = await raise_alarm(consoles, house.operator, "rolled_back", None, "next record 3")
    await raise_alarm(consoles, house.operator, "sweep", 0, "9 wrong codes in 24 hours")
    of_site = "41 wrong codes in 24 hours at this site, 3 keypads above 8"
    await raise_alarm(consoles, house.operator, "sweep", None, of_site)

    page = await technician.opens(_PATH)
    assert "Water or power flows though it is shut" in page
    assert "Shut the stop valve by hand" in page
    assert "shower 1" in page
    assert "on several keypads of this site" in page
    assert "ses_of_somebody" not in page, "a technician sees no customer's use"
    assert 'href="/console/sessions/ses_of_somebody"' in await desk.opens(_PATH)
    assert '<b class="figure">4</b>' in await technician.opens("/console")
    chinese = await technician.opens(f"{_PATH}?lang=zh")
    assert "wrong codes" not in chinese
    await technician.opens(f"{_PATH}?lang=en")

    away = f"{_PATH}/{moment}/put-away"
    assert page.count("/put-away") == 1
    assert "/put-away" not in await desk.opens(_PATH)
    for person in (desk, house.staff[Role.AUDITOR]):
        assert (await person.sends(away, {}, seen=_PATH)).status_code == 403
    for _ in range(2):
        assert (await technician.sends(away, {}, seen=_PATH)).status_code == 303
    for nothing in (str(fault), "0", "x", "9" * 40):
        sent = await technician.sends(f"{_PATH}/{nothing}/put-away", {}, seen=_PATH)
        assert sent.status_code == 404, nothing
    audited = "SELECT count(*) FROM audit WHERE operator_id = $1 AND action = 'alarm.put_away'"
    assert await consoles.pool.fetchval(audited, house.operator) == 1
    await consoles.pool.execute("UPDATE alarm SET cleared_at = now() WHERE kind = 'flow_while_shut'")
    page = await technician.opens(_PATH)
    assert "Shut the stop valve by hand" not in page
    assert page.index("<caption>") < page.index("Water or power flows") < page.index("is older than what")

    other = await consoles.house("South", Role.TECHNICIAN)
    theirs = other.staff[Role.TECHNICIAN]
    assert "Nothing is wrong" in await theirs.opens(_PATH)
    again = await raise_alarm(consoles, house.operator, "rolled_back", None)
    sent = await theirs.sends(f"{_PATH}/{again}/put-away", {}, seen=_PATH)
    assert sent.status_code == 404
    # A terminal that is gone for good ends nothing by itself.
    await consoles.pool.execute(
        "UPDATE terminal SET revoked_at = now() WHERE operator_id = $1", house.operator
    )
    assert (await technician.opens(_PATH)).count("/put-away") == 3
