"""Processes: their CPU time and memory by /proc, and helpers of ours that take orders by a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from msgspec import Struct

from coinslot.app.errors import Problem

T = TypeVar("T")

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_END_S = 20.0


class Memory(Struct, frozen=True, kw_only=True):
    """Of one process, bytes. `pss` counts shared pages in parts, so that processes add up."""

    rss: int
    pss: int


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process, its children of now, and those it has waited for have used.

    A child that ends between two looks is waited for by its parent, and so stays in the sum.
    """
    own, waited = _cpu_ticks(pid)
    return (own + waited + sum(sum(_cpu_ticks(child)) for child in _children(pid))) / _TICKS_PER_S


def memory(pid: int) -> Memory:
    """What a process holds now."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        key, _, rest = line.partition(":")
        found[key] = int(rest.split()[0]) * 1024
    return Memory(rss=found["Rss"], pss=found["Pss"])


def _cpu_ticks(pid: int) -> tuple[int, int]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    fields = text.rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


class Helper:
    """A Python process of ours that reads lines of JSON and answers with such; it ends when its input does.

    So none outlives this process, however it ends. `with` ends it.
    """

    def __init__(self, *arguments: str, log: Path) -> None:
        self.name = arguments[0]
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C reaches us alone: we end it in order
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def say(self, words: Struct) -> None:
        """One line in. Problem when it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(words) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error

    def hear(self, kind: type[T]) -> T:
        """One line out. Problem when it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        return msgspec.json.decode(line, type=kind)

    def stop(self) -> None:
        """End it, in order if it will."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                self._process.stdin = None  # it has ended already
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_S)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ended(self) -> Problem:
        words = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        return Problem(f"{self.name} has ended:\n{words}", f"The whole log is {self.log}; use --keep.")
