"""`coinslot operator` refund, suspense and counter: who types proves who she is, and two people are two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.engines.connect import open_pool
from coinslot.payments.port import PaymentSeen, PaymentState
from coinslot.settlement.payments.crediting import into_suspense
from coinslot.settlement.payments.merchants import list_merchants
from coinslot.settlement.payments.unit import transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import CustomerId, OperatorId
from tests.support.giving_back import Office
from tests.support.till import Till

Run = Callable[..., str]
PASSWORD = "correct horse battery"


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in. `as_` gives the password, too."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)

    def type_it(*words: str, as_: str = "", password: str = PASSWORD) -> str:
        proof = ["--as", as_, "--password-stdin"] if as_ else []
        result = CliRunner().invoke(coinslot, ["operator", *words, *proof], input=password + "\n")
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return type_it


async def in_the_till(database_url: str, operator: str, customer: str) -> str:
    """A customer at the counter who has chosen 80.00, and 7.00 that nobody had asked for; the code."""
    pool = await open_pool(database_url, min_size=1, max_size=4)
    till = Till(pool)
    till.operator = OperatorId(operator)
    office = Office(till)
    attempt = await office.at_counter(
        await till.topup(CustomerId(customer), 80_00, bonus_minor=8_00), await office.counter()
    )
    [merchant] = await list_merchants(pool, till.operator)
    seen = PaymentSeen(
        number="x", state=PaymentState.PAID, provider_id="tx1", amount_minor=7_00, currency="CNY"
    )
    async with transaction(pool, Purpose.DECIDE) as connection:
        await into_suspense(connection, merchant, seen)
    code: str = await pool.fetchval("SELECT code FROM counter_payment WHERE number = $1", attempt.number)
    await pool.close()
    return code


async def the_cashier_looks(database_url: str, operator: str) -> None:
    """As it does every second in a running server."""
    pool = await open_pool(database_url, min_size=1, max_size=4)
    till = Till(pool)
    till.operator = OperatorId(operator)
    await Office(till).works()
    await pool.close()


def test_cash_comes_in_and_goes_back_with_two_people(run: Run, database_url: str) -> None:
    own = json.loads(run("create", "North", "--json"))["operator_id"]
    for login, role in (("anna", "owner"), ("bert", "manager"), ("dora", "desk")):
        run("staff", "add", login, login, "--role", role, "--password-stdin")
    lin = json.loads(run("customer", "add", "--name", "Lin", "--json"))["customer_id"]
    code = asyncio.run(in_the_till(database_url, own, lin))
    assert code[:3] in run("counter", "waiting")
    with pytest.raises(Problem, match="do not belong together"):
        run("counter", "receive", code, "80.00", as_="dora", password="wrong")
    with pytest.raises(Problem, match="exactly that"):
        run("counter", "receive", code, "79.99", as_="dora")
    slip = json.loads(run("counter", "receive", code, "80.00", "--json", as_="dora"))
    asyncio.run(the_cashier_looks(database_url, own))
    shown = run("refund", "propose", "payment", slip["number"], "--amount", "60.00")
    assert "bonus" in shown
    words = ("refund", "ask", "payment", slip["number"], "--reason", "not_wanted", "--words", "moved away")
    asked = json.loads(run(*words, "--amount", "60.00", "--json", as_="anna"))
    assert (asked["state"], asked["amount"], asked["asked_by"]) == ("open", "60.00 CNY", "anna")
    with pytest.raises(Problem, match="second person"):
        run("refund", "approve", asked["request_id"], as_="anna")
    with pytest.raises(Problem, match="refund list"):
        run("refund", "approve", "rfr_none", as_="bert")
    done = json.loads(run("refund", "approve", asked["request_id"], "--json", as_="bert"))
    assert (done["state"], done["decided_by"]) == ("done", "bert")
    assert "6.00" in run("refund", "show", asked["request_id"]), "of the bonus"
    asyncio.run(the_cashier_looks(database_url, own))
    [out] = json.loads(run("counter", "waiting", "--json"))
    run("counter", "pay-out", out["code"], "60.00", as_="anna")
    asyncio.run(the_cashier_looks(database_url, own))
    report = json.loads(run("counter", "report", "--json"))
    [drawer] = report["drawers"]
    assert drawer["must_hold_minor"] == 20_00
    # Beside what is in the drawer, 7.00 arrived that nobody wrote down: the books show it, the till does not.
    assert report["in_books_minor"] == {drawer["merchant_id"]: 27_00}
    assert "dora" in run("counter", "report")
    [kept] = json.loads(run("suspense", "list", "--json"))
    said = ("suspense", "explain", kept["suspense_id"], "--words", "Lin's old code")
    run(*said, "--is", "wallet", "--customer", "Lin", as_="anna")
    for words in (["suspense", "list"], ["refund", "owed"]):
        assert "sus_" not in run(*words)


def test_the_limit_is_a_rule_of_the_operators(run: Run) -> None:
    run("create", "North")
    assert json.loads(run("rules", "show", "--json"))["refund_alone_up_to"] == "50.00"
    changed = json.loads(run("rules", "set", "--refund-alone-up-to", "12.50", "--json"))
    assert changed["refund_alone_up_to"] == "12.50"
    with pytest.raises(Problem):
        run("rules", "set", "--refund-alone-up-to", "-1")
