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

_POLL_S = 0.01
_PAUSE_S = 0.05  # before a second try: what is in the way needs about this long to go

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
        self._log_begin = 0

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
        deadline = time.monotonic() + self.ready_s
        try:
            self.launch()
            while not self.wait_ready(deadline):
                self.launch()
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

    def launch(self) -> None:
        """Fork the child, which is quick, and do not wait for it. Main thread only."""
        self._log_begin = self.log.stat().st_size if self.log.exists() else 0
        self._child = self._spawn()

    def wait_ready(self, deadline: float) -> bool:
        """Wait until the child takes connections; any thread may.

        False when it ended for a cause that passes, so that it should be launched again. StartFailed, with
        its last words, when it ended otherwise or `deadline` (time.monotonic's seconds) has come.
        """
        while not self._is_ready():
            child = self._child
            ended = child is None or not child.running
            late = time.monotonic() > deadline
            words = tail(self.log, self._log_begin) if ended or late else ""
            if ended and not late and self._passes(words):
                time.sleep(_PAUSE_S)
                return False
            if ended or late:
                how = f"ended (exit code {child.exit_code})" if ended and child else "was not ready in time"
                raise StartFailed(f"{self.name} {how}:\n{words}", f"The whole log is {self.log}.")
            time.sleep(_POLL_S)
        return True

    @abstractmethod
    def _spawn(self) -> Child:
        """Prepare the folder and fork the child."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the child takes connections."""

    @abstractmethod
    def _passes(self, words: str) -> bool:
        """Whether what a child said before it ended names a cause that passes by itself."""

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
