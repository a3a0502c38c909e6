"""Every route of the console for every role, for strangers, and for another operator."""

from __future__ import annotations

import re

from coinslot.people.rules import Role
from coinslot.web.console.may import MAY
from tests.postgres.console.conftest import Consoles
from tests.postgres.console.history import History, make_history

_NAMED = re.compile(r"\{(\w+)\}")
_SEALED = re.compile(r'(name="form" value=")[^"]+')
NOT_YOURS = "This is not for your role"


def paths_of(history: History, entry: int) -> dict[str, str]:
    """Something that is there for each name in a route."""
    return {
        "intent_id": history.paid.intent_id,
        "session_id": history.session.id,
        "entry_id": str(entry),
        "party_id": history.hotel.party_id,
        "form": "csv?from=2026-01-01&to=2026-01-31",
        "request_id": "rfr_1",
        "number": history.paid.number,
        "review_id": "1",
        "link_id": "stl_1",
    }


async def test_every_route_for_every_role(consoles: Consoles) -> None:
    house = await consoles.house("North", *Role)
    stranger = consoles.browser()
    found: list[str] = []
    for (method, template), roles in MAY.items():
        path = _NAMED.sub("x", template)
        answer = await stranger.http.request(method, path)
        if answer.status_code != 303 or not answer.headers["location"].startswith("/console/log-in"):
            found.append(f"{method} {path} answers a stranger with {answer.status_code}")
        for role, person in house.staff.items():
            # Without a form a POST is refused after the role was looked at, so nothing is done here.
            answer = await person.http.request(method, path)
            refused = answer.status_code == 403 and NOT_YOURS in answer.text
            if refused is (role in roles):
                found.append(f"{method} {path} answers {role.value} with {answer.status_code}")
            if answer.status_code >= 500:
                found.append(f"{method} {path} fails for {role.value}: {answer.status_code}")
    assert not found, "\n".join(found)


async def test_another_operators_things_look_as_if_they_did_not_exist(consoles: Consoles) -> None:
    history = await make_history(consoles.pool)
    south = (await consoles.house("South", Role.OWNER)).owner
    entry = await consoles.pool.fetchval("SELECT max(entry_id) FROM ledger_entry")
    theirs = paths_of(history, entry)
    nobodys = {
        **dict.fromkeys(theirs, "nothing"),
        "entry_id": "999999999",
        "form": "csv?from=2026-01-01&to=2026-01-31",
    }
    tried = 0
    for method, template in MAY:
        if (
            method != "GET"
            or not set(_NAMED.findall(template))
            or not set(_NAMED.findall(template)) <= set(theirs)
        ):
            continue
        answers = [
            await south.http.get(_NAMED.sub(lambda match, these=these: these[match[1]], template))
            for these in (theirs, nobodys)
        ]
        assert [answer.status_code for answer in answers] == [404, 404], template
        seen = [_SEALED.sub(r"\1", answer.text).replace(str(answer.url.path), "") for answer in answers]
        assert seen[0] == seen[1], template
        tried += 1
    assert tried >= 8
    # Lists and searches, too.
    for path in (
        "/console/payments",
        f"/console/payments?customer={history.customer}",
        f"/console/payments?before={history.given_back.intent_id}z",
        "/console/reviews",
        "/console/refunds",
        "/console/statements",
    ):
        text = await south.opens(path)
        assert "¥" not in text, path
        assert "Aurora" not in text, path
    for number in (
        history.paid.number,
        history.paid.intent_id,
        "138 0013 8000",
        history.customer,
        history.session.id,
    ):
        answer = await south.sends("/console/payments/search", {"q": number}, seen="/console/payments")
        assert answer.headers["location"] == "/console/payments?nothing=yes"
