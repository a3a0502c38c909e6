"""What staff see of payments, how they find them, and how money is given back."""

from __future__ import annotations

import re
from datetime import date

from coinslot.people.rules import Role
from coinslot.settlement.payments.bills import check_bill
from tests.postgres.console.conftest import Consoles, House, Person
from tests.postgres.console.history import PHONE, History, make_history


async def campus(consoles: Consoles, *roles: Role) -> tuple[History, House]:
    history = await make_history(consoles.pool)
    name = await consoles.pool.fetchval(
        "SELECT name FROM operator WHERE operator_id = $1", history.till.operator
    )
    return history, await consoles.house(name, *roles, operator=history.till.operator)


async def finds(person: Person, text: str) -> str:
    answer = await person.sends("/console/payments/search", {"q": text}, seen="/console/payments")
    assert answer.status_code == 303
    return answer.headers["location"]


async def test_lists_searches_and_one_payment(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER, Role.DESK)
    owner, till = house.owner, history.till
    text = await owner.opens("/console/payments")
    assert text.count('href="/console/payments/pay_') == 4
    order = re.findall(r'href="/console/payments/(pay_\w+)"', text)
    assert order == sorted(order, reverse=True)
    assert "138****8000" in text
    assert "13800138000" not in text
    for query, wanted in (
        ("status=open", {history.open.intent_id, order[0]}),
        ("status=refunding", {history.given_back.intent_id}),
        ("status=odd", None),
        ("provider=nobody", set()),
        (f"before={order[2]}", {order[3]}),
        ("day=2001-01-01", set()),
        ("day=nonsense&status=nonsense", set(order)),
        ("appliance=nothing", set()),
        (f"customer={history.customer}", set(order) - {history.given_back.intent_id}),
    ):
        shown = set(
            re.findall(r'href="/console/payments/(pay_\w+)"', await owner.opens(f"/console/payments?{query}"))
        )
        if wanted is None:
            assert len(shown) == 1
        else:
            assert shown == wanted, query
    today = await consoles.pool.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    assert (await owner.opens(f"/console/payments?day={today}")).count('href="/console/payments/pay_') == 4
    # By whatever number somebody reads out.
    path = f"/console/payments/{history.paid.intent_id}"
    refund = (await till.refunds())[0]
    for number in (history.paid.intent_id, history.paid.number, history.paid.provider_id or ""):
        assert await finds(owner, number) == path
    assert await finds(owner, refund.number) == f"/console/payments/{history.given_back.intent_id}"
    assert await finds(owner, history.session.id) == f"/console/sessions/{history.session.id}"
    for phone in (PHONE, "138 0013 8000", "008613800138000"):
        assert await finds(owner, phone) == f"/console/payments?customer={history.customer}"
    code = await consoles.pool.fetchval("SELECT code FROM appliance WHERE operator_id = $1", till.operator)
    assert await finds(owner, code) == f"/console/payments?appliance={code}"
    for nothing in (
        "pay_x",
        "\0",
        "x" * 5_000,
        "%",
        "' OR 1=1",
        "\ud800".encode("utf-8", "replace").decode(),
        "😀",
    ):
        assert await finds(owner, nothing) == "/console/payments?nothing=yes"
    # One payment, with everything that happened to it.
    text = await owner.opens(path)
    for part in ("¥10.00", "What happened", "told us by itself", history.paid.number, history.paid.provider_id or "",
                 "Yes, by the provider's word", "Not compared yet", "Ledger entries"):  # fmt: skip
        assert part in text, part
    # Once the provider's own bill has come, the page says in which day's it stands.
    till.provider.writes_bill()
    await check_bill(consoles.pool, till.provider, till.merchant, date(2026, 11, 21))
    assert "In the bill of 2026-11-21" in await owner.opens(path)
    assert "Give back" in await house.staff[Role.DESK].opens(path)
    text = await owner.opens(f"/console/payments/{history.given_back.intent_id}")
    assert "No use followed: the money goes back" in text
    assert "Cannot be delivered: decide" in text
    # And the session, its shares and its entry.
    text = await owner.opens(f"/console/sessions/{history.session.id}")
    for part in ("How the charge came about", "Hotel Aurora", "30 %", "Session settled", "20.0 L"):
        assert part in text, part
    entry = re.search(r"/console/entries/(\d+)", text)
    assert entry is not None
    assert "Postings" in await owner.opens(entry[0])
    for wrong in ("0", "x", "²", "9" * 30):
        await owner.opens(f"/console/entries/{wrong}", 404)


async def test_a_refund_above_the_limit_takes_two_people(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER, Role.MANAGER, Role.DESK, Role.AUDITOR)
    owner, desk, till = house.owner, house.staff[Role.DESK], history.till
    path = f"/console/payments/{history.paid.intent_id}/refund"
    fields = {"key": "k1", "amount": "4.00", "reason": "not_wanted", "words": "asked for at the desk"}
    # Nothing is done before it was seen what it does.
    answer = await desk.sends(path, fields, seen=path)
    assert answer.status_code == 200
    assert "What it does" in answer.text
    assert "¥4.00" in answer.text
    before = await till.principal(history.customer)
    answer = await desk.sends(path, {**fields, "confirmed": "yes"}, seen=path)
    request = answer.headers["location"]
    assert request.startswith("/console/refunds/rfr_")
    # The same form again is the same request.
    assert (await desk.sends(path, {**fields, "confirmed": "yes"}, seen=path)).headers["location"] == request
    assert await till.principal(history.customer) == before
    # Neither who asked nor who only looks decides.
    assert "somebody else has to decide" in await desk.opens(
        request
    ) or "Owners and managers decide" in await desk.opens(request)
    for nobody in (desk, house.staff[Role.AUDITOR]):
        assert (await nobody.sends(f"{request}/approve", {})).status_code == 403
    assert "Refunds wait for a second person" in await owner.opens("/console")
    answer = await owner.sends(f"{request}/approve", {"words": "seen"}, seen=request)
    assert answer.status_code == 303
    assert await till.principal(history.customer) == before - 4_00
    answer = await house.staff[Role.MANAGER].sends(f"{request}/decline", {"words": "no"})
    assert answer.status_code == 422
    assert "decided already" in answer.text
    text = await owner.opens(f"/console/payments/{history.paid.intent_id}")
    assert "Owner agreed" in text
    # More than is there, and what is no amount.
    for amount, told in (("400", "At most"), ("-1", "plain number"), ("1e3", "plain number"), ("0.001", "plain number"),
        ("5,00", "plain number"),
                         ("0", "above zero"), ("NaN", "plain number"), ("9" * 14, "At most"),
                             ("9" * 19, "plain number")):  # fmt: skip
        answer = await owner.sends(path, {**fields, "amount": amount, "key": "k2"}, seen=path)
        assert (answer.status_code, told in answer.text) == (422, True), amount
    answer = await owner.sends(path, {**fields, "words": " ", "key": "k3", "confirmed": "yes"}, seen=path)
    assert answer.status_code == 422
    await till.in_order(exactly=False)


async def test_a_refund_that_cannot_be_delivered_is_tried_again_or_given_up(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER, Role.DESK)
    refund = (await history.till.refunds())[0]
    path = f"/console/payments/{history.given_back.intent_id}"
    again = f"/console/provider-refunds/{refund.number}/again"
    assert (await house.staff[Role.DESK].sends(again, {})).status_code == 403
    assert (await house.owner.sends(again, {}, seen=path)).headers["location"] == path
    assert (await history.till.refunds())[0].state == "requested"
    assert (
        await house.owner.sends(again, {}, seen=path)
    ).status_code == 303  # pressed twice: nothing happens
    await history.till.works()
    assert (await house.owner.sends(again.replace("again", "give-up"), {}, seen=path)).status_code == 303
    assert (await history.till.refunds())[0].state == "closed"
    actions = [
        (row["actor"], row["action"])
        for row in await consoles.pool.fetch(
            "SELECT actor, action FROM audit WHERE action LIKE 'refund.%' ORDER BY audit_id"
        )
    ]
    by = house.owner.staff_id
    assert actions == [(by, "refund.asked_again"), (by, "refund.given_up")]


async def test_what_was_looked_at_is_closed_in_words(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER)
    owner = house.owner
    text = await owner.opens("/console/reviews")
    assert "does not agree with the order" in text or "nobody had asked for" in text
    number = re.search(r"/console/reviews/(\d+)/close", text)
    assert number is not None
    assert (await owner.sends(number[0], {"words": " "}, seen="/console/reviews")).status_code == 422
    answer = await owner.sends(number[0], {"words": "the guest paid again"}, seen="/console/reviews")
    assert answer.status_code == 303
    assert number[0] not in await owner.opens("/console/reviews")
    assert (await owner.sends(number[0], {"words": "again"}, seen="/console/reviews")).status_code == 404
    row = await consoles.pool.fetchrow(
        "SELECT closed_by, resolution FROM review WHERE operator_id = $1 AND closed_at IS NOT NULL",
        history.till.operator,
    )
    assert tuple(row) == (owner.staff_id, "the guest paid again")


async def test_money_that_nobody_had_asked_for_is_given_to_whom_it_belongs(consoles: Consoles) -> None:
    history, house = await campus(consoles, Role.OWNER, Role.AUDITOR)
    owner, till = house.owner, history.till
    found = re.search(r"/console/suspense/sus_\w+", await owner.opens("/console/reviews"))
    assert found is not None
    path = found[0]
    assert path not in await house.staff[Role.AUDITOR].opens("/console/reviews")
    fields = {"key": "s1", "way": "wallet", "whose": "138 0013 8000", "words": "an old code was paid"}
    for wrong in ({"way": "loss"}, {"whose": ""}, {"whose": "nobody"}, {"words": " ", "confirmed": "yes"}):
        answer = await owner.sends(path, {**fields, **wrong}, seen=path)
        assert answer.status_code == 422, wrong
    answer = await owner.sends(path, fields, seen=path)
    assert "What it does" in answer.text
    before = await till.principal(history.customer)
    answer = await owner.sends(path, {**fields, "confirmed": "yes"}, seen=path)
    assert answer.headers["location"].startswith("/console/refunds/rfr_")
    assert (await till.principal(history.customer), await till.suspense()) == (before + 1, 0)
    await owner.opens(path, 404)
