"""The agent as a process of its own: what it needs, what it holds, and what outside it hears when it dies."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coinslot.terminal.identity import Identity, save

MOST_RSS_MB = 40
PATIENCE_S = 60
SILENCE_S = 1.8
"""A beat comes about once a second."""

BARE = """
import sys
ALLOWED = {"click", "msgspec", "gmqtt", "gpiod", "openpaygo", "siphash", "pymodbus", "serial", "segno", "coinslot"}
class Board:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names and not top.startswith("_"):
            raise ModuleNotFoundError(f"a board does not have {name}", name=name)
sys.meta_path.insert(0, Board())
import importlib, pkgutil
import coinslot.terminal
for one in pkgutil.walk_packages(coinslot.terminal.__path__, "coinslot.terminal."):
    importlib.import_module(one.name)
from coinslot.app.cli import command
try:
    command(["terminal", "check", "--config", sys.argv[1], "--no-keys", "--no-water", "--json"], prog_name="coinslot")
except SystemExit as end:
    tops = {name.partition(".")[0] for name in sys.modules}
    print(end.code, sorted(tops & {"cryptography", "litestar", "rich", "asyncpg"}), file=sys.stderr)
"""


def configuration(folder: Path, watchdog: Path | None = None) -> Path:
    """A simulated shower that belongs to a server nobody runs."""
    journal = folder / "journal"
    save(
        journal / "identity.json",
        Identity(terminal_id="ter_1", secret="s3cret", mqtt_host="127.0.0.1", mqtt_port=9),
    )
    path = folder / "terminal.toml"
    table = f'[watchdog]\ndevice = "{watchdog}"\n' if watchdog is not None else ""
    path.write_text(f'journal = "{journal}"\nsimulated = "shower"\nlanguage = "en"\n{table}')
    return path


def test_the_agent_and_its_check_need_no_package_of_the_servers(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BARE, configuration(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.stderr == "1 []\n", done.stderr
    said = {one["part"]: one for one in json.loads(done.stdout)}
    assert (said["link"]["level"], said["outlet 0, display"]["level"]) == ("FAIL", "OK")


class Watched:
    """One agent, with the ears of systemd and of the board's watchdog."""

    def __init__(self, folder: Path) -> None:
        device = folder / "watchdog"
        os.mkfifo(device)
        self.device = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(folder / "notify"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "coinslot.app", "terminal", "--config", configuration(folder, device)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )

    def hears(self, said: str) -> None:
        """Wait until systemd is told this."""
        self.systemd.settimeout(PATIENCE_S)
        while self.systemd.recv(100).decode() != said:
            pass

    def beats(self, within_s: float = PATIENCE_S) -> bytes:
        """What is written to the watchdog next; nothing after this long, or when it was closed."""
        ready, _, _ = select.select([self.device], [], [], within_s)
        return os.read(self.device, 100) if ready else b""

    def last(self) -> bytes:
        """The last byte written before the device was closed."""
        last, end = b"", time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            got = self.beats()
            if not got:
                break
            last = got[-1:]
        return last

    @property
    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    one = Watched(folder)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        one.systemd.close()
        os.close(one.device)


def test_an_agent_that_is_stopped_falls_silent_and_one_that_is_killed_leaves_the_board_to_its_watchdog(
    tmp_path: Path,
) -> None:
    with watched(tmp_path) as agent:
        agent.hears("READY=1")
        agent.hears("WATCHDOG=1")
        assert agent.beats()[-1:] == b"\0"
        assert agent.rss_mb <= MOST_RSS_MB
        agent.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, agent.process.pid, os.WSTOPPED)
        agent.beats(0)
        assert agent.beats(SILENCE_S) == b""
        agent.process.send_signal(signal.SIGCONT)
        assert agent.beats()[-1:] == b"\0"
        agent.process.kill()
        assert agent.last() in (b"", b"\0")
        assert agent.process.wait() == -signal.SIGKILL


def test_an_agent_that_is_asked_to_end_says_so_and_stops_the_boards_watchdog(tmp_path: Path) -> None:
    with watched(tmp_path) as agent:
        agent.hears("READY=1")
        agent.process.terminate()
        agent.hears("STOPPING=1")
        assert agent.last() == b"V"
        assert agent.process.wait() == 0


def test_asked_to_start_again_it_ends_for_systemd_to_start_it_when_nobody_uses_it(tmp_path: Path) -> None:
    with watched(tmp_path) as agent:
        agent.hears("WATCHDOG=1")
        agent.process.send_signal(signal.SIGUSR1)
        assert agent.process.wait(PATIENCE_S) == 0
