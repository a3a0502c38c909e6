"""What the two embedded engines share: start, stop, restart, and noticing that the child has died."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from coinslot.engines.children import Child, tail
from coinslot.engines.errors import StartFailed
from coinslot.engines.folder import EngineFolder

Progress = Callable[[str], None]
"""Told, in one plain line, what is being waited for."""


def silent(line: str) -> None:
    """The progress callback for those who do not want to know."""


class Engine(ABC):
    """An engine that runs as our child. Start it in the main thread; it ends when we do.

    A context manager: starts on entry, stops on exit. `stop` gives the folder up; `restart` keeps it.
    """

    name: str
    ready_s = 60.0
    """How long a start may take; recovery after a crash is the slow case."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder = EngineFolder(folder)
        self._progress = progress
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The child's process id. RuntimeError when it was never started or has been stopped."""
        if self._child is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._child.pid

    @property
    def log(self) -> Path:
        """Where the child's own words go."""
        return self._folder.path / f"{self.name}.log"

    @property
    def running(self) -> bool:
        """Whether the child is alive now."""
        return self._child is not None and self._child.running

    def start(self) -> Self:
        """Start the child and wait until it takes connections. EngineError when that cannot be."""
        if self.running:
            return self
        try:
            self.launch()
            self.await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the child, wait until it is gone, and give the folder up."""
        self._end_child()
        self._folder.release()

    def restart(self) -> None:
        """Stop and start on the same folder, address and passwords, without giving the folder up."""
        self._end_child()
        self.start()

    def ensure_running(self) -> bool:
        """True if the child had died by itself and has been started again. Main thread only."""
        if self.running:
            return False
        self._progress(f"{self.name} has stopped; starting it again")
        self.start()
        return True

    @abstractmethod
    def launch(self) -> None:
        """Fork the child, which is quick, and do not wait for it. Main thread only."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the child takes connections."""

    def relaunch_after_failure(self, log_tail: str) -> bool:
        """Whether a child that ended before it was ready has been launched again, for a cause that passes."""
        return False

    def await_ready(self) -> None:
        """Wait until the child takes connections. StartFailed, with its last words, if it ends or is too slow."""
        deadline = time.monotonic() + self.ready_s
        while not self.is_ready():
            child = self._child
            if child is None or not child.running:
                words = tail(self.log)
                if time.monotonic() < deadline and self.relaunch_after_failure(words):
                    time.sleep(0.05)
                    continue
                code = None if child is None else child.exit_code
                raise StartFailed(
                    f"{self.name} ended while starting (exit code {code}):\n{words}", self._remedy()
                )
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{self.name} was not ready after {self.ready_s:.0f} s:\n{tail(self.log)}", self._remedy()
                )
            time.sleep(0.01)

    def _remedy(self) -> str:
        return f"The whole log is {self.log}."

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port(host: str = "127.0.0.1", preferred: int | None = None) -> int:
    """The preferred port if nobody has it, else one that is free at this moment."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartFailed(f"no free port on {host}", "End other programs that listen there.")
