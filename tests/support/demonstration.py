"""`coinslot demo` as a process of its own, followed line by line, and other commands beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
END_S = 45.0
"""How long an end that was asked for may take: sessions are closed and their records taken."""


def environment(data: Path) -> dict[str, str]:
    """Ours without any setting, but with this data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COINSLOT_")}
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "COINSLOT_DATA_DIR": str(data)}


def coinslot(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Another command, from another shell."""
    return subprocess.run(
        [sys.executable, "-m", "coinslot.app", *arguments],
        env=environment(data),
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Demonstration:
    """A demo that runs; everything it says is kept."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def until(self, words: str) -> str:
        """Read on to a line with these words, and give it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if words in line:
                return line.rstrip()
        raise AssertionError(f"it ended without saying {words!r}:\n" + "\n".join(self.said))

    def family(self) -> list[psutil.Process]:
        """Every process below it, the engines' own workers too."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal if one is given, read to the end; the exit code."""
        if number is not None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=END_S)
        self.said += rest.splitlines()
        return self.process.returncode

    @property
    def text(self) -> str:
        """All that was said."""
        return "\n".join(self.said)


@contextlib.contextmanager
def demonstrating(data: Path, *arguments: str) -> Iterator[Demonstration]:
    """A demo in this data folder; ended after the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "coinslot.app", "demo", *arguments],
        env=environment(data),
        cwd=data.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Demonstration(process)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=END_S)
            finally:
                process.kill()
