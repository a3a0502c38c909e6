"""Terminals that try what is not theirs, at the real broker: nothing of it arrives, and the intruder is cut."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coinslot.app.errors import Problem
from coinslot.app.seed import make_fleet
from coinslot.app.settings import WELL_KNOWN_SECRETS, load_settings
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.provisioning import revoke, rotate
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.wire import codec
from coinslot.wire.messages import Hello, Welcome
from tests.support.kept import ROOT
from tests.support.plant import Plant, eventually
from tests.support.raw_mqtt import RawMqtt, raw_mqtt

REFUSED = 0x80
NOT_AUTHORISED = 5


@pytest.fixture
async def plant(pool: Pool, broker: BrokerAccess, tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant(pool, broker, tmp_path) as plant:
        yield plant


async def terminals(plant: Plant, count: int) -> list[TerminalCredentials]:
    async with plant.pool.acquire() as connection:
        return await make_fleet(connection, plant.operator, terminals=count)


def hello(link: int = 1, **changes: object) -> bytes:
    fields = {"epoch": "ep_1", "next_seq": 1, "oldest_seq": 1, "boot": 1, "open_sessions": [], **changes}
    return codec.encode(Hello(link=link, **fields))


async def welcomed(client: RawMqtt, terminal: str, link: int = 1) -> Welcome:
    assert await client.subscribe(f"coinslot/1/{terminal}/down") == 0
    client.publish(f"coinslot/1/{terminal}/up", hello(link))
    data = await client.message()
    assert data is not None
    answer = codec.decode_down(data)
    assert isinstance(answer, Welcome)
    return answer


async def online(plant: Plant, terminal: str) -> bool:
    found = await plant.pool.fetchval("SELECT online FROM terminal_link WHERE terminal_id = $1", terminal)
    return bool(found)


async def alarms(plant: Plant) -> list[tuple[str, str]]:
    rows = await plant.pool.fetch("SELECT terminal_id, kind FROM alarm ORDER BY alarm_id")
    return [(row[0], row[1]) for row in rows]


async def test_what_one_terminal_says_in_anothers_name_never_arrives(plant: Plant) -> None:
    victim, (thief,) = await plant.tap(), await terminals(plant, 1)
    session = await plant.starts(await plant.customer(20_00), victim)
    assert isinstance(session, Session)
    water = victim.appliance.simulated[0]
    await eventually(lambda: water.is_open, "an open valve")
    async with await raw_mqtt(plant.broker, thief.terminal_id, thief.secret) as client:
        assert client.code == 0
        for channel in ("up", "gone", "down"):
            # A higher link would shut the victim out; `gone` would make it look absent; `stop` would end its session.
            client.publish(f"coinslot/1/{victim.credentials.terminal_id}/{channel}", hello(link=999))
            client.publish(
                f"coinslot/1/{victim.credentials.terminal_id}/{channel}", b'{"type":"gone","link":1}'
            )
            client.publish(
                f"coinslot/1/{victim.credentials.terminal_id}/{channel}",
                b'{"type":"stop","link":1,"session":"%s"}' % session.id.encode(),
            )
        await welcomed(client, thief.terminal_id)  # everything before it was looked at by the broker
    assert water.is_open
    assert (await plant.session(session.id)).state is State.RUNNING
    assert await online(plant, victim.credentials.terminal_id)
    link = await plant.pool.fetchval(
        "SELECT link FROM terminal_link WHERE terminal_id = $1", victim.credentials.terminal_id
    )
    assert link == 1


@pytest.mark.parametrize(
    "topic",
    [
        *("coinslot/1/{victim}/down", "coinslot/1/{victim}/up", "coinslot/1/+/up", "coinslot/1/+/down"),
        *("#", "coinslot/#", "$SYS/#", "coinslot/1/{thief}/up", "$MQTT/#"),
    ],
)
async def test_a_terminal_hears_only_its_own_commands(plant: Plant, topic: str) -> None:
    thief, victim = await terminals(plant, 2)
    async with await raw_mqtt(plant.broker, thief.terminal_id, thief.secret) as client:
        assert client.code == 0
        wanted = topic.format(victim=victim.terminal_id, thief=thief.terminal_id)
        assert await client.subscribe(wanted) in (REFUSED, -1)


async def test_a_record_for_anothers_session_changes_nothing_and_is_an_alarm(plant: Plant) -> None:
    victim, (thief,) = await plant.tap(), await terminals(plant, 1)
    session = await plant.starts(await plant.customer(20_00), victim)
    assert isinstance(session, Session)
    await eventually(lambda: victim.appliance.simulated[0].is_open, "an open valve")
    stopped = (
        b'{"type":"stopped","boot":1,"ticks_ms":9,"session":"%s","outlet":0,"reason":"key",'
        b'"start":{"ml":0},"registers":{"ml":99000}}' % session.id.encode()
    )
    async with await raw_mqtt(plant.broker, thief.terminal_id, thief.secret) as client:
        await welcomed(client, thief.terminal_id)
        client.publish(
            f"coinslot/1/{thief.terminal_id}/up",
            b'{"type":"records","link":1,"epoch":"ep_1","first_seq":1,"records":[%s]}' % stopped,
        )
        answer = await client.message()
        assert answer is not None
        assert b'"seq":1' in answer  # acknowledged: it blocks nothing behind it
    assert (thief.terminal_id, "foreign_session") in await alarms(plant)
    assert (await plant.session(session.id)).live


@pytest.mark.parametrize(
    "case", ["wrong secret", "another's secret", "another's client id", "no such terminal"]
)
async def test_who_cannot_prove_who_he_is_stays_out(plant: Plant, case: str) -> None:
    own, other = await terminals(plant, 2)
    user, secret, client_id = own.terminal_id, own.secret, None
    if case == "wrong secret":
        secret = own.secret[:-1] + ("A" if own.secret[-1] != "A" else "B")
    elif case == "another's secret":
        secret = other.secret
    elif case == "another's client id":
        client_id = other.terminal_id
    else:
        user = "trm_0000000000000000000000"
    async with await raw_mqtt(plant.broker, user, secret, client_id=client_id) as client:
        assert client.code in (NOT_AUTHORISED, -1)


async def test_of_two_with_one_name_the_newer_that_proves_it_stays(plant: Plant) -> None:
    (terminal,) = await terminals(plant, 1)
    name, secret = terminal.terminal_id, terminal.secret
    async with await raw_mqtt(plant.broker, name, secret) as older:
        await welcomed(older, name, link=1)
        async with await raw_mqtt(plant.broker, name, "a guess") as guess:
            assert guess.code != 0
        assert await older.ping()  # whoever cannot prove it cuts nobody
        async with await raw_mqtt(plant.broker, name, secret, link=2) as newer:
            assert newer.code == 0
            await older.ended()
            await welcomed(newer, name, link=2)
            # The old one's will names link 1: it does not make the new one absent.
            assert await online(plant, name)
            newer.publish(f"coinslot/1/{name}/up", hello(link=1))
            newer.publish(f"coinslot/1/{name}/up", hello(link=2))
            assert await newer.message() is not None
            assert (name, "lower_link") in await alarms(plant)


@pytest.mark.parametrize("change", [revoke, rotate])
async def test_a_secret_that_ends_takes_its_live_connection_along(plant: Plant, change: object) -> None:
    (terminal,) = await terminals(plant, 1)
    assert callable(change)
    async with await raw_mqtt(plant.broker, terminal.terminal_id, terminal.secret) as client:
        await welcomed(client, terminal.terminal_id)
        async with plant.pool.acquire() as connection:
            renewed = await change(connection, plant.operator, terminal.terminal_id, by="test")
        await client.ended()
    async with await raw_mqtt(plant.broker, terminal.terminal_id, terminal.secret) as again:
        assert again.code != 0
    if renewed is not None:
        async with await raw_mqtt(plant.broker, terminal.terminal_id, renewed.secret) as new:
            assert new.code == 0


UNREADABLE = {
    "no JSON": b"\xff\xfe\x00{",
    "another type": b'{"type":"gold","link":1}',
    "a NUL in the type": rb'{"type":"a\u0000b","link":1}',
    "a NUL in a field": rb'{"type":"hello","link":1,"firmware":"a\u0000b"}',
    "deep nesting": b'{"type":"hello","x":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "deep nesting without end": b"[" * 4_000,
    "a number beyond any": b'{"type":"gone","link":99999999999999999999999999}',
    "over 4 KiB": b'{"type":"alive","link":1,"x":"' + b"a" * 5_000 + b'"}',
    "nothing": b"",
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_what_cannot_be_read_is_an_alarm_and_the_next_message_is_served(
    plant: Plant, what: str
) -> None:
    rude, polite = await terminals(plant, 2)
    async with (
        await raw_mqtt(plant.broker, rude.terminal_id, rude.secret) as client,
        await raw_mqtt(plant.broker, polite.terminal_id, polite.secret) as other,
    ):
        assert await other.subscribe(f"coinslot/1/{polite.terminal_id}/down") == 0
        client.publish(f"coinslot/1/{rude.terminal_id}/up", UNREADABLE[what])
        assert await client.ping()
        other.publish(f"coinslot/1/{polite.terminal_id}/up", hello())
        assert await other.message() is not None
        await welcomed(client, rude.terminal_id)
    assert (rude.terminal_id, "unreadable") in await alarms(plant)


@pytest.mark.parametrize(
    "record", [rb'{"type":"x\u0000"}', b"[[[[1]]]]", b"null", b'{"type":"fault","code":7}']
)
async def test_a_record_nobody_can_read_is_kept_and_acknowledged(plant: Plant, record: bytes) -> None:
    (terminal,) = await terminals(plant, 1)
    async with await raw_mqtt(plant.broker, terminal.terminal_id, terminal.secret) as client:
        await welcomed(client, terminal.terminal_id)
        client.publish(
            f"coinslot/1/{terminal.terminal_id}/up",
            b'{"type":"records","link":1,"epoch":"ep_1","first_seq":1,"records":[%s]}' % record,
        )
        answer = await client.message()
    assert answer is not None
    assert b'"seq":1' in answer
    assert bytes(await plant.pool.fetchval("SELECT body FROM review WHERE reason = 'unreadable'")) == record


async def test_a_payload_beyond_the_brokers_limit_costs_only_its_sender(plant: Plant) -> None:
    rude, polite = await terminals(plant, 2)
    async with (
        await raw_mqtt(plant.broker, rude.terminal_id, rude.secret) as client,
        await raw_mqtt(plant.broker, polite.terminal_id, polite.secret) as other,
    ):
        client.publish(f"coinslot/1/{rude.terminal_id}/up", b"x" * 300_000)
        await client.ended()
        await welcomed(other, polite.terminal_id)


@pytest.mark.parametrize("secret", sorted(WELL_KNOWN_SECRETS))
@pytest.mark.parametrize(
    "key", ["SECRET_KEY", "NATS_SERVER_PASSWORD", "NATS_AUTH_PASSWORD", "NATS_SYS_PASSWORD"]
)
def test_a_secret_that_everybody_knows_is_refused(key: str, secret: str) -> None:
    with pytest.raises(Problem, match="everybody knows"):
        load_settings({"HOME": "/nowhere", f"COINSLOT_{key}": secret.upper()})


def test_a_server_does_not_start_with_a_secret_that_everybody_knows(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COINSLOT_")}
    ended = subprocess.run(
        [sys.executable, "-m", "coinslot.app", "serve", "--data-dir", str(tmp_path / "data"), "--port", "0"],
        env={**environment, "PYTHONPATH": str(ROOT / "src"), "COINSLOT_SECRET_KEY": "changeme"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "everybody knows" in ended.stderr
    assert not (tmp_path / "data").exists()
