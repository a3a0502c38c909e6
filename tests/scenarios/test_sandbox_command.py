"""`coinslot sandbox` as somebody runs it: addresses, keys that a server takes, a signal ends it, the keys stay."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem
from coinslot.app.merchants_file import read_merchants
from tests.support.demonstration import environment

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whoever comes first makes the keys, which takes a second."""
    return tmp_path_factory.mktemp("sandbox")


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, its address, and the blocks that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "coinslot.app", "sandbox", "--keys", str(folder / "keys"), *arguments],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "Ctrl-C ends it" in line:
                break
        found = re.search(r"payer's phone (http\S+)", "".join(said))
        assert found is not None, said
        yield process, found[1], (folder / "keys" / "merchants.toml").read_text()
    finally:
        process.kill()
        process.communicate()


def test_it_runs_until_a_signal_and_comes_back_with_the_same_keys(folder: Path) -> None:
    with running(folder, "--port", "0", "--operator", 'North "Campus"', "--speed", "0") as (
        process,
        url,
        _,
    ):
        page = httpx.get(url)
        assert (page.status_code, "Payment sandbox" in page.text) == (200, True)
        contents = read_merchants(folder / "keys" / "merchants.toml")
        assert (contents.wrong, contents.loose) == ([], [])
        assert [(entry.operator, entry.provider) for entry in contents.entries] == [
            ('North "Campus"', "wechat"),
            ('North "Campus"', "alipay"),
            ('North "Campus"', "stripe"),
        ]
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
        assert process.returncode == 0
    printed = folder / "printed.toml"
    printed.write_text(out)
    printed.chmod(0o600)
    assert read_merchants(printed).wrong == [], "what is printed can be used anywhere"
    before = {path.name: path.read_text() for path in (folder / "keys").rglob("*") if path.is_file()}
    port = httpx.URL(url).port
    with running(folder, "--port", str(port), "--operator", 'North "Campus"', "--speed", "0"):
        after = {path.name: path.read_text() for path in (folder / "keys").rglob("*") if path.is_file()}
    assert after == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "keys").rglob("*.pem"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "{taken}"), "cannot listen on 127.0.0.1:"),
        (("--port", "0", "--host", "192.0.2.1"), "Name an address of this machine with --host"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [word.replace("{taken}", port) for word in arguments]
        done = CliRunner().invoke(coinslot, ["sandbox", "--keys", str(folder / "keys"), *words])
    assert isinstance(done.exception, Problem)
    assert said in str(done.exception)
