"""`coinslot serve` as a process of its own, waited for by its ready line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from coinslot.app.serve import Ready

ROOT = Path(__file__).resolve().parents[2]
END_S = 15.0
"""How long an end that was asked for may take."""


@dataclass
class Served:
    """A server that takes connections."""

    process: subprocess.Popen[str]
    ready: Ready

    def children(self) -> list[psutil.Process]:
        """The engines it runs."""
        return [psutil.Process(pid) for pid in self.ready.children.values()]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal and wait at most END_S; the exit code and what was said on standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=END_S)
        return self.process.returncode, said


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """A server in this data folder; ended after the block if it still runs."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COINSLOT_")}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "coinslot.app", "serve", "--port", "0", "--ready-file", "-"),
            *("--data-dir", str(folder), *arguments),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder.parent,
        env={**inherited, "PYTHONPATH": str(ROOT / "src"), **environment},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"the server did not start:\n{process.communicate()[1]}")
        yield Served(process, msgspec.json.decode(line, type=Ready))
    finally:
        process.terminate()
        try:
            process.communicate(timeout=2 * END_S)
        finally:
            process.kill()
