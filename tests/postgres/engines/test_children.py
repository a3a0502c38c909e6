"""The children live exactly as long as their parent wants, and as it lives."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from coinslot.engines.binaries import find_nats, find_postgres
from coinslot.engines.broker import EmbeddedBroker
from coinslot.engines.connect import connect_login
from coinslot.engines.engine import Engine
from coinslot.engines.errors import EngineError, FolderBusy, FolderError, StartFailed
from coinslot.engines.postgres import EmbeddedPostgres
from coinslot.engines.supervise import MOST_DEATHS, supervise
from tests.support.engines import UNSAFE_BUT_QUICK

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root, to become somebody else")
REPOSITORY = Path(__file__).resolve().parents[3]


def quick(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / "postgres", settings=UNSAFE_BUT_QUICK)


@contextmanager
def parent(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.parent", str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=REPOSITORY,
    )
    with process:
        try:
            yield process
        finally:
            # Politely, so that its engines are gone before their folder is.
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def engines_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    assert process.stdout is not None
    word, *rest = process.stdout.readline().split()
    assert word == "ready", rest
    return [psutil.Process(int(pid)) for pid in rest]


def families(processes: list[psutil.Process]) -> list[psutil.Process]:
    return processes + [child for process in processes for child in process.children(recursive=True)]


def test_killing_the_parent_ends_both_children_and_all_theirs(folder: Path) -> None:
    with parent(folder) as process:
        everybody = families(engines_of(process))
        assert len(everybody) > 2
        process.send_signal(signal.SIGKILL)
        _, left = psutil.wait_procs(everybody, timeout=2.0)
        assert left == []


def test_after_a_killed_parent_the_next_start_takes_over_at_once(folder: Path) -> None:
    with parent(folder) as process:
        engines_of(process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with quick(folder) as postgres, EmbeddedBroker(folder / "nats") as broker:
            assert postgres.running
            assert broker.running


def test_ending_politely_leaves_nobody(folder: Path) -> None:
    with parent(folder) as process:
        everybody = families(engines_of(process))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0
        assert [p for p in everybody if p.is_running()] == []


def test_a_second_owner_of_the_folder_is_told_who_has_it(folder: Path) -> None:
    with quick(folder) as postgres:
        with pytest.raises(FolderBusy, match=f"in use by process {os.getpid()}") as caught:
            quick(folder).start()
        assert "COINSLOT_DATA_DIR" in caught.value.remedy
        assert postgres.running
        with parent(folder) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("refused")
    with quick(folder):
        pass


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_child_that_died_by_itself_is_started_again_with_its_data(
    folder: Path, stop: signal.Signals
) -> None:
    with quick(folder) as postgres, EmbeddedBroker(folder / "nats") as broker:
        asyncio.run(note(postgres.url("postgres"), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)"))
        asyncio.run(note(postgres.url("postgres"), "CHECKPOINT"))
        before = broker.access
        for engine in (postgres, broker):
            pid = engine.pid
            os.kill(pid, stop)
            psutil.Process(pid).wait(20)
            assert engine.ensure_running()
            assert engine.pid != pid
            assert not engine.ensure_running()
        assert asyncio.run(value(postgres.url("postgres"), "SELECT n FROM kept")) == 7
        assert broker.access == before


async def test_the_supervisor_brings_both_back_without_being_asked(folder: Path) -> None:
    with quick(folder) as postgres, EmbeddedBroker(folder / "nats") as broker:
        back: asyncio.Queue[str] = asyncio.Queue()
        task = asyncio.create_task(supervise([postgres, broker], restarted=lambda e: back.put_nowait(e.name)))
        try:
            for engine in (postgres, broker, postgres):
                os.kill(engine.pid, signal.SIGKILL)
                async with asyncio.timeout(20):
                    assert await back.get() == engine.name
                assert engine.running
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_the_supervisor_gives_up_on_what_dies_again_and_again(folder: Path) -> None:
    def kill(engine: Engine) -> None:
        os.kill(engine.pid, signal.SIGKILL)

    with EmbeddedBroker(folder / "nats") as broker:
        kill(broker)
        with pytest.raises(StartFailed, match=f"nats died {MOST_DEATHS + 1} times"):
            async with asyncio.timeout(60):
                await supervise([broker], restarted=kill)


def test_data_and_addresses_are_kept_over_a_stop_and_a_start(folder: Path) -> None:
    with quick(folder) as postgres, EmbeddedBroker(folder / "nats") as broker:
        assert postgres.initialised
        asyncio.run(note(postgres.url("postgres"), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)"))
        url, access = postgres.url(), broker.access
    with quick(folder) as postgres, EmbeddedBroker(folder / "nats") as broker:
        assert not postgres.initialised
        assert (postgres.url(), broker.access) == (url, access)
        assert asyncio.run(value(postgres.url("postgres"), "SELECT n FROM kept")) == 7


def test_a_first_start_that_was_killed_half_way_is_begun_again(folder: Path) -> None:
    half = folder / "postgres" / "cluster.new"
    half.mkdir(parents=True)
    (folder / "postgres").chmod(0o711)
    (half / "PG_VERSION").write_text("18\n", encoding="utf-8")
    with quick(folder) as postgres:
        assert postgres.running


def test_a_number_in_the_pid_file_that_is_now_another_programs_does_not_stop_the_start(folder: Path) -> None:
    with quick(folder) as postgres:
        pid_file = postgres.cluster / "postmaster.pid"
        owner = postgres.cluster.stat()
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    sleeper = subprocess.Popen(["sleep", "60"], user=owner.st_uid if ROOT else None)
    try:
        pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n", encoding="utf-8")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        with quick(folder) as postgres:
            assert postgres.running
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_child_is_started_from_the_main_thread_only(folder: Path) -> None:
    errors: list[str] = []

    def start() -> None:
        with pytest.raises(RuntimeError, match="main thread") as caught:
            EmbeddedBroker(folder / "nats").start()
        errors.append(str(caught.value))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert errors


@as_root
def test_roots_children_are_nobody_of_importance(folder: Path) -> None:
    with quick(folder) as postgres, EmbeddedBroker(folder / "nats") as broker:
        for process in families([psutil.Process(postgres.pid), psutil.Process(broker.pid)]):
            assert 0 not in (*process.uids(), *process.gids())
            assert "Groups:\t \n" in Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")


@as_root
def test_an_ordinary_user_can_run_both(folder: Path) -> None:
    uid = pwd.getpwnam("nobody").pw_uid
    os.chown(folder, uid, uid)
    with parent(folder, str(uid)) as process:
        for engine in engines_of(process):
            assert set(engine.uids()) == {uid}
        assert (folder / "postgres").stat().st_mode & 0o777 == 0o700


@as_root
def test_a_user_without_a_name_is_told_what_initdb_would_not_say(folder: Path) -> None:
    os.chown(folder, 54321, 54321)
    with parent(folder, "54321") as process:
        assert process.stdout is not None
        assert "user 54321 has no name" in process.stdout.readline()


def test_nothing_secret_can_be_read_by_others(folder: Path) -> None:
    with quick(folder) as postgres, EmbeddedBroker(folder / "nats"):
        assert postgres.cluster.stat().st_mode & 0o777 == 0o700
        for part in ("postgres", "nats"):
            for path in (folder / part).iterdir():
                allowed = 0o700 if path.is_dir() else 0o600
                assert path.stat().st_mode & 0o777 == allowed, path
        command_lines = " ".join(psutil.Process(postgres.pid).cmdline())
        assert postgres.url().split(":")[2].split("@")[0] not in command_lines


@as_root
def test_a_folder_the_child_cannot_reach_is_refused_and_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(FolderError, match=f"may not pass through {closed}") as caught:
        quick(closed).start()
    assert "/var/lib/coinslot" in caught.value.remedy
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
@pytest.mark.long
def test_programs_that_the_child_cannot_reach_are_copied_to_where_it_can(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    find_postgres().copy_to(closed / "postgres")
    nats = closed / "nats-server"
    shutil.copy2(find_nats()[0], nats)
    with (
        EmbeddedPostgres(
            folder / "postgres", binaries=closed / "postgres" / "bin", settings=UNSAFE_BUT_QUICK
        ) as postgres,
        EmbeddedBroker(folder / "nats", program=nats) as broker,
    ):
        for engine in (postgres, broker):
            assert str(folder / engine.name) in psutil.Process(engine.pid).exe()
            assert psutil.Process(engine.pid).uids().real != 0
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_folders_place_is_refused(folder: Path) -> None:
    (folder / "postgres").write_text("", encoding="utf-8")
    with pytest.raises(FolderError, match="cannot be made"):
        quick(folder).start()


@as_root
def test_a_folder_of_somebody_elses_is_refused(folder: Path) -> None:
    (folder / "postgres").mkdir()
    os.chown(folder / "postgres", 54321, 54321)
    with pytest.raises(FolderError, match="not yours to write to"):
        quick(folder).start()


def test_a_cluster_of_another_major_version_is_refused(folder: Path) -> None:
    with quick(folder) as postgres:
        version = postgres.cluster / "PG_VERSION"
    version.write_text("9\n", encoding="utf-8")
    with pytest.raises(FolderError, match="was made by PostgreSQL 9"):
        quick(folder).start()


def test_a_lost_password_is_not_replaced_by_one_that_cannot_work(folder: Path) -> None:
    with quick(folder):
        pass
    (folder / "postgres" / "superuser.password").unlink()
    with pytest.raises(FolderError, match=r"superuser\.password is missing"):
        quick(folder).start()


def test_a_start_that_fails_says_why_in_the_engines_own_words(folder: Path) -> None:
    broken = EmbeddedPostgres(folder / "postgres", settings={"shared_buffers": "nonsense"})
    with pytest.raises(StartFailed, match="shared_buffers") as caught:
        broken.start()
    assert "postgres.log" in caught.value.remedy
    with quick(folder):
        pass


def test_the_socket_goes_elsewhere_when_the_folders_path_is_too_long(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with quick(deep) as postgres:
        assert len(str(postgres.socket_folder)) < 90
        assert postgres.socket_folder.stat().st_mode & 0o777 == 0o700
        assert asyncio.run(value(postgres.url("postgres"), "SELECT 1")) == 1
    postgres.socket_folder.rmdir()


def test_tcp_on_loopback_keeps_its_port_and_asks_for_the_password(folder: Path) -> None:
    def start() -> EmbeddedPostgres:
        return EmbeddedPostgres(folder / "postgres", settings=UNSAFE_BUT_QUICK, tcp_port=0).start()

    first = start()
    url = first.tcp_url("postgres")
    try:
        assert asyncio.run(value(url, "SELECT 1")) == 1
        assert asyncio.run(value(first.url("postgres"), "SELECT 1")) == 1
        password = url.split(":")[2].split("@")[0]
        with pytest.raises(EngineError, match="password authentication failed"):
            asyncio.run(value(url.replace(password, "guess"), "SELECT 1"))
    finally:
        first.stop()
    second = start()
    try:
        assert second.tcp_url("postgres") == url
    finally:
        second.stop()


async def note(url: str, sql: str) -> None:
    connection = await connect_login(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def value(url: str, sql: str) -> object:
    connection = await connect_login(url)
    try:
        result: object = await connection.fetchval(sql)
        return result
    finally:
        await connection.close()
