"""The server as a process: starts on an empty folder, serves, ends at once and cleanly, leaves nobody behind."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from coinslot.app.installation import attached_installation
from coinslot.app.settings import Settings
from coinslot.engines.connect import open_pool
from coinslot.fleet.store import create_operator, list_operators
from tests.support.engines import engine_folder
from tests.support.served import END_S, Served, serving

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data folder that the engines' user can reach; prepared once, as a first start costs a second."""
    with engine_folder() as folder:
        yield folder / "data"


def healthy(served: Served) -> bool:
    answer = httpx.get(f"{served.ready.http}/healthz", timeout=10)
    return answer.status_code == 200 and answer.json() == {"database": "ok", "broker": "ok"}


def until_healthy(served: Served) -> None:
    deadline = time.monotonic() + 30
    while not healthy(served):
        assert time.monotonic() < deadline, "not healthy within 30 s"


async def operators(data: Path, name: str | None = None) -> list[str]:
    """The names of all operators, one made first if a name is given."""
    installation = attached_installation(Settings(data_dir=data))
    assert installation is not None
    pool = await open_pool(installation.database_url)
    try:
        async with pool.acquire() as connection:
            if name is not None:
                await create_operator(
                    connection, name=name, currency="CNY", timezone="Asia/Shanghai", help_phone="", by="test"
                )
            return [operator.name for operator in await list_operators(connection)]
    finally:
        await pool.close()


def test_it_starts_serves_and_ends_at_a_signal(data: Path) -> None:
    with serving(data) as served:
        assert served.ready.pid == served.process.pid
        assert healthy(served)
        children = served.children()
        assert len(children) == 2
        code, said = served.end()
    assert code == 0, said
    assert "Traceback" not in said
    assert "WARNING" not in said
    assert not any(child.is_running() for child in children)


@pytest.mark.long
def test_a_second_start_finds_what_the_first_one_kept(data: Path) -> None:
    with serving(data) as first:
        assert "Kept" in asyncio.run(operators(data, "Kept"))
        ports = first.ready.mqtt_port
        first.end()
    with serving(data) as second:
        assert healthy(second)
        assert "Kept" in asyncio.run(operators(data))
        assert second.ready.mqtt_port == ports


@pytest.mark.long
def test_killed_outright_it_leaves_no_child_and_starts_again(data: Path) -> None:
    with serving(data) as served:
        children = served.children()
        served.process.kill()
        served.process.wait()
        gone, alive = psutil.wait_procs(children, timeout=END_S)
        assert not alive
        assert len(gone) == 2
    with serving(data) as again:
        assert healthy(again)


@pytest.mark.parametrize("engine", [pytest.param("nats", marks=pytest.mark.long), "postgres"])
def test_an_engine_that_dies_is_started_again_and_served_on(data: Path, engine: str) -> None:
    with serving(data) as served:
        psutil.Process(served.ready.children[engine]).kill()
        assert served.process.stderr is not None
        said: list[str] = []
        for line in served.process.stderr:
            said.append(line)
            if f"{engine} had died and runs again" in line:
                break
        else:
            raise AssertionError("it was not started again:\n" + "".join(said))
        until_healthy(served)
        code, said = served.end()
        assert code == 0, said


@pytest.mark.long
def test_ctrl_c_ends_it_too_and_an_open_connection_does_not_keep_it(data: Path) -> None:
    with serving(data) as served, httpx.Client(base_url=served.ready.http) as http:
        assert http.get("/healthz").status_code == 200
        began = time.monotonic()
        code, said = served.end(signal.SIGINT)
        assert code == 0, said
        assert time.monotonic() - began < END_S


def test_a_web_process_joins_the_engines_of_another(data: Path) -> None:
    with serving(data) as whole, serving(data, "--role", "web", "--log", "json") as web:
        assert healthy(web)
        assert web.ready.children == {}
        assert web.ready.http != whole.ready.http
        assert web.end()[0] == 0
        assert healthy(whole)


@pytest.mark.long
def test_a_second_whole_server_on_the_folder_is_refused(data: Path) -> None:
    with serving(data), pytest.raises(AssertionError, match="is in use by process"), serving(data):
        raise AssertionError("both run")


def test_a_port_that_is_taken_is_named(data: Path) -> None:
    with serving(data) as served:
        port = served.ready.http.rpartition(":")[2]
        with (
            pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{port}"),
            serving(data, "--role", "web", "--port", port),
        ):
            raise AssertionError("both listen")
