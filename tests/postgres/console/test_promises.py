"""A code without a link that nobody can prove stands in the console until somebody gives its money back."""

from __future__ import annotations

from datetime import timedelta

from coinslot.people.rules import Role
from tests.postgres.console.conftest import Consoles
from tests.support.bath import CREDIT_MINOR, Bath

CASH_MINOR = 20_00


async def test_somebody_who_may_gives_it_back_in_words_and_once(consoles: Consoles) -> None:
    bath = await Bath(consoles.pool).open()
    name = await consoles.pool.fetchval(
        "SELECT name FROM operator WHERE operator_id = $1", bath.desk.operator
    )
    house = await consoles.house(name, Role.OWNER, Role.DESK, operator=bath.desk.operator)
    owner = house.owner
    lin = await bath.desk.customer(CASH_MINOR)
    code = await bath.code(lin)
    path = f"/console/promises/{code.session}/give-up"
    early = await owner.sends(path, {"words": "too soon"}, seen="/console/reviews")
    assert "may still tell" in early.text
    await bath.passes(timedelta(hours=25))
    assert path in await owner.opens("/console/reviews")
    assert (await house.staff[Role.DESK].sends(path, {"words": "mine"})).status_code == 403
    assert (await owner.sends(path, {"words": " "}, seen="/console/reviews")).status_code == 422
    assert await bath.desk.principal(lin) == CASH_MINOR - CREDIT_MINOR
    given = await owner.sends(path, {"words": "the board was replaced"}, seen="/console/reviews")
    assert given.status_code == 303
    assert path not in await owner.opens("/console/reviews")
    assert await bath.desk.principal(lin) == CASH_MINOR
    again = await owner.sends(path, {"words": "again"}, seen="/console/reviews")
    assert "not held any more" in again.text
    audit = await consoles.pool.fetchrow(
        "SELECT actor, object, detail FROM audit WHERE operator_id = $1 AND action = 'offline.give_up'",
        bath.desk.operator,
    )
    assert audit is not None
    assert tuple(audit) == (owner.staff_id, code.session, "the board was replaced")
    await bath.desk.in_order()
