"""Recorded showers through agents, broker, server and ledger: every charge as worked out by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from coinslot.app.replay_plan import Plan, Way, make_plan
from coinslot.app.replay_results import LedgerCheck, Played, add_up
from coinslot.app.replay_run import NOT_PLAYED, NOT_STARTED, Replay
from coinslot.app.settings import Role
from coinslot.app.stack import Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.keyring import Keyring
from coinslot.sandbox.replay.appliance import Kind
from coinslot.sandbox.replay.traces import Second, Trace
from coinslot.tariffs import dump_tariff, parse_tariff
from coinslot.tariffs.named import NAMED
from tests.support.engines import engine_folder
from tests.support.recordings import HOLD_FEN, Shower, fen_by_hand, most_by_hand, recorded_showers, showers_in

COVERED_ML = 23_833
"""The most whose price, 500.493 fen at 21 fen a litre, still rounds to the 500 held; 23,834 ml are 500.514."""
CREDIT_FEN = 300
TARIFFS = ("dispenser-litre", "shower-30s", "shower-litre")
KEYRING = Keyring("a secret for tests alone, 32 letters")
ALL = (pytest.mark.long, pytest.mark.timeout(600))
"""Of runs of all showers: a minute where nothing else runs."""
HEAD = "event_id,t_s,ml\n"


@pytest.fixture
async def stack(database_url: str, broker: BrokerAccess) -> AsyncIterator[Stack]:
    async with Stack(database_url, broker, {Role.LINK, Role.SWEEP}, StackOptions(keyring=KEYRING)) as running:
        yield running


def planned(
    source: Path,
    tariff: str,
    *,
    speed: float | None = None,
    kind: Kind = Kind.SHOWER,
    way: Way = Way.SCAN,
) -> Plan:
    return make_plan(source, kind=kind, tariff=tariff, speed=speed, terminals=None, way=way)


def written(folder: Path, rows: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(HEAD + rows)
    return path


def chosen(tariff: str, every: int, way: Way) -> tuple[Plan, dict[str, Shower]]:
    """Some of the recorded showers: as they are played, and as they were read by hand."""
    source = recorded_showers()
    plan = planned(source, tariff, way=way)
    plan = replace(plan, traces=plan.traces[::every])
    names = {trace.event_id for trace in plan.traces}
    showers = {event_id: shower for event_id, shower in showers_in(source).items() if event_id in names}
    assert len(showers) == -(-145 // every)
    return plan, showers


async def played(
    plan: Plan, stack: Stack, broker: BrokerAccess, folder: Path, patience_s: float = 20.0
) -> tuple[dict[str, Played], LedgerCheck]:
    told: list[Played] = []
    replay = Replay(
        plan, stack, broker, folder / "terminals", told.append, keyring=KEYRING, patience_s=patience_s
    )
    await replay.prepare()
    events = await replay.run()
    assert len(told) == len(events) == len(plan.traces)
    check = await replay.check(add_up(events).captured_minor)
    return {event.event_id: event for event in events}, check


@pytest.mark.parametrize(
    ("tariff", "every", "way"),
    [
        ("dispenser-litre", 15, Way.SCAN),
        ("shower-30s", 15, Way.SCAN),
        ("shower-litre", 5, Way.SCAN),
        ("dispenser-litre", 15, Way.KEYPAD),
        *(pytest.param(tariff, 1, way, marks=ALL) for way in (Way.SCAN, Way.KEYPAD) for tariff in TARIFFS),
    ],
)
async def test_recorded_showers_cost_what_they_cost_by_hand(
    tariff: str, every: int, way: Way, stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    plan, showers = chosen(tariff, every, way)
    events, books = await played(plan, stack, broker, tmp_path)
    assert [event.problem for event in events.values() if not event.settled] == []
    cut = 0
    for event_id, shower in showers.items():
        event = events[event_id]
        by_hand = fen_by_hand(tariff, shower)
        assert event.held_minor == HOLD_FEN, event_id
        if by_hand > HOLD_FEN:
            cut += 1
            assert (event.end, event.cut_by_hold, event.register_ml) == ("limit", True, COVERED_ML), event_id
        else:
            seen = (event.end, event.register_ml, event.register_s)
            assert seen == ("key", shower.ml, shower.seconds), event_id
        due = min(by_hand, HOLD_FEN)
        assert (event.charge_minor, event.captured_minor) == (due, due), event_id
        assert event.released_minor == HOLD_FEN - due, event_id
    assert (cut > 0) is (tariff == "dispenser-litre")
    assert every > 1 or cut in (0, 46)
    assert books.ok
    assert books.revenue_minor == sum(min(fen_by_hand(tariff, each), HOLD_FEN) for each in showers.values())
    assert books.faults == ()
    assert (books.promised, books.paid_in_minor) == (0, HOLD_FEN * len(showers))
    assert books.wallets_minor == HOLD_FEN * len(showers) - books.revenue_minor


@pytest.mark.parametrize(
    ("tariff", "every"),
    [
        ("dispenser-litre", 15),
        *(pytest.param(tariff, 1, marks=ALL) for tariff in TARIFFS),
    ],
)
async def test_by_codes_without_a_link_showers_cost_the_same_up_to_the_credit(
    tariff: str, every: int, stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    plan, showers = chosen(tariff, every, Way.OFFLINE)
    assert plan.credit_minor == CREDIT_FEN
    most = most_by_hand(tariff, CREDIT_FEN)
    events, books = await played(plan, stack, broker, tmp_path)
    assert [event.problem for event in events.values() if not event.settled] == []
    due: dict[str, int] = {}
    for event_id, shower in showers.items():
        event = events[event_id]
        assert event.held_minor == CREDIT_FEN, event_id
        if shower.ml > most.ml or shower.seconds > most.seconds:
            due[event_id] = fen_by_hand(tariff, most)
            assert (event.end, event.cut_by_hold) == ("limit", True), event_id
            assert event.register_ml == most.ml or event.register_s == most.seconds, event_id
        else:
            due[event_id] = fen_by_hand(tariff, shower)
            seen = (event.end, event.register_ml, event.register_s)
            assert seen == ("key", shower.ml, shower.seconds), event_id
        assert (event.charge_minor, event.captured_minor) == (due[event_id], due[event_id]), event_id
        assert event.released_minor == CREDIT_FEN - due[event_id], event_id
    assert books.ok
    assert (books.promised, books.revenue_minor) == (0, sum(due.values()))
    assert books.wallets_minor == HOLD_FEN * len(showers) - sum(due.values())


async def test_a_limit_in_seconds_cuts_in_its_very_moment(
    stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    source = written(tmp_path, "".join(f"1,{second},100\n" for second in range(60)))
    tariff = tmp_path / "ten-seconds.json"
    body = json.loads(dump_tariff(NAMED["shower-30s"]))
    tariff.write_text(json.dumps(body | {"max_s": 10, "idle_s": 5}))
    assert parse_tariff(tariff.read_bytes()).max_s == 10
    events, books = await played(planned(source, str(tariff)), stack, broker, tmp_path)
    event = events["1"]
    # Ten seconds are over with the first pulse of the eleventh.
    assert (event.end, event.register_s, event.register_ml, event.captured_minor) == ("limit", 10, 1_001, 8)
    assert not event.cut_by_hold
    assert books.ok


async def test_a_pause_longer_than_the_tariff_allows_ends_the_use(
    stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    source = written(tmp_path, "1,0,1000\n1,89,1000\n1,300,1000\n2,0,1000\n2,90,1000\n")
    plan = planned(source, "dispenser-litre", kind=Kind.FAUCET)
    events, books = await played(plan, stack, broker, tmp_path)
    assert (events["1"].end, events["1"].register_ml, events["1"].register_s) == ("idle", 2_000, 90)
    assert events["1"].captured_minor == 42
    # From the last pulse of second 0 to the first of second 90 there is less than 90 s.
    assert (events["2"].end, events["2"].register_ml) == ("key", 2_000)
    assert books.ok


async def test_at_a_speed_of_its_own_the_result_is_the_same(
    stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    source = written(tmp_path, "1,7,100\n1,8,250\n1,20,300\n")
    events, books = await played(planned(source, "shower-litre", speed=100), stack, broker, tmp_path)
    assert (events["1"].register_ml, events["1"].register_s, events["1"].end) == (650, 14, "key")
    assert events["1"].took_ms >= 140
    assert books.ok


@pytest.mark.parametrize("way", [Way.SCAN, Way.OFFLINE])
async def test_without_a_server_nothing_hangs_and_every_use_says_so(
    way: Way, database_url: str, broker: BrokerAccess, tmp_path: Path
) -> None:
    source = written(tmp_path, "".join(f"{event},0,100\n" for event in range(40)))
    plan = planned(source, "shower-litre", way=way)
    async with Stack(database_url, broker, frozenset()) as deaf, asyncio.timeout(30):
        events, books = await played(plan, deaf, broker, tmp_path, patience_s=0.3)
    assert {event.state for event in events.values()} == {NOT_STARTED, NOT_PLAYED}
    assert sum(event.state == NOT_STARTED for event in events.values()) == 16
    assert all(event.problem for event in events.values())
    assert (books.revenue_minor, books.held_minor, books.sound) == (0, 0, True)


async def test_what_a_meter_cannot_have_run_is_reviewed_and_fails_the_replay(
    stack: Stack, broker: BrokerAccess, tmp_path: Path
) -> None:
    impossible = Trace("1", (Second(0, 900), Second(1, 90_000), Second(2, 900)))
    plan = replace(planned(written(tmp_path, "1,0,900\n"), "shower-litre"), traces=(impossible,))
    events, books = await played(plan, stack, broker, tmp_path)
    assert events["1"].state == "settled"
    assert not events["1"].settled
    assert "in review" in (events["1"].problem or "")
    assert (events["1"].register_ml or 0) < 3_000
    assert books.ok


# ---------------------------------------------------------------- the command


SOURCE = str(Path(__file__).parents[2] / "src")


def run(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": SOURCE}
    return subprocess.Popen(
        [sys.executable, "-m", "coinslot.app", "replay", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_the_command_brings_its_own_stack_and_writes_what_it_found(tmp_path: Path) -> None:
    source = written(tmp_path, "".join(f"a,{second},250\n" for second in range(40)) + "b,0,500\n")
    out = tmp_path / "out.json"
    with engine_folder() as folder:
        process = run(folder, str(source), "--json", str(out))
        shown, _ = process.communicate(timeout=60)
        assert list(folder.iterdir()) == []
    assert process.returncode == 0
    assert "The books fit" in shown
    report = json.loads(out.read_bytes())
    wanted = (
        "event_id",
        "register_ml",
        "charge_minor",
        "held_minor",
        "captured_minor",
        "released_minor",
        "state",
    )
    assert [tuple(event[key] for key in wanted) for event in report["events"]] == [
        ("a", 10_000, 45, 500, 45, 455, "settled"),
        ("b", 500, 2, 500, 2, 498, "settled"),
    ]
    assert report["totals"]["captured_minor"] == report["ledger"]["revenue_minor"] == 47
    assert report["ledger"]["sound"]
    assert report["wall_s"] > report["play_s"] > 0


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_replay_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    source = written(tmp_path, "".join(f"a,{second},10\n" for second in range(3_600)))
    with engine_folder() as folder:
        process = run(folder, str(source), "--speed", "1")
        assert process.stderr is not None
        for line in process.stderr:
            if "playing" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode != 0
        assert [child for child in children if child.is_running() and child.status() != "zombie"] == []
        assert list(folder.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("engine", ["nats-server", "postgres"])
def test_an_engine_that_is_killed_costs_time_and_no_fen(tmp_path: Path, engine: str, way: Way) -> None:
    rows = "".join(f"{event},{second},100\n" for event in range(24) for second in range(100))
    source, out = written(tmp_path, rows), tmp_path / "out.json"
    with engine_folder() as folder:
        process = run(folder, str(source), "--json", str(out), "--way", way.value)
        assert process.stderr is not None
        for line in process.stderr:
            if "playing" in line:
                break
        (child,) = [one for one in psutil.Process(process.pid).children() if one.name() == engine]
        child.kill()
        process.communicate(timeout=90)
        assert list(folder.iterdir()) == []
    report = json.loads(out.read_bytes())
    assert [event["problem"] for event in report["events"] if event["problem"]] == []
    assert process.returncode == 0
    assert {event["captured_minor"] for event in report["events"]} == {45}
    assert report["ledger"]["sound"]


@pytest.mark.long
async def test_against_a_running_server(
    stack: Stack, database_url: str, broker: BrokerAccess, tmp_path: Path
) -> None:
    source, out = written(tmp_path, "a,0,900\na,1,100\n"), tmp_path / "out.json"
    environment = {
        "COINSLOT_DATABASE_URL": database_url,
        "COINSLOT_NATS_URL": broker.url,
        "COINSLOT_NATS_SERVER_PASSWORD": broker.server_password,
        "COINSLOT_NATS_AUTH_PASSWORD": broker.auth_password,
        "COINSLOT_NATS_SYS_PASSWORD": broker.sys_password,
        "COINSLOT_NATS_ISSUER_SEED": broker.issuer_seed,
        "COINSLOT_MQTT_PORT": str(broker.mqtt_port),
    }
    arguments = ("-m", "coinslot.app", "replay", str(source), "--server", "--json", str(out))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment, "PYTHONPATH": SOURCE}
    )
    assert await asyncio.wait_for(process.wait(), 60) == 0
    (event,) = json.loads(out.read_bytes())["events"]
    stored = await stack.pool.fetchval(
        "SELECT captured_minor FROM session WHERE session_id = $1", event["session_id"]
    )
    assert event["captured_minor"] == stored == 5


def test_a_bad_recording_is_refused_before_anything_starts(tmp_path: Path) -> None:
    source = written(tmp_path, "a,0,much\n")
    with engine_folder() as folder:
        process = run(folder, str(source))
        _, said = process.communicate(timeout=30)
        assert list(folder.iterdir()) == []
    assert process.returncode == 1
    assert said.splitlines() == [
        f"coinslot: {source}, line 2: `ml` is 'much', not a whole number",
        "→ Write `ml` as a whole number from 0 to 1000.",
    ]
