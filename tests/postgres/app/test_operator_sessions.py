"""`coinslot operator session` against a real database and broker: start, show, list, stop, and each refusal."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.app.operator_refusals import refusal_problem
from coinslot.app.seed import make_fleet, make_paying_customers
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import connect_owner
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.store import create_operator
from coinslot.settlement.requests import Refusal, Refused
from coinslot.tariffs import decode_quote, rate
from tests.support.engines import run_apart

Run = Callable[..., str]
Sql = Callable[..., object]


@pytest.fixture
def sql(database_url: str) -> Sql:
    """Run a statement as the owner; its first value."""

    async def ask(statement: str, *values: object) -> object:
        connection = await connect_owner(database_url)
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    return lambda statement, *values: run_apart(ask(statement, *values))


@pytest.fixture
def terminal(database_url: str) -> TerminalCredentials:
    """A terminal that is online, and the customers Lin (20.00) and Mei (0.01)."""

    async def make() -> TerminalCredentials:
        connection = await connect_owner(database_url)
        try:
            operator = await create_operator(
                connection, name="North", currency="CNY", timezone="Asia/Shanghai", by="test"
            )
            own = operator.operator_id
            for name, amount in (("Lin", 20_00), ("Mei", 1)):
                await make_paying_customers(
                    connection, own, names=[name], currency="CNY", amount_minor=amount
                )
            fleet = await make_fleet(connection, own, terminals=1)
            await connection.execute(
                "UPDATE terminal_link SET online = true, link = 1, link_began_at = now(), epoch = 'epo_1'"
            )
            return fleet[0]
        finally:
            await connection.close()

    return run_apart(make())


@pytest.fixture
def run(
    database_url: str, broker: BrokerAccess, terminal: TerminalCredentials, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Type `coinslot operator session …`; its output, or the Problem it ended in."""
    settings = {
        "DATABASE_URL": database_url,
        "NATS_URL": broker.url,
        "NATS_SERVER_PASSWORD": broker.server_password,
        "NATS_AUTH_PASSWORD": broker.auth_password,
        "NATS_SYS_PASSWORD": broker.sys_password,
        "NATS_ISSUER_SEED": broker.issuer_seed,
        "MQTT_PORT": str(broker.mqtt_port),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"COINSLOT_{name}", value)

    def type_it(*words: str) -> str:
        result = CliRunner().invoke(coinslot, ["operator", "session", *words])
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    return type_it


def started(run: Run, terminal: TerminalCredentials, *more: str) -> str:
    made = json.loads(run("start", "Lin", terminal.terminal_id, "--json", *more))
    return str(made["session"]["id"])


def test_a_session_is_started_listed_shown_and_stopped(run: Run, terminal: TerminalCredentials) -> None:
    session = started(run, terminal, "--key", "desk-1")
    assert started(run, terminal, "--key", "desk-1") == session
    assert [one["session_id"] for one in json.loads(run("list", "--customer", "Lin", "--json"))] == [session]
    assert json.loads(run("list", "--state", "settled", "--json")) == []
    shown = run("show", session)
    for words in ("authorized", "held", "5.00 CNY", "limits", "price"):
        assert words in shown
    stopped = json.loads(run("stop", session, "--json"))
    assert stopped["session"]["stop_asked_at"] is not None
    assert json.loads(run("stop", session, "--json"))["session"]["id"] == session


def test_an_appliance_is_named_by_its_public_code(run: Run, terminal: TerminalCredentials) -> None:
    made = json.loads(run("start", "Lin", terminal.appliance_code, "--json"))
    assert made["session"]["terminal"] == terminal.terminal_id


def test_the_bill_is_shown_with_registers_sensors_and_reviews(
    run: Run, terminal: TerminalCredentials, sql: Sql
) -> None:
    session = started(run, terminal)
    quote = decode_quote(str(sql("SELECT quote FROM session")).encode())
    usage = {one.register: 12_345 for one in quote.rates}
    charge = rate(quote, usage).amount_minor
    sql(
        "UPDATE session SET state = 'settled', settled_at = now(), stopped_at = now(), started_at = now(),"
        " charge_minor = $1::bigint, captured_minor = least($1::bigint, 500), registers = $2, stop_reason = 'key',"
        " duration_ms = 61500, wake_at = NULL, sensors = $3",
        charge,
        json.dumps({register.value: used for register, used in usage.items()}),
        '{"temperature_mc": {"start": 20000, "end": 41000, "min": 19000, "max": 42000, "mean": 38000}}',
    )
    sql(
        "INSERT INTO review (operator_id, reason, session_id, detail) SELECT operator_id, 'meter', session_id,"
        " 'ml: impossible_rate' FROM session"
    )
    shown = run("show", session)
    for words in ("12345", "charge", "paid", "returned", "temperature_mc", "41000", "key", "61 s"):
        assert words in shown
    assert "review  meter: ml: impossible_rate" in shown
    again = json.loads(run("show", session, "--json"))
    assert again["session"]["bill"]["charge_minor"] == charge
    assert again["reviews"][0]["reason"] == "meter"


def test_each_refusal_says_what_to_do(run: Run, terminal: TerminalCredentials, sql: Sql) -> None:
    where = terminal.terminal_id
    with pytest.raises(Problem, match=r"holds 0\.01 CNY") as poor:
        run("start", "Mei", where)
    assert "customer top-up" in poor.value.remedy
    started(run, terminal, "--key", "desk-1")
    for words, text in (
        (("start", "Mei", where, "--key", "desk-1"), "used for another"),
        (("start", "Mei", where), "in use"),
        (("start", "Nobody", where), "no customer"),
        (("start", "Lin", "nowhere"), "no appliance"),
        (("start", "Lin", where, "--outlet", "7"), "no such outlet"),
        (("start", "Lin", terminal.appliance_code, "--outlet", "7"), "has no outlet 7"),
        (("start", "Lin", where, "--key", "a b"), "--key"),
        (("stop", "ses_none"), "no session"),
        (("show", "a\tb"), "no session"),
    ):
        with pytest.raises(Problem, match=text) as refused:
            run(*words)
        assert refused.value.remedy, words
    sql("UPDATE session SET state = 'released', settled_at = now(), wake_at = NULL RETURNING 1")
    for change, text in (
        ("UPDATE terminal_link SET online = false", "not connected"),
        ("UPDATE outlet SET tariff_id = NULL", "no tariff"),
        ("UPDATE appliance SET closed = true", "closed"),
        ("UPDATE customer SET blocked_at = now()", "blocked"),
    ):
        sql(change)
        with pytest.raises(Problem, match=text) as refused:
            run("start", "Lin", where)
        assert refused.value.remedy


def test_every_refusal_has_words_and_a_next_step() -> None:
    said = {refusal_problem(Refused(reason=reason), "CNY").message for reason in Refusal}
    assert len(said) == len(Refusal)


def test_without_a_server_nothing_can_be_started(
    run: Run, terminal: TerminalCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COINSLOT_NATS_URL")
    monkeypatch.setenv("COINSLOT_DATA_DIR", "/nonexistent")
    with pytest.raises(Problem, match="does not run") as refused:
        run("start", "Lin", terminal.terminal_id)
    assert "coinslot serve" in refused.value.remedy
